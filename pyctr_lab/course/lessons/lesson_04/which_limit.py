"""Exercise 4.1: which limit acted, read from the counters of control groups."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING, Any

from ...grading import (
    Ground,
    InOrder,
    KernelView,
    Misconception,
    Requirement,
    Submission,
    Unreadable,
    Values,
    again,
    until,
)
from ..kit import as_it_was, fingerprint_of, role
from ..kit.groups import ANSWER_PATIENCE, OfGroups, counted, path_of, without_swap

if TYPE_CHECKING:
    from ....runtime import Cgroup

KILLED, REFUSED, THROTTLED, BY_HAND, ROOMY, BUSY = range(6)  # the part that each name plays

#: By controller: the files that count how often it has acted (of version 2, of version 1), and the word in them.
COUNTERS = {
    "memory": (("memory.events", "memory.oom_control"), "oom_kill"),
    "pids": (("pids.events",), "max"),
    "cpu": (("cpu.stat",), "nr_throttled"),
}
WHAT = {"memory": "a program was killed for memory", "pids": "a fork was refused", "cpu": "its time was cut"}
WHY = {
    "memory": "the kernel kills in the group whose memory is at an end, and counts it there; signal 9 has many senders",
    "pids": "a fork over the limit fails with EAGAIN and nothing is killed; the counter tells how often",
    "cpu": "a quota makes processes wait for the next period; they get no error, and the counter tells how often",
}


class WhoMetWhichLimit(OfGroups):
    """Six groups whose programs ended, and three kinds of limit."""

    id = "4.1"
    title = "Who met which limit?"
    question = """Six groups, {all}; in each a program has run, and some of them got into trouble. In one the kernel
    killed a program because the group's memory was at its limit; in one it refused a new process; in one it made a
    program wait because its processor time was used up. Which are these three, in this order?"""
    wants = InOrder("three names: killed for memory, refused a process, made to wait", "(..., ..., ...)", count=3)
    needs = ("memory", "pids", "cpu")
    hints = (
        """How a program ended (ground.facts["ended"]), and how much it used, proves nothing about limits. A limit that
        has acted is counted by the kernel, in the group itself: each controller has a file for it.""",
        """memory.events (version 1: memory.oom_control) has oom_kill, pids.events has max, cpu.stat has nr_throttled.
        ground.groups["{first}"].events reads all of them.""",
        """{name: group.events for name, group in ground.groups.items()}, and for each of oom_kill, pids_max and
        throttled the one where it is not 0.""",
    )
    misconceptions = (
        Misconception(
            believes="Whose program died of SIGKILL, met the memory limit.",
            explains=(1,),
            message="""A program of that group was ended by SIGKILL, and its status is 137 like the other's. But
            another process sent that signal: the group's oom_kill is 0.""",
            sign=lambda view, answer: name_at(answer, 0) == role(view, BY_HAND),
            act=lambda ground: (role(ground, BY_HAND), role(ground, REFUSED), role(ground, THROTTLED)),
        ),
        Misconception(
            believes="Who used the most processor time was throttled.",
            explains=(3,),
            message="""That group used the most, and nothing stopped it: it has no quota. Throttled is who had work
            and had to wait, and may have used little.""",
            sign=lambda view, answer: name_at(answer, 2) == role(view, BUSY),
            act=lambda ground: (role(ground, KILLED), role(ground, REFUSED), role(ground, BUSY)),
        ),
        Misconception(
            believes="Where a limit is set, it has acted.",
            explains=(1, 2, 3),
            message="""That group has limits, and never came near them: its counters are all 0. A limit costs
            nothing until it is reached.""",
            sign=lambda view, answer: role(view, ROOMY) in named_in_order(answer),
            act=lambda ground: (role(ground, KILLED), role(ground, ROOMY), role(ground, THROTTLED)),
        ),
        Misconception(
            believes="Who may not fork is killed.",
            explains=(1, 2),
            message="""The first two are the other way round. Where pids.max is reached, fork fails with EAGAIN and
            the program lives. Killed is who touches memory that the group may not have.""",
            sign=lambda view, answer: (
                name_at(answer, 0) == role(view, REFUSED) and name_at(answer, 1) == role(view, KILLED)
            ),
            act=lambda ground: (role(ground, REFUSED), role(ground, KILLED), role(ground, THROTTLED)),
        ),
    )
    after = "Three limits, three ways to act: memory kills, pids refuses, cpu makes wait. The counters tell which."
    names = ("barley", "clover", "fennel", "millet", "rye", "spelt", "scythe")

    def values(self, random: Random) -> Values:
        names = random.sample(self.names[:-1], 6)
        memory, pids = random.choice((24, 32, 40)), random.choice((4, 5, 6))
        return {"names": names, "all": ", ".join(sorted(names)), "first": min(names), "memory": memory, "pids": pids}

    def setup(self, ground: Ground) -> None:
        ground.add("scythe")
        for name in sorted(ground.values["names"]):
            limits = limits_of_part(ground.values["names"].index(name), ground.values)
            ground.groups[name] = ground.lab.cgroup(name, **limits)
        ground.facts["folders"] = {name: folders(group) for name, group in ground.groups.items()}
        ground.facts["ended"] = {role(ground, part): live_processes(ground, part) for part in range(6)}
        ground.facts["start"] = limits_that_acted(ground.view())

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        asked = [
            Requirement(
                name=WHAT[controller],
                met=times_acted(view, name, controller) > 0,
                observed=counter_words(view, name, controller),
                expected=f"the group in which {COUNTERS[controller][1]} is not 0",
                why=WHY[controller],
                look=f'{COUNTERS[controller][0][0]}, or ground.groups["{view.values["first"]}"].events',
            )
            for name, controller in zip(named_in_order(answer), COUNTERS, strict=True)
        ]
        return [*asked, as_it_was(view, limits_that_acted(view), "counters, below /sys/fs/cgroup,", whose="groups")]

    def solution(self, ground: Ground) -> object:
        seen = {name: group.events for name, group in ground.groups.items()}
        killed, refused, throttled = (
            max(seen, key=lambda name: getattr(seen[name], event)) for event in ("oom_kill", "pids_max", "throttled")
        )
        return (killed, refused, throttled)


#: What runs in a group. Who eats is the first whom the kernel takes: nothing else of the group ends.
EATS = "echo 1000 > /proc/self/oom_score_adj; head -c {size}M /dev/zero | tail -c {size}M > /dev/null"
FORKS = "for each in 1 2 3 4 5 6 7 8; do sleep 60 & done"
SPINS = "while :; do :; done"
SIGKILLED = 128 + 9  # as a shell gives the status of what a signal has ended


def limits_of_part(part: int, values: Values) -> dict[str, Any]:
    """The limits of the group that plays a part."""
    memory, pids = f"{values['memory']}M", values["pids"]
    return {
        KILLED: {"memory": memory},
        REFUSED: {"pids": pids, "memory": memory},
        THROTTLED: {"cpus": 0.02},
        BY_HAND: {"memory": memory},
        ROOMY: {"memory": "512M", "pids": 400, "cpus": 16},
        BUSY: {},
    }[part]


def live_processes(ground: Ground, part: int) -> int:
    """Run a program in the group that plays a part. Returns its status, as a shell would."""
    group, box = ground.groups[role(ground, part)], ground.box
    group.add(box)
    if part == KILLED:
        without_swap(group)
        return box.run(["sh", "-c", EATS.format(size=3 * ground.values["memory"])]).returncode
    if part == REFUSED:
        status = box.run(["sh", "-c", FORKS]).returncode
        end_others(group, box.machine_pid)
        return status
    if part == ROOMY:
        return box.run(["true"]).returncode
    program = box.start(["sleep", "60"] if part == BY_HAND else ["sh", "-c", SPINS])
    if part == THROTTLED:
        until(lambda: group.events.throttled >= 3, ANSWER_PATIENCE)
    elif part == BUSY:
        most = 2 * ground.groups[role(ground, THROTTLED)].stat().cpu
        until(lambda: group.stat().cpu > most, ANSWER_PATIENCE)
    program.kill()
    program.wait()
    return SIGKILLED


def end_others(group: Cgroup, stays: int) -> None:
    """Kill what a program has left in a group."""
    for pid in set(group.pids) - {stays}:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def folders(group: Cgroup) -> dict[str, str]:
    """Where a group is, by controller."""
    return {controller: group.folder(controller) for controller in COUNTERS}


def named_in_order(answer: Submission) -> tuple[str, ...]:
    """The names that were given, each in its place."""
    return answer if isinstance(answer, tuple) else ()


def name_at(answer: Submission, number: int) -> str:
    """The name in one place; empty where nothing was given."""
    return (*named_in_order(answer), "", "", "")[number]


def times_acted(view: KernelView, name: str, controller: str) -> int:
    """How often a limit has acted in a group. 0 for a name that is no group's. Raises Unreadable where it is gone."""
    folder = view.facts["folders"].get(name, {}).get(controller, "")
    if folder and not os.path.isdir(folder):
        raise Unreadable(f"the control group {name!r} of its ground has been removed", again(view.exercise))
    return counted(folder, *COUNTERS[controller]) if folder else 0


def limits_that_acted(view: KernelView) -> str:
    """A fingerprint of which limits have acted in which groups."""
    groups = sorted(view.values["names"])
    return fingerprint_of(times_acted(view, name, controller) > 0 for name in groups for controller in COUNTERS)


def counter_words(view: KernelView, name: str, controller: str) -> str:
    """The kernel's count, in words."""
    (files, word), folder = COUNTERS[controller], view.facts["folders"].get(name, {}).get(controller)
    if not folder:
        return f"{name}: no group of this ground has that name; each has a folder below /sys/fs/cgroup"
    return f"{name}: {path_of(folder, *files)} says {word} {times_acted(view, name, controller)}"
