"""Exercise 2.3: five places that take commands, and how many kernels answer: graded by which of them is QEMU."""

from __future__ import annotations

import os
from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING, Any

from .... import steps
from ....kernel import proc
from ...grading import (
    Ground,
    KernelView,
    Misconception,
    Names,
    Requirement,
    Submission,
    Unreadable,
    Values,
    again,
    end_below,
)
from ..kit import names_in
from ..kit.machines import OfMachines, is_qemu

if TYPE_CHECKING:
    from ....runtime import Container, Lab, Run

RELEASE = ("setarch", os.uname().machine, "--uname-2.6")  # personality(2), UNAME26: uname(2) then says 2.6


class Somewhere:
    """A place that runs commands, and does not say what it is."""

    def __init__(self, lab: Lab, target: Any, before: Sequence[str] = ()) -> None:
        self._lab, self._target, self._before = lab, target, before

    def run(self, argv: Sequence[str]) -> Run:
        """Run a command there, and wait for its end."""
        run: Run = self._target.run([*self._before, *argv])
        return run

    def close(self) -> None:
        """End the place and all that runs in it."""
        if self._target.alive:
            for pid in end_below(self._target.machine_pid):
                self._lab.reaper.forget(pid)
        self._target.kill()

    def __repr__(self) -> str:
        return "Somewhere()"


class KernelsOfTheirOwn(OfMachines):
    """Containers that look like machines, and one or two machines among them."""

    id = "2.3"
    title = "How many kernels?"
    question = """Five places take commands: {all}. ground.held["{first}"].run(["hostname"]).stdout asks one of them,
    and so for the others. Some are containers, at least one is a virtual machine. Which have a kernel of their own?
    Ask in the places: no look at the host's processes is needed."""
    wants = Names("a list of names", "[...]")
    hints = (
        """A name, a version, a list of processes: a wall can make each of them different although the kernel is the
        same. What does a kernel have that no wall covers, and that no two kernels have in common?""",
        """Each kernel draws a number at its boot: /proc/sys/kernel/random/boot_id. It is the same in every container
        of one kernel.""",
        """here = open("/proc/sys/kernel/random/boot_id").read(), and for each name compare it with
        ground.held[name].run(["cat", "/proc/sys/kernel/random/boot_id"]).stdout""",
    )
    misconceptions = (
        Misconception(
            believes="What calls its kernel by another version has another kernel.",
            explains=(1,),
            message="""In one of those, uname -r says 2.6: a process can ask the kernel for that answer, by
            personality(2). The kernel that answers is the one of all containers.""",
            sign=lambda view, answer: bool(containers(view, "old") & names_in(answer)),
            act=lambda ground: [*containers(ground.view(), "old"), *machines_of(ground.view())],
        ),
        Misconception(
            believes="What has processes, a number 1 and files of its own has a kernel of its own.",
            explains=(1,),
            message="""One of those sees a number 1 of its own and few files. Walls of one kernel do that: it is a
            container with all its walls.""",
            sign=lambda view, answer: bool(containers(view, "walled") & names_in(answer)),
            act=lambda ground: [*containers(ground.view(), "walled"), *machines_of(ground.view())],
        ),
        Misconception(
            believes="Another host name means another machine.",
            explains=(1,),
            message="""One of those has another host name, and that is all that is its own. A host name is a string
            in a UTS namespace: one kernel keeps many of them.""",
            sign=lambda view, answer: bool(containers(view, "renamed") & names_in(answer)),
            act=lambda ground: [*containers(ground.view(), "renamed"), *machines_of(ground.view())],
        ),
    )
    after = "One number in /proc tells kernels apart, whatever the walls say. A wall is not a second kernel."
    asks_about = "held"
    names = ("amethyst", "coral", "jasper", "onyx", "pearl", "quartz", "zircon", "bench")

    def values(self, random: Random) -> Values:
        names = sorted(random.sample(self.names[:-1], 5))
        return {"box": "bench", "all": ", ".join(names), "names": names, "first": names[0]}

    def setup(self, ground: Ground) -> None:
        ground.add(ground.values["box"])
        ground.facts["pids"] = {}
        for name, part in zip(ground.values["names"], parts_played(ground.seed), strict=True):
            made = make_place(ground, name, part)
            ground.held[name] = Somewhere(ground.lab, made, RELEASE if part == "old" else ())
            ground.facts["pids"][name] = made.machine_pid

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        said, true = names_in(answer), set(machines_of(view))
        wrong, missed = sorted(said - true), sorted(true - said)
        return [
            Requirement(
                name="no kernel is named that others share",
                met=not wrong,
                observed=of_one_kernel(view, wrong) if wrong
                else f"all that you name are processes of QEMU (/proc/PID/exe): {', '.join(sorted(said)) or 'none'}",
                expected="places whose kernel is not this machine's",
                why="a wall changes what a process sees; the kernel that answers stays the same",
                look="/proc/sys/kernel/random/boot_id in each place, and out here",
                given=not said,
            ),
            Requirement(
                name="each kernel of its own is named",
                met=not missed,
                observed=f"{len(missed)} QEMU among the five is not in your list (/proc/PID/exe)",
                expected="all places whose kernel is not this machine's",
                why="each virtual machine boots a kernel, and no two boots draw the same number",
                look="/proc/sys/kernel/random/boot_id in each place, and out here",
            ),
        ]  # fmt: skip

    def solution(self, ground: Ground) -> object:
        ask = ["cat", "/proc/sys/kernel/random/boot_id"]
        here = ground.lab.host.run(ask).stdout
        return [name for name in ground.values["all"].split(", ") if ground.held[name].run(ask).stdout != here]


def parts_played(seed: int) -> list[str]:
    """What each of the five is: one machine or two, so that a guess has few chances."""
    lot = Random(f"{seed} kernels")
    found = ["machine", "walled", "renamed", "old", lot.choice(("machine", "renamed"))]
    lot.shuffle(found)
    return found


def make_place(ground: Ground, name: str, part: str) -> Any:
    """A virtual machine, or a container that looks like one in some way."""
    from ....machines import Machine

    if part == "machine":
        return Machine(memory="96M", lab=ground.lab)
    box: Container = ground.lab.container(name)
    if part == "walled":
        for step in ground.lab.recipe():
            box.apply(step)
    if part == "renamed":
        box.apply(steps.NewNamespace("uts"))
        box.apply(steps.SetHostname("guest"))
    return box


def machines_of(view: KernelView) -> list[str]:
    """The places that are QEMU."""
    return [name for name, pid in view.facts["pids"].items() if is_qemu(living_place(view, name, pid))]


def containers(view: KernelView, part: str) -> set[str]:
    """The containers with a part, by what differs from the host: the PID namespace, the UTS namespace, or neither."""
    host = proc.namespaces(view.host)
    found: dict[str, set[str]] = {}
    for name, pid in view.facts["pids"].items():
        if is_qemu(living_place(view, name, pid)):
            continue
        own = proc.namespaces(pid)
        seen = "walled" if own["pid"] != host["pid"] else "renamed" if own["uts"] != host["uts"] else "old"
        found.setdefault(seen, set()).add(name)
    return found.get(part, set())


def living_place(view: KernelView, name: str, pid: int) -> int:
    """The number of the process of a place. Raises Unreadable if it has ended."""
    if proc.state(pid) in "-Z" or not view.contains(pid):
        raise Unreadable(f"the process of {name!r} has ended", again(view.exercise))
    return pid


def of_one_kernel(view: KernelView, names: Sequence[str]) -> str:
    """Where the first of these names lives, as the kernel says it."""
    name = names[0]
    pid = view.facts["pids"].get(name)
    if pid is None:
        return f"{name[:30]!r} is none of the five: /proc has no process of that name here"
    return f"{name} is /proc/{pid}, a process of this machine's kernel, and no QEMU"
