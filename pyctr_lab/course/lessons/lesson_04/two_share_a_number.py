"""Exercise 4.5: a limit for two groups together."""

from __future__ import annotations

import os
import signal
from random import Random

from ...grading import Ground, KernelView, Misconception, Requirement, Submission, Values
from ..kit.groups import (
    PREAMBLE,
    OfGroups,
    ask,
    begin,
    folder_of,
    in_its_group_first,
    members,
    nested,
    one_check_at_a_time,
    pids_limit,
    refuse_frozen,
    stays,
)

#: Asked by SIGUSR1, it starts as many children as it is let, up to a number; by SIGUSR2, it ends them. They end by
#: themselves after a minute without a signal: the check that sent the first one may have died meanwhile.
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
            believes="Half for each is the whole for both.",
            explains=(2,),
            message="""Each has a limit of its own. Together they cannot have too many, but while one has nothing to
            do the other cannot have what is left over. A limit for both belongs where both are counted.""",
            sign=lambda view, answer: (
                own_limits(view) == [half_of_most(view), half_of_most(view)] and parent_limit(view) is None
            ),
            act=lambda ground: set_limits(ground, half_of_most(ground.view()), "one", "two"),
        ),
        Misconception(
            believes="A limit on one holds for the other as well.",
            explains=(1,),
            message="""Only one of the two is limited, the other is not. They are beside each other: neither is in
            the other's count.""",
            sign=lambda view, answer: own_limits(view).count(None) == 1 and parent_limit(view) is None,
            act=lambda ground: set_limits(ground, ground.values["most"], "one"),
        ),
        Misconception(
            believes="The same limit on both is one limit for both.",
            explains=(1,),
            message="""Each may have the whole number: together they may have twice as many. Groups that stand
            beside each other do not count together, whatever their limits are.""",
            sign=lambda view, answer: own_limits(view) == [view.values["most"]] * 2 and parent_limit(view) is None,
            act=lambda ground: set_limits(ground, ground.values["most"], "one", "two"),
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

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        one, two = view.values["one"], view.values["two"]
        there, most = stays(view, "pids", one, two), view.values["most"]
        with one_check_at_a_time(view, view.values["parent"]):
            first, both, last = try_all(view)
        places = " and ".join(f"{folder_of(view, name, 'pids')}/cgroup.procs" for name in (one, two))
        return in_its_group_first(there, [
            Requirement(
                name=f"together they have {most} at most",
                met=there.met and sum(both) <= most,
                observed=f"{places} listed {both[0]} and {both[1]} processes when both had started what they were let",
                expected=f"{most} processes at most, the two counts added",
                why="what many groups may have together is limited in a group that they are all in",
                look=f'pids.max of the parent, ground.groups["{view.values["parent"]}"].pids_max',
            ),
            Requirement(
                name=f"either has all that the other leaves of {most}",
                met=there.met and sum(first) == sum(last) == most,
                observed=f"{places} listed {first[0]} and {first[1]} processes when only {one} had started "
                f"some, {last[0]} and {last[1]} when only {two} had",
                expected=f"{most} each time, the two counts added",
                why="what one does not need is of use to the other only if both draw on one number",
                look=f'pids.max of each of the two, ground.groups["{one}"].pids_max',
            ),
        ])  # fmt: skip

    def solution(self, ground: Ground) -> object:
        ground.groups[ground.values["parent"]].pids_max = ground.values["most"]
        return None


Counts = tuple[int, int]  # the processes of the one group, and of the other


def try_all(view: KernelView) -> tuple[Counts, Counts, Counts]:
    """How many processes each has when the first has started what it can, then both, then the second alone."""
    one, two = view.values["one"], view.values["two"]
    refuse_frozen(view, two)
    try:
        ask(view, one, signal.SIGUSR1)
        first = count_members(view)
        ask(view, two, signal.SIGUSR1)
        both = count_members(view)
        for name in (one, two):
            ask(view, name, signal.SIGUSR2)
        ask(view, two, signal.SIGUSR1)
        return first, both, count_members(view)
    finally:
        for name in (one, two):
            ask(view, name, signal.SIGUSR2)


def count_members(view: KernelView) -> Counts:
    """The processes of the two groups."""
    one, two = (len(members(folder_of(view, view.values[name], "pids"))) for name in ("one", "two"))
    return one, two


# --- what the kernel has
def own_limits(view: KernelView) -> list[int | None]:
    """The limits of the two groups."""
    return [pids_limit(folder_of(view, view.values[name], "pids")) for name in ("one", "two")]


def parent_limit(view: KernelView) -> int | None:
    """That of the group around them."""
    return pids_limit(os.path.dirname(folder_of(view, view.values["one"], "pids")))


def half_of_most(view: KernelView) -> int:
    """Half of what the two may have."""
    return int(view.values["most"]) // 2


# --- what learners do
def set_limits(ground: Ground, most: int, *whom: str) -> None:
    """A limit of its own for each of these groups."""
    for name in whom:
        ground.groups[ground.values[name]].pids_max = most
