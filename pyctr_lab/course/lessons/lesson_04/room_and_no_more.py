"""Exercise 4.2: a memory limit that lets the work be done, and ends a job that takes without end."""

from __future__ import annotations

import os
import signal
from random import Random

from ...grading import Ground, KernelView, Misconception, Requirement, Submission, Values
from ..kit import MIB
from ..kit.groups import (
    PREAMBLE,
    OfGroups,
    ask,
    begin,
    folder_of,
    in_its_group_first,
    limit,
    memory_limit,
    nested,
    one_check_at_a_time,
    oom_kills,
    path_of,
    stays,
    value,
    without_swap,
)

SOFT = ("memory.high", "memory.soft_limit_in_bytes")  # it slows a group down, and kills nothing
HARD = ("memory.max", "memory.limit_in_bytes")

#: Keeps its memory. Asked by SIGUSR1 it has a child take as much as a job does, by SIGUSR2 as much as a bomb does. The
#: child is whom the kernel kills first; it ends in any case.
KEEPER = f"""{PREAMBLE}
keep, job, bomb = (int(word) for word in sys.argv[1:])
kept = [bytearray(b"k") * (1 << 20) for _ in range(keep)]
def child(size):
    pid = os.fork()
    if pid == 0:
        with open("/proc/self/oom_score_adj", "w") as score:
            score.write("1000")
        taken = [bytearray(b"t") * (1 << 20) for _ in range(size)]
        os._exit(0)
    return "killed" if os.waitpid(pid, 0)[1] else "done"
answer("waits")
while True:
    answer(child(job if signal.sigwait(ASKED) == signal.SIGUSR1 else bomb))
"""


class RoomAndNoMore(OfGroups):
    """A program, its jobs, and one job that takes without end."""

    id = "4.2"
    title = "Room for its work, and no more"
    question = """The group {program} has a program that keeps {keep} MiB of memory; each job that it starts takes {job}
    MiB more for a moment. Give the group a limit: its jobs must get done, but a job that takes memory without end must
    be killed before the group has more than {most} MiB. {neighbour}, its neighbour in {parent}, stays without a limit.
    The check starts one job of each kind."""
    needs = ("memory",)
    hints = (
        """Two numbers are between which the limit has to be: what the group needs at its highest, and what it may have
        at most. What it uses at this moment is neither.""",
        """The limit over which the kernel kills is memory.max. It counts all processes of the group together, the
        program and its jobs. memory.high only slows down.""",
        """ground.groups["{program}"].memory_max = "{most}M" leaves as much room as is allowed.""",
    )
    misconceptions = (
        Misconception(
            believes="The limit is what it uses now.",
            explains=(2,),
            message="""There is no room for a job: it was killed as the bomb would be. A limit has to be above what
            the group needs at its highest, and memory.current (or the memory of stat()) only tells of this moment.""",
            sign=lambda view, answer: (own_limit(view) or 1 << 62) < needed_bytes(view),
            act=lambda ground: limit_at_now(ground),
        ),
        Misconception(
            believes="memory.high is the limit.",
            explains=(1,),
            message="""A soft limit is set, and no hard one. Over memory.high a group is slowed down and its memory
            taken back where that can be done; no process is ever killed for it. (Version 1's soft limit does even
            less.)""",
            sign=lambda view, answer: (
                limit(folder_of(view, view.values["program"], "memory"), *SOFT) is not None and own_limit(view) is None
            ),
            act=lambda ground: set_soft(ground),
        ),
        Misconception(
            believes="Any limit will stop it.",
            explains=(1,),
            message="""There is a limit, and it is higher than what the group may have: the bomb is killed too late
            for the others on this machine.""",
            sign=lambda view, answer: (own_limit(view) or 0) > most_bytes(view),
            act=lambda ground: set_limit(ground, "program", 3 * ground.values["most"]),
        ),
        Misconception(
            believes="A limit on the parent is a limit on one of its children.",
            explains=(3,),
            message="""The limit is on the parent: it counts both groups together, so that each can use up the
            other's room, and the kernel chooses whom it kills among the processes of both.""",
            sign=lambda view, answer: outer_limit(view) is not None and own_limit(view) is None,
            act=lambda ground: set_limit(ground, "parent", ground.values["most"]),
        ),
        Misconception(
            believes="A limit somewhere is a limit for all.",
            explains=(1, 3),
            message="""It is the neighbour that is limited. A limit holds for its own group and for those inside it,
            not for those beside it.""",
            sign=lambda view, answer: (
                memory_limit(folder_of(view, view.values["neighbour"], "memory")) is not None
                and own_limit(view) is None
            ),
            act=lambda ground: set_limit(ground, "neighbour", ground.values["most"]),
        ),
    )
    after = (
        "The kernel killed the job, and the program went on: the job had the highest score, for it had written 1000 to "
        "its oom_score_adj."
    )
    names = ("forge", "kiln", "loom", "mill", "works", "bellows")

    def values(self, random: Random) -> Values:
        program, neighbour = random.sample(self.names[:-2], 2)
        keep, job = random.choice((32, 40, 48)), random.choice((16, 20, 24))
        roles = {"parent": "works", "program": program, "neighbour": neighbour}
        return {**roles, "keep": keep, "job": job, "most": keep + job + 40}

    def setup(self, ground: Ground) -> None:
        values = ground.values
        ground.add("bellows")
        for group in nested(ground, "works", values["program"], values["neighbour"]):
            without_swap(group)
        bomb = values["most"] + 64
        begin(ground, values["program"], KEEPER, values["keep"], values["job"], bomb)
        begin(ground, values["neighbour"], KEEPER, 4, 4, 4)

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        values, hard = view.values, own_limit(view)
        folder, other = folder_of(view, values["program"], "memory"), folder_of(view, values["neighbour"], "memory")
        there = stays(view, "memory", values["program"], values["neighbour"])
        with one_check_at_a_time(view, values["parent"]):
            job = "not tried" if hard is None else try_out(view, signal.SIGUSR1)
            limited = there.met and hard is not None and hard <= most_bytes(view)
            bomb = try_out(view, signal.SIGUSR2) if limited else "not tried"
        return in_its_group_first(there, [
            Requirement(
                name="a job that takes without end is killed in time",
                met=bomb == "killed",
                observed=f"{path_of(folder, *HARD)} {limit_words(hard)}"
                + (f"; such a job was {bomb}" if limited else ""),
                expected=f"a limit of {most_bytes(view)} bytes ({values['most']} MiB) at most,"
                " at which the kernel kills",
                why="without a limit of its own a group has all memory of the machine to take",
                look=f'memory.max of the group, ground.groups["{values["program"]}"].memory_max',
            ),
            Requirement(
                name="its jobs get done",
                met=hard is None or job == "done",
                observed=f"{path_of(folder, *HARD)} {limit_words(hard)}; a job was {job}" + (", and oom_kill in "
                f"{path_of(folder, 'memory.events', 'memory.oom_control')} went up" if job == "killed" else ""),
                expected=f"room for {values['keep']} MiB, {values['job']} MiB of a job, and the programs themselves",
                why="all processes of a group are counted together, and at the limit the kernel kills one of them",
                look=f'the most that it has used, ground.groups["{values["program"]}"].stat().memory_peak',
                given=True,
            ),
            Requirement(
                name=f"{values['neighbour']} and {values['parent']} are not limited",
                met=memory_limit(other) is None and outer_limit(view) is None,
                observed=f"{path_of(other, *HARD)} {limit_words(memory_limit(other))}, "
                f"the same file of {values['parent']} {limit_words(outer_limit(view))}",
                expected="no limit on either",
                why="a limit holds for a group and all that is inside it",
                look="in which folder you have written",
                given=True,
            ),
        ])  # fmt: skip

    def solution(self, ground: Ground) -> object:
        ground.groups[ground.values["program"]].memory_max = f"{ground.values['most']}M"
        return None


# --- what the kernel has
def own_limit(view: KernelView) -> int | None:
    """The hard limit of the program's group, in bytes."""
    return memory_limit(folder_of(view, view.values["program"], "memory"))


def outer_limit(view: KernelView) -> int | None:
    """That of the group around it."""
    return memory_limit(os.path.dirname(folder_of(view, view.values["program"], "memory")))


def most_bytes(view: KernelView) -> int:
    """The most memory that the group may have, in bytes. Version 1 rounds up to a whole page."""
    return int(view.values["most"]) * MIB


def needed_bytes(view: KernelView) -> int:
    """With less than this no job can be done: the program's memory and a job's."""
    return (int(view.values["keep"]) + int(view.values["job"])) * MIB


def limit_words(number: int | None) -> str:
    """What a file says of a limit. For none each version has a word of its own: max, or 2^63 less a page."""
    return "sets no limit" if number is None else f"says {number}"


def try_out(view: KernelView, asked: signal.Signals) -> str:
    """Ask the program to start a job. `killed` counts only where the kernel has counted it, too."""
    folder = folder_of(view, view.values["program"], "memory")
    before = oom_kills(folder)
    word = ask(view, view.values["program"], asked)
    return "killed" if word == "killed" and oom_kills(folder) > before else word


# --- what learners do
def set_limit(ground: Ground, whom: str, mebibytes: int) -> None:
    """A hard limit on one of the groups."""
    ground.groups[ground.values[whom]].memory_max = f"{mebibytes}M"


def limit_at_now(ground: Ground) -> None:
    """As much as it has at this moment, and a little."""
    group = ground.groups[ground.values["program"]]
    group.memory_max = (group.stat().memory or 0) + 4 * MIB


def set_soft(ground: Ground) -> None:
    """memory.high; on version 1, which has none, its soft limit."""
    folder = ground.groups[ground.values["program"]].folder("memory")
    file = next(file for file in SOFT if value(folder, file))
    with open(f"{folder}/{file}", "w", encoding="ascii") as opened:
        opened.write(str(ground.values["most"] * MIB))
