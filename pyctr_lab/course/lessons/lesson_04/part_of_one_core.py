"""Exercise 4.4: a part of one core, measured."""

from __future__ import annotations

import os
import signal
import time
from random import Random

from ...grading import Ground, KernelView, Misconception, Requirement, Submission, Values
from ..kit.groups import (
    PREAMBLE,
    OfGroups,
    above,
    ask,
    begin,
    cores_limit,
    folder_of,
    in_its_group_first,
    limit,
    nested,
    one_check_at_a_time,
    path_of,
    period,
    processor_time,
    stays,
)

SPELL = 0.7  # seconds that the program computes when it is asked to
QUOTA = ("cpu.max", "cpu.cfs_quota_us")
WEIGHT = ("cpu.weight", "cpu.shares")
DEFAULTS = (100, 1024)  # the kernel's own values of these two
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
        limit that holds even if no other process wants anything. You need the limit.""",
        """cpu.max has two numbers, microseconds: in each period (100,000) the group may compute so many. Over 100,000
        would be more than one core. (Version 1: cpu.cfs_quota_us and cpu.cfs_period_us.)""",
        """ground.groups["{program}"].cpu_max = {share}: the number is cores, not a share of the machine.""",
    )
    misconceptions = (
        Misconception(
            believes="A weight is a limit.",
            explains=(1,),
            message="""A weight is set, and no quota. A weight counts only while others want the same core: as long
            as they do not, the group gets all of it.""",
            sign=lambda view, answer: own_quota(view) is None and weighted(view),
            act=lambda ground: set_weight(ground),
        ),
        Misconception(
            believes="A quota on the parent is one for its child.",
            explains=(2,),
            message="""The quota is on the parent. It holds for all groups inside it, for all of them together: the
            neighbour is limited as well, and each has what the other leaves.""",
            sign=lambda view, answer: outer_quota(view) is not None,
            act=lambda ground: set_quota(ground, "parent"),
        ),
        Misconception(
            believes="A quota somewhere slows down all.",
            explains=(1, 2),
            message="""It is the neighbour that is limited. A quota holds for its own group and for those inside it.""",
            sign=lambda view, answer: neighbour_quota(view) is not None and own_quota(view) is None,
            act=lambda ground: set_quota(ground, "neighbour"),
        ),
        Misconception(
            believes="A quota is a share of the machine.",
            explains=(1,),
            message="""That is the part of all cores together. A quota counts time of one core, however many there
            are: 0.5 is half of one, 2 would be two whole ones.""",
            sign=lambda view, answer: near_quota(own_quota(view), view.values["share"] * cores_of_machine()),
            act=lambda ground: set_quota(ground, "program", cores_of_machine()),
        ),
        Misconception(
            believes="The number is percent.",
            explains=(1,),
            message="""That number is meant as percent, and it counts cores: 30 would be thirty whole cores. Write 0.3,
            or "30%" with its sign.""",
            sign=lambda view, answer: near_quota(own_quota(view), 100 * view.values["share"]),
            act=lambda ground: set_quota(ground, "program", 100),
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

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        share, quota, outer, other = view.values["share"], own_quota(view), outer_quota(view), neighbour_quota(view)
        folder = folder_of(view, view.values["program"], "cpu")
        neighbours = folder_of(view, view.values["neighbour"], "cpu")
        there = stays(view, "cpu", view.values["program"], view.values["neighbour"])
        kept = there.met and near_quota(quota, share) and held_to(view, share)
        return in_its_group_first(there, [
            Requirement(
                name=f"the program of {view.values['program']} gets {share} of one core",
                met=kept,
                observed=f"{path_of(folder, *QUOTA)} says {quota_words(quota)}"
                + ("" if kept or not near_quota(quota, share) else
                   ", and still it got more when it was asked to compute" if there.met else
                   ", and its program is in another group"),
                expected=f"{share} cores, and no more than that measured",
                why="a quota holds on an idle machine, too: that makes a program's speed a thing to rely on",
                look=f'ground.groups["{view.values["program"]}"].cpu_max, and its stat()',
            ),
            Requirement(
                name="nothing else is limited",
                met=outer is None and other is None,
                observed=f"{path_of(os.path.dirname(folder), *QUOTA)} says {quota_words(outer)}, "
                f"{path_of(neighbours, *QUOTA)} {quota_words(other)}",
                expected="no quota on either",
                why="a quota on a parent is one for all that is inside it",
                look="in which folder you have written",
                given=True,
            ),
        ])  # fmt: skip

    def solution(self, ground: Ground) -> object:
        ground.groups[ground.values["program"]].cpu_max = ground.values["share"]
        return None


# --- what the kernel has
def own_quota(view: KernelView) -> float | None:
    """The quota of the program's own group, in cores."""
    return cores_limit(folder_of(view, view.values["program"], "cpu"))


def outer_quota(view: KernelView) -> float | None:
    """The smallest of those of the groups around it."""
    _, *around = above(folder_of(view, view.values["program"], "cpu"))
    return min((quota for folder in around if (quota := cores_limit(folder)) is not None), default=None)


def neighbour_quota(view: KernelView) -> float | None:
    """That of the neighbour."""
    return cores_limit(folder_of(view, view.values["neighbour"], "cpu"))


def weighted(view: KernelView) -> bool:
    """Whether one of the two groups has another weight than the default."""
    folders = (folder_of(view, view.values[whom], "cpu") for whom in ("program", "neighbour"))
    return any(limit(folder, *WEIGHT) not in DEFAULTS for folder in folders)


def near_quota(quota: float | None, wanted: float) -> bool:
    """Whether a quota is as wanted, near enough."""
    return quota is not None and abs(quota - wanted) <= EXACT * wanted


def quota_words(quota: float | None) -> str:
    """A quota in words."""
    return "that there is no quota" if quota is None else f"{quota:g} cores"


def cores_of_machine() -> int:
    """How many cores a machine has, in the mind of who thinks that it matters."""
    return max(2, os.cpu_count() or 1)


def held_to(view: KernelView, share: float) -> bool:
    """Whether the program, asked to compute for a moment, gets its share at most.

    A period that has begun may be used up at once, and one more at the end; no lower bound can be measured, for others
    want the cores too.
    """
    name = view.values["program"]
    with one_check_at_a_time(view, view.values["parent"]):
        before, start = processor_time(view, name), time.monotonic()
        ask(view, name, signal.SIGUSR1)
        seconds, used = time.monotonic() - start, processor_time(view, name) - before
    grace = 2 * period(folder_of(view, name, "cpu"))
    return used <= share * (1 + EXACT) * (seconds + grace) + 0.02


# --- what learners do
def set_quota(ground: Ground, whom: str, times: int = 1) -> None:
    """A quota on one of the groups."""
    ground.groups[ground.values[whom]].cpu_max = ground.values["share"] * times


def set_weight(ground: Ground) -> None:
    """A weight that is the share, in percent."""
    ground.groups[ground.values["program"]].cpu_weight = round(100 * ground.values["share"])
