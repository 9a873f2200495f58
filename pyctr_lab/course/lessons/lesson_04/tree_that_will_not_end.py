"""Lesson 04: ending a tree of processes whose members put each other back."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from random import Random

from ....kernel import proc
from ...grading.exercise import Exercise, Ground, Misconception, Values
from ...grading.submissions import Answer
from ...grading.verdicts import Requirement
from ...grading.view import Scene, all_pids, until
from ..kit.groups import PATIENCE, PREAMBLE, OfGroups, begin, frozen, members, nested

PAIRS = 3

#: Starts pairs of processes, of which each puts the other back as soon as it ends, and waits for nobody. At rest it
#: costs nothing: the kernel wakes whoever is left (pidfd_open(2)). No fork, no more than this many at any time.
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
    question = """In {parent} are two groups. {tree} has a program with children and grandchildren, and whoever of them
    is killed is put back by another. End them all, for good. {neighbour}, the other group, has a program that
    must go on undisturbed."""
    hints = (
        """Whoever kills by numbers needs a list of them, and the list is out of date as soon as one is put back. Who
        is in a group, the kernel knows at every moment.""",
        """A control group can be killed as a whole: version 2 has a file for it, cgroup.kill. Where that is missing,
        nobody may fork any more (pids.max 0), and then each is killed. Which of the three groups is to be killed?""",
        """ground.groups["{tree}"].kill() does the one or the other, and waits until all have ended.""",
    )
    misconceptions = (
        Misconception(
            "M1",
            "Who ends the parent ends its children.",
            """The parent has ended, and the others live: the kernel gives orphans another parent, and lets them go on.
            A signal is for one process (or a process group, which any program may leave).""",
            lambda scene, answer: bool(living(scene)) and not lives(scene, "tree") and not stands_still(scene),
            lambda ground: kill_parent(ground),
        ),
        Misconception(
            "M2",
            "What is in one parent group belongs together.",
            """The tree has ended, and the neighbour with it: killing a group kills all the groups inside it, too. Kill
            the smallest group that has all of the tree.""",
            lambda scene, answer: not lives(scene, "neighbour"),
            lambda ground: ground.groups[ground.values["parent"]].kill(),
        ),
        Misconception(
            "M3",
            "Who does not run any more has ended.",
            """They stand still: the group is frozen. They keep their numbers, memory and open files, and go on where
            they were as soon as somebody thaws them.""",
            lambda scene, answer: bool(living(scene)) and stands_still(scene),
            lambda ground: ground.groups[ground.values["tree"]].freeze(),
        ),
        Misconception(
            "M4",
            "An empty group means that its processes have ended.",
            """The group is empty because its processes were moved to another group. They live on there.""",
            lambda scene, answer: bool(living(scene)) and not in_group(scene),
            lambda ground: move_out(ground),
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
        found = {part: ground.held[ground.values[part]].host_pid for part in ("tree", "neighbour")}
        ground.facts["born"] = {part: [pid, proc.start_time(pid)] for part, pid in found.items()}
        ground.facts["folders"] = list(ground.groups[ground.values["tree"]].folders)
        until(lambda: len(living(ground.scene())) == 1 + 2 * PAIRS, PATIENCE)

    def check(self, scene: Scene, answer: Answer) -> Sequence[Requirement]:
        with suppress(TimeoutError):
            until(lambda: not living(scene), 0.5)
        left, (pid, _) = living(scene), scene.facts["born"]["neighbour"]
        where = f"{scene.facts['folders'][0]}/cgroup.procs"
        return [
            Requirement(
                "all processes of the tree have ended",
                not left,
                f"{where} lists {len(in_group(scene))} processes"
                + (", and they stand still" if stands_still(scene) else "")
                + ("" if in_group(scene) or not left else f", but {len(left)} live in another group"),
                "none, neither there nor elsewhere",
                "what is left puts the rest back; what stands still keeps its memory",
                f'its processes, ground.groups["{scene.values["tree"]}"].pids',
            ),
            Requirement(
                f"the program of {scene.values['neighbour']} goes on",
                lives(scene, "neighbour"),
                f"/proc/{pid} is there no more",
                "the same process as before",
                "who ends more than was asked for has done harm",
                "which groups are inside the one that you killed",
                given=True,
            ),
        ]

    def solution(self, ground: Ground) -> object:
        ground.groups[ground.values["tree"]].kill()
        return None


# --- what the kernel has
def lives(scene: Scene, part: str) -> bool:
    """Whether the program that was started for a part is still there. A number used again is told by its birth."""
    pid, born = scene.facts["born"][part]
    return proc.start_time(pid) == born and proc.state(pid) not in "-Z"


def in_group(scene: Scene) -> list[int]:
    """The processes of the tree's group, and of groups below."""
    return members(scene.facts["folders"][0])


def living(scene: Scene) -> list[int]:
    """The processes of the tree, in whatever group they are, and whatever else is in its group."""
    known = f"\0{PAIRS}\0{scene.values['tree']}\0"
    moved = [pid for pid in all_pids() if command_line(pid).endswith(known) and scene.contains(pid)]
    return sorted({*in_group(scene), *moved})


def command_line(pid: int) -> str:
    """The words that a process was started with, as the kernel has them; empty for one that has ended."""
    try:
        return proc.text_of(pid, "cmdline")
    except (ProcessLookupError, PermissionError):
        return ""


def stands_still(scene: Scene) -> bool:
    """Whether the tree's group is frozen."""
    return any(map(frozen, scene.facts["folders"]))


# --- what learners do
def kill_parent(ground: Ground) -> None:
    """Ends the process that has started all others."""
    program = ground.held[ground.values["tree"]]
    program.kill()
    program.wait()


def move_out(ground: Ground) -> None:
    """Moves the tree to the neighbour."""
    ground.groups[ground.values["neighbour"]].add(*ground.groups[ground.values["tree"]].pids)


EXERCISES: tuple[Exercise, ...] = (ATreeThatWillNotEnd(),)
