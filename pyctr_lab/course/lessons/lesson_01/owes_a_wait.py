"""Exercise 1.2: the parent of a zombie."""

from __future__ import annotations

from random import Random

from ....kernel import proc
from ...grading import (
    Exercise,
    Ground,
    KernelView,
    Misconception,
    Number,
    Requirement,
    Submission,
    Values,
    command,
    until,
)
from ..kit import proc_parent, zombies


class WhoOwesAWait(Exercise):
    """A zombie, and several processes that could be asked to bury it."""

    id = "1.2"
    title = "The one that owes a wait"
    question = """Among the children and grandchildren of {box} is a zombie: it was `{was}`, and it has ended. One
    process is to blame that it still stands in the list. What number has that process on the host?"""
    wants = Number("its number on the host of the course", "...")
    hints = (
        """A zombie is all that is left of a process: its exit status, kept for somebody who is to ask for it. Who
        may ask? Only one process may.""",
        """lab.host.run(["ps", "-e", "-o", "pid,ppid,stat,args"]).stdout lists every process with its state; the
        zombie's begins with Z.""",
        "The second column of the zombie's line, PPID, is the process that has not called wait.",
    )
    misconceptions = (
        Misconception(
            believes="The zombie itself is what must be ended.",
            message="""That is the zombie. It has ended already and cannot do anything, not even receive a signal:
            it waits for its parent to ask how it ended.""",
            sign=lambda view, answer: answer in {view.inner_pid(pid) for pid in zombies(view)},
            act=lambda ground: ground.view().inner_pid(zombies(ground.view())[0]),
        ),
        Misconception(
            believes="PID 1 collects every zombie.",
            message="""PID 1 waits for the orphans that it adopts. This zombie is no orphan: its parent lives, and
            as long as it does, the duty is the parent's alone.""",
            sign=lambda view, answer: answer == 1,
            act=lambda ground: 1,
        ),
        Misconception(
            believes="Whoever began it all has to clean up.",
            message="""That is the container's process, the grandparent. It cannot wait for a grandchild: wait(2)
            knows one's own children only.""",
            sign=lambda view, answer: answer == view.inner_pid(view.pid(view.values["box"])),
            act=lambda ground: ground.box.pid,
        ),
        Misconception(
            believes="Any process with children is to blame.",
            message="""That one has a child, but one that lives: there is nothing to wait for yet. Look for the
            parent of the one whose state is Z.""",
            sign=lambda view, answer: answer == view.inner_pid(view.pid("living")),
            act=lambda ground: ground.programs["living"].pid,
        ),
        Misconception(
            believes="The number that my own terminal shows is the host's.",
            message="""That is its number on your machine. The host of this course is a world of its own between
            your machine and the container, and counts for itself: ask lab.host.""",
            sign=lambda view, answer: answer in {proc_parent(pid) for pid in zombies(view)},
            act=lambda ground: ground.programs["parent"].machine_pid,
        ),
    )
    after = "The kernel keeps the exit status until the parent asks. End that parent, and PID 1 adopts and buries."
    names = ("badger", "ferret", "marten", "otter")

    def values(self, random: Random) -> Values:
        seconds = random.sample(range(3000, 4000), 2)
        return {"box": random.choice(self.names), "was": random.choice(("nproc", "arch", "tty")), "seconds": seconds}

    def setup(self, ground: Ground) -> None:
        box, (one, two) = ground.add(ground.values["box"]), ground.values["seconds"]
        was = ground.values["was"]
        ground.programs["living"] = box.start(["sh", "-c", f"sleep {one} & exec sleep {one}"])
        ground.programs["parent"] = box.start(["sh", "-c", f"{was} >/dev/null & exec sleep {two}"])
        until(lambda: zombies(ground.view()) and "sh" not in map(name_of, programs(ground)))

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        dead, there = zombies(view), view.processes()
        seen = f"/proc/{dead[0]}/status has State Z" if dead else "none of its descendants is in state Z any more"
        named = f"`{command(there[answer])}`" if isinstance(answer, int) and answer in there else "no process"
        return [
            Requirement(
                name="the number is that of the zombie's parent",
                met=bool(dead) and answer in {view.inner_pid(proc_parent(pid)) for pid in dead},
                observed=f"{seen}; number {answer} on the host is {named}, and that is not its PPid",
                expected="the process that the zombie's PPid names, in the host's count",
                why="a zombie holds a number and a place in the table until its parent calls wait; nobody else can",
                look='lab.host.run(["ps", "-e", "-o", "pid,ppid,stat,args"]).stdout',
            )
        ]

    def solution(self, ground: Ground) -> object:
        listed = ground.lab.host.run(["ps", "-e", "-o", "ppid=,stat=,comm="]).stdout
        rows = [line.split() for line in listed.splitlines()]
        return next(int(ppid) for ppid, state, name, *_ in rows if state[0] == "Z" and name == ground.values["was"])


def programs(ground: Ground) -> list[int]:
    """The programs of the ground, by their numbers on this machine."""
    return [program.machine_pid for program in ground.programs.values()]


def name_of(pid: int) -> str:
    """The name that the kernel has for a process."""
    return proc.status(pid)["Name"]
