"""Exercise 1.3: a parent that lives and never waits."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from random import Random

from ....kernel import proc
from ...grading import (
    Exercise,
    Ground,
    KernelView,
    Misconception,
    Requirement,
    Submission,
    Values,
    age,
    all_below,
    command,
    until,
)
from ..kit import proc_parent, zombies


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
            believes="A child that has ended is a zombie.",
            explains=(2,),
            message="""The process lives, and has no child: either none was started, or the program that started it
            waited for it (a shell does, before it goes on), and so it was reaped at once.""",
            sign=lambda view, answer: childless(view) and not other_zombies(view) and not under_a_shell(view),
            act=lambda ground: start_scripts(ground, "true; exec sleep {seconds}"),
        ),
        Misconception(
            believes="A stopped process is a zombie.",
            explains=(2,),
            message="""Its child is stopped (state T): it has memory, and goes on when SIGCONT comes. A zombie has
            ended; nothing is left of it but its status.""",
            sign=lambda view, answer: any(proc.state(pid) == "T" for pid in offspring(view)),
            act=lambda ground: start_scripts(ground, "sleep 900 & kill -STOP $!; exec sleep {seconds}", stopped=True),
        ),
        Misconception(
            believes="A child that is left alone is a zombie.",
            explains=(2,),
            message="""Its child lives and sleeps. That its parent does not wait for it matters only from the moment
            when it has ended.""",
            sign=lambda view, answer: bool(offspring(view)) and not buried_not(view),
            act=lambda ground: start_scripts(ground, "sleep 900 & exec sleep {seconds}"),
        ),
        Misconception(
            believes="Any zombie will do.",
            explains=(2,),
            message="""There is a zombie, but it has another parent than the one that was asked for: it is a zombie of
            *that* one. Who has not waited is part of what a zombie is.""",
            sign=lambda view, answer: bool(sleepers(view)) and other_zombies(view) and not under_a_shell(view),
            act=lambda ground: start_scripts(ground, "exec sleep {seconds}", besides="true & exec sleep 901"),
        ),
        Misconception(
            believes="What stands in one script is one process.",
            explains=(2,),
            message="""A shell has started it and lives on as its parent. Whatever else that script starts is the
            shell's child too, and a shell waits for its children. It must *become* the sleep: put exec before it.""",
            sign=lambda view, answer: childless(view) and under_a_shell(view),
            act=lambda ground: start_scripts(ground, "true & sleep {seconds}; exit"),
        ),
        Misconception(
            believes="What runs in the background stays a child of its container.",
            explains=(1,),
            message="""It runs, but its parent is number 1 of the lab's host: a shell that has started it in the
            background (&) and has ended has left it as an orphan. The shell must not end, it must become (exec) the
            program. (Or was it started by lab.host? The question asks for the container.)""",
            sign=lambda view, answer: not sleepers(view) and any(map(adopted(view), strays(view))),
            act=lambda ground: (
                ground.box.run(["sh", "-c", f"sleep {ground.values['seconds']} >/dev/null 2>&1 &"]).signal
            ),
        ),
        Misconception(
            believes="Every container of the lab will do.",
            explains=(1,),
            message="""It runs, but in another container of the lab. The question's is `ground.box`; `box` is the
            lesson's.""",
            sign=lambda view, answer: not sleepers(view) and bool(strays(view)),
            act=lambda ground: start_elsewhere(ground),
        ),
        Misconception(
            believes="What this notebook starts is in the lab.",
            explains=(1,),
            message="""It runs, but on your machine, outside of the lab: `subprocess` starts programs there. In the
            container, `ground.box.start([...])` does.""",
            sign=lambda view, answer: not sleepers(view) and not strays(view) and bool(outside_the_lab(view)),
            act=lambda ground: start_outside(ground),
        ),
    )
    after = "fork keeps children, exec keeps the process: that is how a program gets a child that it never asked for."
    names = ("crane", "egret", "ibis", "stork")

    def values(self, random: Random) -> Values:
        return {"box": random.choice(self.names), "seconds": random.randrange(5000, 6000)}

    def setup(self, ground: Ground) -> None:
        ground.add(ground.values["box"])

    def teardown(self, ground: Ground) -> None:
        for pid in [*strays(ground.view()), *outside_the_lab(ground.view())]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        let_settle(view)
        parents, box = sleepers(view), view.values["box"]
        wanted = f"sleep {view.values['seconds']}"
        return [
            Requirement(
                name=f"`{wanted}` runs in {box}",
                met=bool(parents),
                observed=f"descended from {box} (/proc/{view.pid(box)}): {command_lines(view)}",
                expected=f"one whose /proc/PID/cmdline is `{wanted}`",
                why="the zombie is to be this process's",
                look=f'ground["{box}"].start([...])',
            ),
            Requirement(
                name="it has a child that is a zombie",
                met=bool(buried_not(view)),
                observed="State of its children in /proc/PID/status: "
                + (", ".join(sorted(proc.state(pid) for pid in offspring(view))) or "it has none"),
                expected="a child in state Z",
                why="exit leaves the status behind for the parent to ask for; until it does, the number is taken",
                look='lab.host.run(["ps", "-e", "-o", "pid,ppid,stat,args"]).stdout',
            ),
        ]

    def solution(self, ground: Ground) -> object:
        ground.box.start(["sh", "-c", f"true & exec sleep {ground.values['seconds']}"])
        return None


def let_settle(view: KernelView) -> None:
    """A shell that was started in the same cell is on its way to what it becomes: it gets half a second of life.

    So does an orphan, whom the host has adopted.
    """
    watched = {*view.below(view.values["box"]), *proc.children(view.host)}
    until(lambda: buried_not(view) or all(age(pid) > 0.5 for pid in watched))


def sleepers(view: KernelView) -> list[int]:
    """The processes that were asked for, by their numbers on this machine."""
    return [pid for pid in view.below(view.values["box"]) if is_wanted(view, pid)]


def is_wanted(view: KernelView, pid: int) -> bool:
    """Whether a process is the sleep that was asked for, by whatever path it was started."""
    program, _, argument = command(pid).partition(" ")
    return (os.path.basename(program), argument) == ("sleep", str(view.values["seconds"]))


def strays(view: KernelView) -> list[int]:
    """Such processes of the lab that are not below the container; all of them, where that has ended."""
    box = view.values["box"]
    found = {pid for pid in view.processes().values() if is_wanted(view, pid)}
    return sorted(found - set(view.below(box) if view.pid(box) else ()))


def adopted(view: KernelView) -> Callable[[int], bool]:
    """A test of a process: whether its parent is number 1 of the lab's host."""
    return lambda pid: proc_parent(pid) == view.host


def outside_the_lab(view: KernelView) -> list[int]:
    """Such processes that the notebook has started on this machine; not another notebook's."""
    notebook = proc_parent(proc_parent(view.host))  # the launcher is its grandchild
    return [pid for pid in all_below(notebook) if is_wanted(view, pid) and not view.contains(pid)]


def command_lines(view: KernelView) -> str:
    """The command lines below the container; of one that has ended the kernel has the name alone, in brackets."""
    box = view.values["box"]
    found = []
    for pid in view.below(box):
        with suppress(ProcessLookupError):  # reaped meanwhile
            state, parent = proc.stat(pid)[:2]
            whose = box if int(parent) == view.pid(box) else f"`{command(int(parent))}`"
            found.append(f"`{command(pid)}`" + (f", which has ended: a zombie of {whose}" if state == "Z" else ""))
    return "; ".join(found) or "no process"


def childless(view: KernelView) -> bool:
    """Whether the process is there, and has no child."""
    return bool(sleepers(view)) and not offspring(view)


def under_a_shell(view: KernelView) -> bool:
    """Whether a shell has started the process, and has not become it."""
    return any(command(proc_parent(pid)).startswith("sh ") for pid in sleepers(view))


def offspring(view: KernelView) -> list[int]:
    """Their descendants."""
    return [child for pid in sleepers(view) for child in all_below(pid)]


def buried_not(view: KernelView) -> list[int]:
    """Those of their children that have ended and were not waited for."""
    return [pid for pid in offspring(view) if proc.state(pid) == "Z" and proc_parent(pid) in sleepers(view)]


def other_zombies(view: KernelView) -> bool:
    """Whether there are zombies in the container that are another's."""
    return bool(set(zombies(view)) - set(buried_not(view)))


def start_elsewhere(ground: Ground) -> None:
    """Start the very program in another container of the lab."""
    other = ground.boxes["elsewhere"] = ground.lab.container("elsewhere")
    other.start(["sh", "-c", f"true & exec sleep {ground.values['seconds']}"])
    until(lambda: strays(ground.view()))


def start_outside(ground: Ground) -> None:
    """Start the very program on this machine, outside of the lab."""
    subprocess.Popen(["sleep", str(ground.values["seconds"])])
    until(lambda: outside_the_lab(ground.view()))


def start_scripts(ground: Ground, script: str, *, besides: str = "", stopped: bool = False) -> None:
    """Start scripts in the container, and wait until each has become its last program (exec)."""
    for each in filter(None, (besides, script)):
        ground.box.start(["sh", "-c", each.format(**ground.values)])
    until(lambda: sleepers(ground.view()))
    if besides:
        until(lambda: other_zombies(ground.view()))
    if stopped:
        until(lambda: any(proc.state(pid) == "T" for pid in offspring(ground.view())))
