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
    process is to blame that it still stands in the list. Which number does that process have on the lab's host?"""
    wants = Number("its number on the lab's host", "...")
    hints = (
        """A zombie is all that is left of a process: its exit status, which the kernel keeps until it is asked for.
        Only one process may ask. Which?""",
        """lab.host.run(["ps", "-e", "-o", "pid,ppid,stat,args"]).stdout lists every process with its state; the
        zombie's begins with Z.""",
        "The second column of the zombie's line, PPID, is the process that has not called wait.",
    )
    misconceptions = (
        Misconception(
            believes="The zombie itself is what must be ended.",
            explains=(1,),
            message="""That is the zombie. It has ended already and cannot do anything, not even receive a signal:
            it waits for its parent to ask how it ended.""",
            sign=lambda view, answer: answer in {view.inner_pid(pid) for pid in the_zombie(view)},
            act=lambda ground: ground.view().inner_pid(the_zombie(ground.view())[0]),
        ),
        Misconception(
            believes="PID 1 collects every zombie.",
            explains=(1,),
            message="""PID 1 waits for the orphans that it adopts. This zombie is no orphan: its parent lives, and
            as long as it does, the duty is the parent's alone.""",
            sign=lambda view, answer: answer == 1,
            act=lambda ground: 1,
        ),
        Misconception(
            believes="What began it all has to clean up.",
            explains=(1,),
            message="""That is the container's process, the grandparent. It cannot wait for a grandchild: wait(2)
            knows one's own children only.""",
            sign=lambda view, answer: bool(the_zombie(view)) and answer == view.inner_pid(view.pid(view.values["box"])),
            act=lambda ground: ground.box.pid,
        ),
        Misconception(
            believes="Any process with children is to blame.",
            explains=(1,),
            message="""That one has a child, but one that lives: there is nothing to wait for yet. Look for the
            parent of the one whose state is Z.""",
            sign=lambda view, answer: answer == view.inner_pid(view.pid("living")) and not later_zombies(view),
            act=lambda ground: ground.programs["living"].pid,
        ),
        Misconception(
            believes="The number that my own terminal shows is the lab's host's.",
            explains=(1,),
            message="""That is a number on your machine (`machine_pid`). The lab's host stands between your
            machine and the container, and counts for itself: ask lab.host.""",
            sign=lambda view, answer: answer in {*view.processes().values()} - {*view.processes()},
            act=lambda ground: ground.programs["parent"].machine_pid,
        ),
        Misconception(
            believes="Any zombie in the list is the one that was asked for.",
            explains=(1,),
            message="""That process has a zombie too, but another one than the question's: it has not been there from
            the beginning. Look for the zombie that the question names.""",
            sign=lambda view, answer: answer in {view.inner_pid(proc_parent(pid)) for pid in later_zombies(view)},
            act=lambda ground: with_another_zombie(ground),
        ),
    )
    after = "The kernel keeps the exit status until the parent asks. End that parent: PID 1 adopts it and waits."
    hides = ("living", "parent")
    names = ("badger", "ferret", "marten", "otter")

    def values(self, random: Random) -> Values:
        seconds = random.sample(range(3000, 4000), 2)
        return {"box": random.choice(self.names), "was": random.choice(("nproc", "arch", "tty")), "seconds": seconds}

    def setup(self, ground: Ground) -> None:
        box, (one, two) = ground.add(ground.values["box"]), ground.values["seconds"]
        was = ground.values["was"]
        ground.programs["living"] = box.start(["sh", "-c", f"sleep {one} & exec sleep {one}"])
        ground.programs["parent"] = box.start(["sh", "-c", f"{was} >/dev/null & exec sleep {two}"])
        until(lambda: zombies(ground.view()) and "sh" not in map(name_of, program_pids(ground)))
        (zombie,) = zombies(ground.view())
        stat = proc.stat(zombie)
        ground.facts |= {"zombie": zombie, "zombie is": stat[:2] + stat[19:20]}  # state, parent, start time

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        dead, there = the_zombie(view), view.processes()
        named = f"`{command(there[answer])}`" if isinstance(answer, int) and answer in there else "no process"
        seen = f"the zombie (/proc/{view.facts['zombie']}) is not its parent's any more: waited for, or an orphan"
        met = bool(dead) and answer in {view.inner_pid(proc_parent(pid)) for pid in dead}
        if dead:
            seen = f"/proc/{dead[0]}/status has State Z; its PPid is {'' if met else 'not '}number {answer} on the"
            seen += f" lab's host, {named}"
        return [
            Requirement(
                name="the number is that of the zombie's parent",
                met=met,
                observed=seen,
                expected="the process that the zombie's PPid names, in the count of the lab's host",
                why="a zombie holds a number until its parent calls wait; no other process can",
                look='lab.host.run(["ps", "-e", "-o", "pid,ppid,stat,args"]).stdout',
            )
        ]

    def solution(self, ground: Ground) -> object:
        listed = ground.lab.host.run(["ps", "-e", "-o", "ppid=,stat=,comm="]).stdout
        rows = [line.split() for line in listed.splitlines()]
        return next(int(ppid) for ppid, state, name, *_ in rows if state[0] == "Z" and name == ground.values["was"])


def the_zombie(view: KernelView) -> list[int]:
    """The zombie that the exercise has made, by pid and start time; empty once it was reaped or has another parent."""
    pid = view.facts["zombie"]
    try:
        fields = proc.stat(pid)
    except ProcessLookupError:
        return []
    return [pid] if fields[:2] + fields[19:20] == view.facts["zombie is"] else []


def later_zombies(view: KernelView) -> list[int]:
    """Zombies below the container that the learner has made."""
    return [pid for pid in zombies(view) if pid != view.facts["zombie"]]


def with_another_zombie(ground: Ground) -> int | None:
    """Start a program that leaves a zombie of its own; return its parent's number on the lab's host."""
    program = ground.box.start(["sh", "-c", "true & exec sleep 900"])
    until(lambda: later_zombies(ground.view()))
    return program.pid


def program_pids(ground: Ground) -> list[int]:
    """The programs of the ground, by their numbers on this machine."""
    return [program.machine_pid for program in ground.programs.values()]


def name_of(pid: int) -> str:
    """The name that the kernel has for a process."""
    return proc.status(pid)["Name"]
