"""Exercise 4.3: ending a tree of processes whose members put each other back."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from functools import partial
from random import Random

from ....kernel import proc
from ...grading import Ground, KernelView, Misconception, Requirement, Submission, Values, all_pids, until
from ..kit.groups import ANSWER_PATIENCE, PREAMBLE, OfGroups, all_folders, begin, frozen, members, nested

PAIRS = 3

#: Starts pairs of processes, of which each forks the other anew as soon as it ends, and reaps none. At rest it costs
#: nothing: the kernel wakes the survivor of a pair (pidfd_open(2)). No fork, no more than this many at any time.
TREE = f"""{PREAMBLE}
import select
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
def watch(pid):
    try:
        other = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    select.select([other], [], [])
    os.close(other)
def pair():
    while True:
        me = os.getpid()
        pid = os.fork()
        if pid:
            watch(pid)
        elif os.getppid() == me:
            watch(me)
for _ in range(int(sys.argv[1])):
    if os.fork() == 0:
        pair()
answer("waits")
while True:
    signal.pause()
"""


class ATreeThatWillNotEnd(OfGroups):
    """Killing the parent ends one process; killing the group ends them all."""

    id = "4.3"
    title = "A tree that will not end"
    question = """In {parent} are two groups. {tree} has a program with children and grandchildren, and whichever of
    them is killed is put back by another. End them all, for good. {neighbour}, the other group, has a program that
    must go on undisturbed."""
    hints = (
        """Who kills by numbers needs a list of them, and the list is out of date as soon as one is put back. Who
        is in a group, the kernel knows at every moment.""",
        """A control group can be killed as a whole: version 2 has a file for it, cgroup.kill. Where that is missing,
        a 0 is written to pids.max, so that none may fork any more, and then each is killed. Which of the three groups
        is to be killed?""",
        """ground.groups["{tree}"].kill() does the one or the other, and waits until all have ended.""",
    )
    misconceptions = (
        Misconception(
            believes="Who ends the parent ends its children.",
            explains=(1,),
            message="""The parent has ended, and the others live: the kernel gives orphans another parent, and lets
            them go on. A signal is for one process (or a process group, which any program may leave).""",
            sign=lambda view, answer: (
                bool(first_living(view)) and not lives(view, "tree") and not stands_still(view) and bool(in_group(view))
            ),
            act=lambda ground: kill_parent(ground),
        ),
        Misconception(
            believes="What is in one parent group belongs together.",
            explains=(2,),
            message="""The tree has ended, and the neighbour with it: killing a group kills all the groups inside
            it, too. Kill the smallest group that has all of the tree.""",
            sign=lambda view, answer: not lives(view, "neighbour") and not living(view),
            act=lambda ground: ground.groups[ground.values["parent"]].kill(),
        ),
        Misconception(
            believes="Who does not run any more has ended.",
            explains=(1,),
            message="""They stand still: the group is frozen. They keep their numbers, memory and open files, and go
            on where they were as soon as the group is thawed.""",
            sign=lambda view, answer: bool(living(view)) and stands_still(view),
            act=lambda ground: ground.groups[ground.values["tree"]].freeze(),
        ),
        Misconception(
            believes="An empty group means that its processes have ended.",
            explains=(1,),
            message="""The group is empty because its processes were moved to another group. They live on there.""",
            sign=lambda view, answer: bool(living(view)) and not in_group(view),
            act=lambda ground: ground.groups[ground.values["neighbour"]].add(
                *ground.groups[ground.values["tree"]].pids
            ),
        ),
        Misconception(
            believes="Any of the groups will do.",
            explains=(1, 2),
            message="""The neighbour has ended, and the tree goes on: it is the wrong group that was killed. Look at the
            names, and at the processes of each.""",
            sign=lambda view, answer: not lives(view, "neighbour") and bool(living(view)) and lives(view, "tree"),
            act=lambda ground: ground.groups[ground.values["neighbour"]].kill(),
        ),
        Misconception(
            believes="Who kills everyone on a list has killed all.",
            explains=(1,),
            message="""None of those who were there at the start is left, and others have taken their places: while you
            killed one, its other half put it back. A list is old as soon as it is read.""",
            sign=lambda view, answer: bool(living(view)) and not first_living(view) and not stands_still(view),
            act=lambda ground: kill_one_by_one(ground),
        ),
    )
    after = (
        "A group cannot be left by forking: that is why it can be ended as a whole, whatever its members do. (Killed "
        "one by one they may all end as well, if your list is quicker than they are. A group needs no such luck.)"
    )
    names = ("bindweed", "bramble", "nettle", "crocus", "iris", "tulip", "garden", "hoe")

    def values(self, random: Random) -> Values:
        tree, neighbour = random.choice(self.names[:3]), random.choice(self.names[3:6])
        return {"parent": "garden", "tree": tree, "neighbour": neighbour}

    def setup(self, ground: Ground) -> None:
        ground.add("hoe")
        tree, neighbour = ground.values["tree"], ground.values["neighbour"]
        nested(ground, "garden", tree, neighbour)
        begin(ground, tree, TREE, PAIRS, tree)
        begin(ground, neighbour, TREE, 0, neighbour)
        ground.held.update(ground.programs)  # not among what has to live: who kills them has not lost the ground
        ground.programs.clear()
        found = {part: ground.held[ground.values[part]].machine_pid for part in ("tree", "neighbour")}
        ground.facts["began"] = {part: [pid, proc.start_time(pid)] for part, pid in found.items()}
        ground.facts["folders"] = list(ground.groups[ground.values["tree"]].folders)
        until(lambda: len(living(ground.view())) == 1 + 2 * PAIRS, ANSWER_PATIENCE)
        first = living(ground.view())
        ground.facts["first"] = [[pid, proc.start_time(pid)] for pid in first]

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        with suppress(TimeoutError):
            until(lambda: not living(view), 0.5)
        left, (pid, _) = living(view), view.facts["began"]["neighbour"]
        where, still = f"{view.facts['folders'][0]}/cgroup.procs", neighbour_stopped(view)
        return [
            Requirement(
                name="all processes of the tree have ended",
                met=not left,
                observed=f"{where} lists {len(in_group(view))} processes"
                + (", and they stand still" if stands_still(view) else "")
                + ("" if in_group(view) or not left else f", but {len(left)} live in another group"),
                expected="none, neither there nor elsewhere",
                why="what is left puts the rest back; what stands still keeps its memory",
                look=f'its processes, ground.groups["{view.values["tree"]}"].pids',
            ),
            Requirement(
                name=f"the program of {view.values['neighbour']} goes on",
                met=lives(view, "neighbour") and not still,
                observed=(still or f"/proc/{pid} is there, in its group")
                if lives(view, "neighbour")
                else f"/proc/{pid} is there no more",
                expected="the same process as before, neither ended nor frozen nor moved",
                why="who ends or stops more than was asked for has done harm",
                look=f"the state of the neighbour, /proc/{pid}/status, and in which groups you wrote",
                given=True,
            ),
        ]

    def solution(self, ground: Ground) -> object:
        ground.groups[ground.values["tree"]].kill()
        return None


# --- what the kernel has
def lives(view: KernelView, part: str) -> bool:
    """Whether the program that was started for a part still runs; its start time tells a pid that was used again."""
    pid, began = view.facts["began"][part]
    return proc.start_time(pid) == began and not proc.has_ended(pid)


def first_living(view: KernelView) -> list[int]:
    """The processes of the tree that were there at the start and still are."""
    return [pid for pid, began in view.facts["first"] if proc.start_time(pid) == began and not proc.has_ended(pid)]


def neighbour_stopped(view: KernelView) -> str:
    """Why the neighbour's program does not go on although it lives, in words; empty where it does."""
    pid, _ = view.facts["began"]["neighbour"]
    found = all_folders(pid)
    if still := next(filter(frozen, found), ""):
        return f"{still} says frozen"
    if proc.state(pid) == "T":
        return f"/proc/{pid}/status says that it is stopped"
    made = view.facts["groups"][view.values["neighbour"]][0]
    return "" if made in found else f"/proc/{pid}/cgroup says that it is not in {made}"


def in_group(view: KernelView) -> list[int]:
    """The processes of the tree's group, and of groups below."""
    return members(view.facts["folders"][0])


def living(view: KernelView) -> list[int]:
    """The processes of the tree, in whatever group they are, and whatever else is in its group."""
    known = f"\0{PAIRS}\0{view.values['tree']}\0"
    moved = [pid for pid in all_pids() if command_line(pid).endswith(known) and view.contains(pid)]
    return sorted({*in_group(view), *moved})


def command_line(pid: int) -> str:
    """The words that a process was started with, as the kernel has them; empty for one that has ended."""
    try:
        return proc.text_of(pid, "cmdline")
    except (ProcessLookupError, PermissionError):
        return ""


def stands_still(view: KernelView) -> bool:
    """Whether the tree's group is frozen."""
    return any(map(frozen, view.facts["folders"]))


# --- what learners do
def kill_one_by_one(ground: Ground) -> None:
    """Kill the parent and then the others one by one, each when the one before has been put back."""
    kill_parent(ground)
    for pid, began in ground.facts["first"]:
        if proc.start_time(pid) == began and not proc.has_ended(pid):
            os.kill(pid, signal.SIGKILL)
            until(partial(proc.has_ended, pid), ANSWER_PATIENCE)  # under load it lives on, and would be counted
            until(lambda: len(living(ground.view())) >= 2 * PAIRS, ANSWER_PATIENCE)


def kill_parent(ground: Ground) -> None:
    """Kill the process that has started all others."""
    program = ground.held[ground.values["tree"]]
    program.kill()
    program.wait()
