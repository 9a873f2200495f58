"""Lesson 04: a limit for two groups together."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from random import Random

from ...grading.exercise import Exercise, Ground, Misconception, Values
from ...grading.submissions import Answer
from ...grading.verdicts import Requirement
from ...grading.view import Scene
from ..kit.groups import PREAMBLE, OfGroups, ask, begin, folder_of, members, nested, pids_limit

#: Asked by SIGUSR1, it starts as many children as it is let, up to a number; by SIGUSR2, it ends them. They end by
#: themselves when nobody has asked for some time: whoever has asked may have died meanwhile.
WORKER = f"""{PREAMBLE}
children = []
def grow():
    while len(children) < int(sys.argv[1]):
        try:
            pid = os.fork()
        except BlockingIOError:
            return
        if pid == 0:
            signal.pause()
            os._exit(0)
        children.append(pid)
def shrink():
    while children:
        pid = children.pop()
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
answer("waits")
while True:
    asked = signal.sigtimedwait(ASKED, 60)
    if asked and asked.si_signo == signal.SIGUSR1:
        grow()
        answer("grown")
    elif asked or children:
        shrink()
        answer("waits")
"""


class TwoThatShareANumber(OfGroups):
    """Two groups in one: what is limited together is limited where they are together."""

    id = "4.5"
    title = "Two that share a number"
    question = """{one} and {two} are groups in {parent}, with a worker each, that starts others when there is much to
    do. Together the two groups must never have more than {most} processes; but either may have all that the other
    leaves. The check has them start as many as they are let: first {one}, then both, then {two} alone."""
    needs = ("pids",)
    hints = (
        """A limit on a group counts the processes of that group and of all groups inside it. Whose count has both of
        the workers in it?""",
        """Half for each is never too much, but it is too little for the one that has work while the other has none. One
        number for both has to stand where both are counted: in {parent}.""",
        """ground.groups["{parent}"].pids_max = {most}""",
    )
    misconceptions = (
        Misconception(
            "M1",
            "Half for each is the whole for both.",
            """Each has a limit of its own. Together they cannot have too many, but while one has nothing to do the
            other cannot have what is left over. A limit for both belongs where both are counted.""",
            lambda scene, answer: own(scene) == [half(scene), half(scene)] and outer(scene) is None,
            lambda ground: each_of(ground, half(ground.scene()), "one", "two"),
        ),
        Misconception(
            "M2",
            "A limit on one holds for the other as well.",
            """Only one of the two is limited, the other is not. They are beside each other: neither is in the other's
            count.""",
            lambda scene, answer: own(scene).count(None) == 1 and outer(scene) is None,
            lambda ground: each_of(ground, ground.values["most"], "one"),
        ),
        Misconception(
            "M3",
            "The same limit on both is one limit for both.",
            """Each may have the whole number: together they may have twice as many. Groups that stand beside each other
            do not count together, whatever their limits are.""",
            lambda scene, answer: own(scene) == [scene.values["most"]] * 2 and outer(scene) is None,
            lambda ground: each_of(ground, ground.values["most"], "one", "two"),
        ),
    )
    after = "A group's count has all that is inside it: so the parent's limit leaves it to the two how they share."
    names = ("drone", "forager", "nurse", "warden", "hive", "smoker")

    def values(self, random: Random) -> Values:
        one, two = random.sample(self.names[:-2], 2)
        return {"parent": "hive", "one": one, "two": two, "most": random.choice((8, 10, 12, 14))}

    def setup(self, ground: Ground) -> None:
        ground.add("smoker")
        names = ground.values["one"], ground.values["two"]
        nested(ground, "hive", *names)
        for name in names:
            begin(ground, name, WORKER, ground.values["most"] + 3)

    def check(self, scene: Scene, answer: Answer) -> Sequence[Requirement]:
        (one, both, two), most = trial(scene), scene.values["most"]
        places = " and ".join(f"{folder_of(scene, scene.values[name], 'pids')}/cgroup.procs" for name in ("one", "two"))
        return [
            Requirement(
                f"together they have {most} at most",
                both <= most,
                f"{places} listed {both} processes when both had started what they were let",
                f"{most} processes",
                "what many groups may have together is limited in a group that they are all in",
                f'pids.max of the parent, ground.groups["{scene.values["parent"]}"].pids_max',
            ),
            Requirement(
                f"each has {most} when the other has nothing to do",
                one == two == most,
                f"{places} listed {one} processes when only {scene.values['one']} had started "
                f"some, and {two} when only {scene.values['two']} had",
                f"{most} each time",
                "what one does not need is of use to the other only if both draw on one number",
                f'pids.max of each of the two, ground.groups["{scene.values["one"]}"].pids_max',
            ),
        ]

    def solution(self, ground: Ground) -> object:
        ground.groups[ground.values["parent"]].pids_max = ground.values["most"]
        return None


def trial(scene: Scene) -> tuple[int, int, int]:
    """How many processes the two have when the first has started what it can, then both, then the second alone."""
    one, two = scene.values["one"], scene.values["two"]
    try:
        ask(scene, one, signal.SIGUSR1)
        first = counted(scene)
        ask(scene, two, signal.SIGUSR1)
        both = counted(scene)
        for name in (one, two):
            ask(scene, name, signal.SIGUSR2)
        ask(scene, two, signal.SIGUSR1)
        return first, both, counted(scene)
    finally:
        for name in (one, two):
            ask(scene, name, signal.SIGUSR2)


def counted(scene: Scene) -> int:
    """The processes of both groups."""
    return sum(len(members(folder_of(scene, scene.values[name], "pids"))) for name in ("one", "two"))


# --- what the kernel has
def own(scene: Scene) -> list[int | None]:
    """The limits of the two groups."""
    return [pids_limit(folder_of(scene, scene.values[name], "pids")) for name in ("one", "two")]


def outer(scene: Scene) -> int | None:
    """That of the group around them."""
    return pids_limit(os.path.dirname(folder_of(scene, scene.values["one"], "pids")))


def half(scene: Scene) -> int:
    """Half of what the two may have."""
    return int(scene.values["most"]) // 2


# --- what learners do
def each_of(ground: Ground, most: int, *whom: str) -> None:
    """A limit of its own for each of these groups."""
    for name in whom:
        ground.groups[ground.values[name]].pids_max = most


EXERCISES: tuple[Exercise, ...] = (TwoThatShareANumber(),)
