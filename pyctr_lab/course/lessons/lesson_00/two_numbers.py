"""Exercise 0.1, the warm-up: one process, two numbers. Its first try is meant to fail."""

from __future__ import annotations

from random import Random

from ...grading import Exercise, Ground, KernelView, Misconception, Number, Requirement, Submission, Values, command


class OneProcessTwoNumbers(Exercise):
    """A program in a container, to be found on the host."""

    id = "0.1"
    title = "One process, two numbers"
    question = """In the container {box} a program runs: `sleep {seconds}`. From inside, `ps ax` lists it under one
    number; the host of the course lists the same process under another. Which number has it on the host?"""
    wants = Number("its number on the host of the course", "...")
    hints = (
        """Compare two lists: ground.box.run(["ps", "ax"]).stdout is what the container sees,
        lab.host.run(["ps", "ax"]).stdout what the host sees. Which of the two does the question ask for?""",
        """Many processes stand in the host's list. Yours is told by its command: `sleep` with the very number of
        seconds that the question names.""",
        """The first column of that line is the answer. If you like to see both numbers at once: the kernel keeps them
        in one line, NSpid, of /proc/NUMBER/status.""",
    )
    misconceptions = (
        Misconception(
            believes="A process has one number, the one that it sees itself.",
            message="""That is the number it has inside. Inside and outside number the same process differently: the
            wall is a new count that begins at 1. Ask the host.""",
            sign=lambda view, answer: answer == view.numbers("sleeper")[-1],
            act=lambda ground: ground.view().numbers("sleeper")[-1],
        ),
        Misconception(
            believes="The number that my own terminal shows is the host's.",
            message="""That is its number on your machine. The host of this course is a world of its own between
            your machine and the container, and counts for itself: ask lab.host.""",
            sign=lambda view, answer: answer == view.numbers("sleeper")[0],
            act=lambda ground: ground.programs["sleeper"].machine_pid,
        ),
        Misconception(
            believes="The container's number is that of everything in it.",
            message="""That is the container's first process, which is number 1 inside. The program is its child, a
            process of its own with a number of its own.""",
            sign=lambda view, answer: answer == view.inner_pid(view.pid(view.values["box"])),
            act=lambda ground: ground.box.pid,
        ),
        Misconception(
            believes="The number in the command is the number of the process.",
            message="""That is the argument: how many seconds it sleeps. The number of the process stands in the
            first column of `ps ax`.""",
            sign=lambda view, answer: answer == view.values["seconds"],
            act=lambda ground: ground.values["seconds"],
        ),
        Misconception(
            believes="The host counts what runs in a container from 1, too.",
            message="""Number 1 of the host is the launcher, the process that has begun the lab. A container's first
            process is number 1 in the container only; and the program is not even that one, but its child.""",
            sign=lambda view, answer: answer == 1,
            act=lambda ground: 1,
        ),
    )
    after = "One process, counted twice: the kernel keeps a number for each PID namespace that can see it (NSpid)."
    names = ("robin", "wren", "finch", "tern")

    def values(self, random: Random) -> Values:
        return {"box": random.choice(self.names), "seconds": random.randrange(4000, 9000)}

    def setup(self, ground: Ground) -> None:
        box = ground.add(ground.values["box"])
        for step in ground.lab.recipe(box.name):
            box.apply(step)
        ground.programs["sleeper"] = box.start(["sleep", str(ground.values["seconds"])])

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        there = view.processes()
        seen = f"`{command(there[answer])}`" if isinstance(answer, int) and answer in there else "no process"
        return [
            Requirement(
                name="the number is the one that the host has for it",
                met=answer == view.inner_pid(view.pid("sleeper")),
                observed=f"on the host, number {answer} is {seen}; NSpid in /proc/{view.pid('sleeper')}/status has its"
                " numbers, one for each world that sees it",
                expected=f"the number of `sleep {view.values['seconds']}` in the host's count",
                why="which number is right depends on who asks: kill(2) and /proc take the number of the asker's world",
                look='lab.host.run(["ps", "ax"]).stdout',
            )
        ]

    def solution(self, ground: Ground) -> object:
        listed = ground.lab.host.run(["ps", "ax", "-o", "pid=,args="]).stdout
        wanted = f"sleep {ground.values['seconds']}"
        return next(int(line.split()[0]) for line in listed.splitlines() if line.endswith(wanted))
