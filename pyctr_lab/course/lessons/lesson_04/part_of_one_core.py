"""Lesson 04: a part of one core, measured."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from random import Random

from ...grading.exercise import Exercise, Ground, Misconception, Values
from ...grading.submissions import Answer
from ...grading.verdicts import Requirement
from ...grading.view import Scene
from ..kit.groups import (
    PREAMBLE,
    OfGroups,
    above,
    ask,
    begin,
    cores_limit,
    folder_of,
    limit,
    nested,
    path_of,
    period,
    processor_time,
)

SPELL = 0.7  # seconds that the program computes when it is asked to
QUOTA = ("cpu.max", "cpu.cfs_quota_us")
WEIGHT = ("cpu.weight", "cpu.shares")
EVERYBODYS = (100, 1024)  # what these two are where nobody has said anything
EXACT = 0.05  # a quota is as asked for if it is off by no more than this part of it

#: Asked by SIGUSR1, it computes for some time on the clock, as much as it can get.
SPINNER = f"""{PREAMBLE}
answer("waits")
while True:
    signal.sigwait(ASKED)
    until = time.monotonic() + float(sys.argv[1])
    while time.monotonic() < until:
        pass
    answer("waits")
"""


class APartOfOneCore(OfGroups):
    """Two programs that compute, and a quota for one of them."""

    id = "4.4"
    title = "A part of one core"
    question = """{program} and {neighbour} are groups in {parent}, with a program each that computes when it is asked
    to. However idle the machine is, the program of {program} is to get {share} of one core and no more; nothing else is
    to be limited. The check asks it to compute for a moment, and measures what it got."""
    needs = ("cpu",)
    hints = (
        """Two files say something about processor time. One divides what several want at the same time; the other is a
        limit that holds even if nobody else wants anything. You need the limit.""",
        """cpu.max has two numbers, microseconds: in each period (100,000) the group may compute so many. Over 100,000
        would be more than one core. (Version 1: cpu.cfs_quota_us and cpu.cfs_period_us.)""",
        """ground.groups["{program}"].cpu_max = {share}: the number is cores, not a share of the machine.""",
    )
    misconceptions = (
        Misconception(
            "M1",
            "A weight is a limit.",
            """A weight is set, and no quota. A weight counts only while others want the same core: as long as they do
            not, the group gets all of it.""",
            lambda scene, answer: own_quota(scene) is None and weighted(scene),
            lambda ground: weigh(ground),
        ),
        Misconception(
            "M2",
            "A quota on the parent is one for its child.",
            """The quota is on the parent. It holds for all groups inside it, for all of them together: the neighbour
            is limited as well, and each has what the other leaves.""",
            lambda scene, answer: outer_quota(scene) is not None,
            lambda ground: slow(ground, "parent"),
        ),
        Misconception(
            "M3",
            "A quota somewhere slows down all.",
            """It is the neighbour that is limited. A quota holds for its own group and for those inside it.""",
            lambda scene, answer: beside(scene) is not None and own_quota(scene) is None,
            lambda ground: slow(ground, "neighbour"),
        ),
        Misconception(
            "M4",
            "A quota is a share of the machine.",
            """That is the part of all cores together. A quota counts time of one core, however many there are: 0.5 is
            half of one, 2 would be two whole ones.""",
            lambda scene, answer: near(own_quota(scene), scene.values["share"] * several()),
            lambda ground: slow(ground, "program", several()),
        ),
    )
    after = "In each period it computed until its microseconds were used up, and then stood still until the next."
    names = ("drill", "grinder", "lathe", "saw", "workshop", "vice")

    def values(self, random: Random) -> Values:
        program, neighbour = random.sample(self.names[:-2], 2)
        share = random.choice((0.2, 0.25, 0.3, 0.4, 0.5, 0.6))
        return {"parent": "workshop", "program": program, "neighbour": neighbour, "share": share}

    def setup(self, ground: Ground) -> None:
        ground.add("vice")
        names = ground.values["program"], ground.values["neighbour"]
        nested(ground, "workshop", *names)
        for name in names:
            begin(ground, name, SPINNER, SPELL)

    def check(self, scene: Scene, answer: Answer) -> Sequence[Requirement]:
        share, quota, outer, other = scene.values["share"], own_quota(scene), outer_quota(scene), beside(scene)
        folder = folder_of(scene, scene.values["program"], "cpu")
        neighbours = folder_of(scene, scene.values["neighbour"], "cpu")
        kept = near(quota, share) and held_to(scene, share)
        return [
            Requirement(
                f"the program of {scene.values['program']} gets {share} of one core",
                kept,
                f"{path_of(folder, *QUOTA)} says {said(quota)}"
                + (", and still it got more when it was asked to compute" if near(quota, share) else ""),
                f"{share} cores, and no more than that measured",
                "a quota holds on an idle machine, too: that makes a program's speed a thing to rely on",
                f'ground.groups["{scene.values["program"]}"].cpu_max, and its stat()',
            ),
            Requirement(
                "nothing else is limited",
                outer is None and other is None,
                f"{path_of(os.path.dirname(folder), *QUOTA)} says {said(outer)}, "
                f"{path_of(neighbours, *QUOTA)} {said(other)}",
                "no quota on either",
                "a quota on a parent is one for all that is inside it",
                "in which folder you have written",
                given=True,
            ),
        ]

    def solution(self, ground: Ground) -> object:
        ground.groups[ground.values["program"]].cpu_max = ground.values["share"]
        return None


# --- what the kernel has
def own_quota(scene: Scene) -> float | None:
    """The quota of the program's own group, in cores."""
    return cores_limit(folder_of(scene, scene.values["program"], "cpu"))


def outer_quota(scene: Scene) -> float | None:
    """The smallest of those of the groups around it."""
    _, *around = above(folder_of(scene, scene.values["program"], "cpu"))
    return min((quota for folder in around if (quota := cores_limit(folder)) is not None), default=None)


def beside(scene: Scene) -> float | None:
    """That of the neighbour."""
    return cores_limit(folder_of(scene, scene.values["neighbour"], "cpu"))


def weighted(scene: Scene) -> bool:
    """Whether somebody has given one of the two a weight of its own."""
    folders = (folder_of(scene, scene.values[whom], "cpu") for whom in ("program", "neighbour"))
    return any(limit(folder, *WEIGHT) not in EVERYBODYS for folder in folders)


def near(quota: float | None, wanted: float) -> bool:
    """Whether a quota is as wanted, near enough."""
    return quota is not None and abs(quota - wanted) <= EXACT * wanted


def said(quota: float | None) -> str:
    """A quota in words."""
    return "that there is no quota" if quota is None else f"{quota:g} cores"


def several() -> int:
    """How many cores a machine has, in the mind of who thinks that it matters."""
    return max(2, os.cpu_count() or 1)


def held_to(scene: Scene, share: float) -> bool:
    """Has the program compute for a moment. Whether it got its share at most.

    A period that has begun may be used up at once, and one more at the end; no lower bound can be measured, for others
    want the cores too.
    """
    name = scene.values["program"]
    before, start = processor_time(scene, name), time.monotonic()
    ask(scene, name, signal.SIGUSR1)
    seconds = time.monotonic() - start
    grace = 2 * period(folder_of(scene, name, "cpu"))
    return processor_time(scene, name) - before <= share * (1 + EXACT) * (seconds + grace) + 0.02


# --- what learners do
def slow(ground: Ground, whom: str, times: int = 1) -> None:
    """A quota on one of the groups."""
    ground.groups[ground.values[whom]].cpu_max = ground.values["share"] * times


def weigh(ground: Ground) -> None:
    """A weight that is the share, in percent."""
    ground.groups[ground.values["program"]].cpu_weight = round(100 * ground.values["share"])


EXERCISES: tuple[Exercise, ...] = (APartOfOneCore(),)
