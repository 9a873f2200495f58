"""Lesson 01: processes and their parents."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from random import Random

from ....kernel import proc
from ...grading.exercise import Exercise, Ground, Misconception, Values
from ...grading.submissions import Answer, Number
from ...grading.verdicts import Requirement
from ...grading.view import Scene, age, command, descendants, until
from .shared_memory import WhoSharesMemory


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
            "M1",
            "The zombie itself is what must be ended.",
            """That is the zombie. It has ended already and cannot do anything, not even receive a signal: it waits
            for its parent to ask how it ended.""",
            lambda scene, answer: answer in {scene.inner_pid(pid) for pid in zombies(scene)},
            lambda ground: ground.scene().inner_pid(zombies(ground.scene())[0]),
        ),
        Misconception(
            "M2",
            "PID 1 collects every zombie.",
            """PID 1 waits for the orphans that it adopts. This zombie is no orphan: its parent lives, and as long
            as it does, the duty is the parent's alone.""",
            lambda scene, answer: answer == 1,
            lambda ground: 1,
        ),
        Misconception(
            "M3",
            "Whoever began it all has to clean up.",
            """That is the container's process, the grandparent. It cannot wait for a grandchild: wait(2) knows
            one's own children only.""",
            lambda scene, answer: answer == scene.inner_pid(scene.pid(scene.values["box"])),
            lambda ground: ground.box.pid,
        ),
        Misconception(
            "M4",
            "Any process with children is to blame.",
            """That one has a child, but one that lives: there is nothing to wait for yet. Look for the parent of
            the one whose state is Z.""",
            lambda scene, answer: answer == scene.inner_pid(scene.pid("living")),
            lambda ground: ground.programs["living"].pid,
        ),
        Misconception(
            "M5",
            "The number that my own terminal shows is the host's.",
            """That is its number on your machine. The host of this course is a world of its own between your machine
            and the container, and counts for itself: ask lab.host.""",
            lambda scene, answer: answer in {proc_parent(pid) for pid in zombies(scene)},
            lambda ground: ground.programs["parent"].host_pid,
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
        until(lambda: zombies(ground.scene()) and "sh" not in map(name_of, programs(ground)))

    def check(self, scene: Scene, answer: Answer) -> Sequence[Requirement]:
        dead, there = zombies(scene), scene.processes()
        seen = f"/proc/{dead[0]}/status has State Z" if dead else "none of its descendants is in state Z any more"
        named = f"`{command(there[answer])}`" if isinstance(answer, int) and answer in there else "no process"
        return [
            Requirement(
                "the number is that of the zombie's parent",
                bool(dead) and answer in {scene.inner_pid(proc_parent(pid)) for pid in dead},
                f"{seen}; number {answer} on the host is {named}, and that is not its PPid",
                "the process that the zombie's PPid names, in the host's count",
                "a zombie holds a number and a place in the table until its parent calls wait; nobody else can",
                'lab.host.run(["ps", "-e", "-o", "pid,ppid,stat,args"]).stdout',
            )
        ]

    def solution(self, ground: Ground) -> object:
        listed = ground.lab.host.run(["ps", "-e", "-o", "ppid=,stat=,comm="]).stdout
        rows = [line.split() for line in listed.splitlines()]
        return next(int(ppid) for ppid, state, name, *_ in rows if state[0] == "Z" and name == ground.values["was"])


def zombies(scene: Scene) -> list[int]:
    """What has ended below the container and was not waited for, by its numbers on this machine."""
    return [pid for pid in scene.below(scene.values["box"]) if proc.state(pid) == "Z"]


def proc_parent(pid: int) -> int:
    """A process's parent, by its number on this machine."""
    return int(proc.status(pid)["PPid"])


def programs(ground: Ground) -> list[int]:
    """The programs of the ground, by their numbers on this machine."""
    return [program.host_pid for program in ground.programs.values()]


def name_of(pid: int) -> str:
    """The name that the kernel has for a process."""
    return proc.status(pid)["Name"]


class AZombieOfYourOwn(Exercise):
    """A deed: a parent that lives and never waits."""

    id = "1.3"
    title = "A zombie of your own"
    question = """Make a zombie in {box}: start a program that goes on living as `sleep {seconds}`, has a child that
    has ended, and never waits for it."""
    hints = (
        """A shell waits for what it starts. A program that has no idea that it has a child never will. How does a
        process come to have a child without having started it *as that program*?""",
        """fork keeps the children, and exec keeps the process: a shell that starts a child in the background (&)
        and then becomes (exec) another program leaves that program with a child it knows nothing of.""",
        """ground.box.start(["sh", "-c", "true & exec sleep {seconds}"]): `true` ends at once, and sleep never asks.""",
    )
    misconceptions = (
        Misconception(
            "M1",
            "A child that has ended is a zombie.",
            """The process lives, and has no child: either none was started, or whoever started it waited for it (a
            shell does, before it goes on), and so it was buried at once.""",
            lambda scene, answer: childless(scene) and not other_zombies(scene) and not under_a_shell(scene),
            lambda ground: begin(ground, "true; exec sleep {seconds}"),
        ),
        Misconception(
            "M2",
            "A stopped process is a zombie.",
            """Its child is stopped (state T): it has memory, and goes on when SIGCONT comes. A zombie has ended;
            nothing is left of it but its status.""",
            lambda scene, answer: any(proc.state(pid) == "T" for pid in offspring(scene)),
            lambda ground: begin(ground, "sleep 900 & kill -STOP $!; exec sleep {seconds}", stopped=True),
        ),
        Misconception(
            "M3",
            "A child that nobody looks after is a zombie.",
            """Its child lives and sleeps. That nobody waits for it matters only from the moment when it has ended.""",
            lambda scene, answer: bool(offspring(scene)) and not buried_not(scene),
            lambda ground: begin(ground, "sleep 900 & exec sleep {seconds}"),
        ),
        Misconception(
            "M4",
            "Any zombie will do.",
            """There is a zombie, but it has another parent than the one that was asked for: it is a zombie of
            *that* one. Who has not waited is part of what a zombie is.""",
            lambda scene, answer: bool(sleepers(scene)) and other_zombies(scene) and not under_a_shell(scene),
            lambda ground: begin(ground, "exec sleep {seconds}", besides="true & exec sleep 901"),
        ),
        Misconception(
            "M5",
            "What stands in one script is one process.",
            """The shell has started both, so they are brother and sister: the one that ended is the shell's child, and
            a shell waits. It must *become* the other one: put exec before it.""",
            lambda scene, answer: childless(scene) and under_a_shell(scene),
            lambda ground: begin(ground, "true & sleep {seconds}; exit"),
        ),
        Misconception(
            "M6",
            "What runs in the background stays a child of its container.",
            """It runs, but as an orphan: the shell that had started it in the background (&) has ended, and number 1
            of the host has adopted it. The shell must not end, it must become (exec) the program.""",
            lambda scene, answer: not sleepers(scene) and bool(strays(scene)),
            lambda ground: ground.box.run(["sh", "-c", f"sleep {ground.values['seconds']} >/dev/null 2>&1 &"]).signal,
        ),
    )
    after = "fork keeps children, exec keeps the process: that is how a program gets a child that it never asked for."
    names = ("crane", "egret", "ibis", "stork")

    def values(self, random: Random) -> Values:
        return {"box": random.choice(self.names), "seconds": random.randrange(5000, 6000)}

    def setup(self, ground: Ground) -> None:
        ground.add(ground.values["box"])

    def dissolve(self, ground: Ground) -> None:
        for pid in strays(ground.scene()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def check(self, scene: Scene, answer: Answer) -> Sequence[Requirement]:
        let_settle(scene)
        parents, box = sleepers(scene), scene.values["box"]
        wanted = f"sleep {scene.values['seconds']}"
        return [
            Requirement(
                f"`{wanted}` runs in {box}",
                bool(parents),
                f"descended from {box} (/proc/{scene.pid(box)}): {listed(scene)}",
                f"one whose /proc/PID/cmdline is `{wanted}`",
                "the zombie is to be this process's",
                f'ground["{box}"].start([...])',
            ),
            Requirement(
                "it has a child that is a zombie",
                bool(buried_not(scene)),
                "State of its children in /proc/PID/status: "
                + (", ".join(sorted(proc.state(pid) for pid in offspring(scene))) or "it has none"),
                "a child in state Z",
                "exit leaves the status behind for the parent to ask for; until it does, the number is taken",
                'lab.host.run(["ps", "-e", "-o", "pid,ppid,stat,args"]).stdout',
            ),
        ]

    def solution(self, ground: Ground) -> object:
        ground.box.start(["sh", "-c", f"true & exec sleep {ground.values['seconds']}"])
        return None


def let_settle(scene: Scene) -> None:
    """A shell that was started in the same cell is on its way to what it becomes: it gets half a second of life.

    So does an orphan, whom the host has adopted.
    """
    watched = {*scene.below(scene.values["box"]), *proc.children(scene.host)}
    until(lambda: buried_not(scene) or all(age(pid) > 0.5 for pid in watched))


def sleepers(scene: Scene) -> list[int]:
    """The processes that were asked for, by their numbers on this machine."""
    return [pid for pid in scene.below(scene.values["box"]) if is_wanted(scene, pid)]


def is_wanted(scene: Scene, pid: int) -> bool:
    """Whether a process is the sleep that was asked for, by whatever path it was started."""
    program, _, argument = command(pid).partition(" ")
    return (os.path.basename(program), argument) == ("sleep", str(scene.values["seconds"]))


def strays(scene: Scene) -> list[int]:
    """Those that run in the lab, but not below the container; all of them, where that has ended."""
    box = scene.values["box"]
    found = {pid for pid in scene.processes().values() if is_wanted(scene, pid)}
    return sorted(found - set(scene.below(box) if scene.pid(box) else ()))


def listed(scene: Scene) -> str:
    """The command lines below the container."""
    return ", ".join(f"`{command(pid)}`" for pid in scene.below(scene.values["box"])) or "no process"


def childless(scene: Scene) -> bool:
    """Whether the process is there, and has no child."""
    return bool(sleepers(scene)) and not offspring(scene)


def under_a_shell(scene: Scene) -> bool:
    """Whether a shell has started the process, and has not become it."""
    return any(command(proc_parent(pid)).startswith("sh ") for pid in sleepers(scene))


def offspring(scene: Scene) -> list[int]:
    """Their descendants."""
    return [child for pid in sleepers(scene) for child in descendants(pid)]


def buried_not(scene: Scene) -> list[int]:
    """Those of their children that have ended and were not waited for."""
    return [pid for pid in offspring(scene) if proc.state(pid) == "Z" and proc_parent(pid) in sleepers(scene)]


def other_zombies(scene: Scene) -> bool:
    """Whether there are zombies in the container that are another's."""
    return bool(set(zombies(scene)) - set(buried_not(scene)))


def begin(ground: Ground, script: str, *, besides: str = "", stopped: bool = False) -> None:
    """Starts scripts in the container, and waits until they have become what they become."""
    for each in filter(None, (besides, script)):
        ground.box.start(["sh", "-c", each.format(**ground.values)])
    until(lambda: sleepers(ground.scene()))
    if besides:
        until(lambda: other_zombies(ground.scene()))
    if stopped:
        until(lambda: any(proc.state(pid) == "T" for pid in offspring(ground.scene())))


EXERCISES: tuple[Exercise, ...] = (WhoSharesMemory(), WhoOwesAWait(), AZombieOfYourOwn())
