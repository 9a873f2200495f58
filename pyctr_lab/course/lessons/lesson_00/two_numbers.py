"""Exercise 0.1, the warm-up: one process, three numbers. Its first try is meant to fail."""

from __future__ import annotations

from random import Random

from ...grading import Exercise, Ground, KernelView, Misconception, Number, Requirement, Submission, Values, command


class OneProcessThreeNumbers(Exercise):
    """A program in a container, to be found on the lab's host."""

    id = "0.1"
    title = "One process, three numbers"
    question = """In the container {box} a program runs: `sleep {seconds}`. The container, the lab's host and your
    machine each count it with a number of their own. Which number does it have on the lab's host?"""
    wants = Number("its number on the lab's host", "...")
    hints = (
        """Compare two lists: ground.box.run(["ps", "ax"]).stdout is what the container sees,
        lab.host.run(["ps", "ax"]).stdout what the lab's host sees. Which of the two does the question ask for?""",
        """The list of the lab's host has several processes. Yours is the one whose command is `sleep {seconds}`.""",
        """The first column of that line is the answer. To see all three numbers at once: on your machine the kernel
        lists them in one line, NSpid, of /proc/NUMBER/status, your machine's first.""",
    )
    misconceptions = (
        Misconception(
            believes="A process has one number, the one that it sees itself.",
            explains=(1,),
            message="""That is its number in the container. Behind its wall the container counts from 1 anew. Ask
            the lab's host.""",
            sign=lambda view, answer: answer == view.numbers("sleeper")[-1],
            act=lambda ground: ground.view().numbers("sleeper")[-1],
        ),
        Misconception(
            believes="The number that my own terminal shows is the lab's host's.",
            explains=(1,),
            message="""That is its number on your machine (`machine_pid`). The lab's host stands between your
            machine and the container, and counts for itself: ask lab.host.""",
            sign=lambda view, answer: answer == view.numbers("sleeper")[0],
            act=lambda ground: ground.programs["sleeper"].machine_pid,
        ),
        Misconception(
            believes="The container's number is that of everything in it.",
            explains=(1,),
            message="""That is the container's first process as the lab's host counts it. The program is its child,
            a process of its own with a number of its own.""",
            sign=lambda view, answer: answer == view.inner_pid(view.pid(view.values["box"])),
            act=lambda ground: ground.box.pid,
        ),
        Misconception(
            believes="The number in the command is the number of the process.",
            explains=(1,),
            message="""That is the argument: how many seconds it sleeps. The number of the process stands in the
            first column of `ps ax`.""",
            sign=lambda view, answer: answer == view.values["seconds"],
            act=lambda ground: ground.values["seconds"],
        ),
        Misconception(
            believes="The lab's host counts what runs in a container from 1, too.",
            explains=(1,),
            message="""Number 1 of the lab's host is the launcher, the process that has begun the lab. A container's
            first process is number 1 in the container only, and the program is that one's child.""",
            sign=lambda view, answer: answer == 1,
            act=lambda ground: 1,
        ),
        Misconception(
            believes="The number of the container is the number of the program in it, and `machine_pid` is the lab's.",
            explains=(1,),
            message="""That is the container's first process, as your machine counts it. It is another process (the
            program's parent) and another count (the question asks for that of the lab's host).""",
            sign=lambda view, answer: answer == view.pid(view.values["box"]),
            act=lambda ground: ground.box.machine_pid,
        ),
    )
    after = "One process, three counts: the kernel keeps a number for each PID namespace that can see it (NSpid)."
    hides = ("sleeper",)
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
                name="the number is the one that the lab's host has for it",
                met=answer == view.inner_pid(view.pid("sleeper")),
                observed=f"on the lab's host, number {answer} is {seen}; NSpid in /proc/{view.pid('sleeper')}/status"
                f" has the numbers of `sleep {view.values['seconds']}`, one for each world that sees it",
                expected=f"the number of `sleep {view.values['seconds']}` in the count of the lab's host",
                why="a number means a process only in the count that it was taken from: a command on the lab's host"
                " takes the numbers of the lab's host",
                look='lab.host.run(["ps", "ax"]).stdout',
            )
        ]

    def solution(self, ground: Ground) -> object:
        listed = ground.lab.host.run(["ps", "ax", "-o", "pid=,args="]).stdout
        wanted = f"sleep {ground.values['seconds']}"
        return next(int(line.split()[0]) for line in listed.splitlines() if line.endswith(wanted))
