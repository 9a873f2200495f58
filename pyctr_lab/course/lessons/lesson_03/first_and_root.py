"""Exercise 3.3: PID and user namespaces."""

from __future__ import annotations

import os
from random import Random

from .... import steps
from ....kernel import CLONE_NEWPID, unshare
from ...grading import Exercise, Ground, KernelView, Misconception, Requirement, Submission, Values


class FirstAndRoot(Exercise):
    """PID 1 and uid 0 inside, an ordinary process of an ordinary user outside."""

    id = "3.3"
    title = "First, and root"
    question = """The process {box} is to be number 1 in a PID namespace of its own, and root (uid 0) in a user
    namespace of its own, while outside it stays one process among many, with the uid that it has. Carry it there."""
    hints = (
        """Two walls: one for numbers, one for users. And a user namespace alone does not make root: something has to
        say which user outside is which inside.""",
        """For the numbers, look at what the step does: unshare(CLONE_NEWPID) and then a fork, for the caller itself
        never changes its number. For the users: steps.NewNamespace("user"), then steps.IdMaps(...).""",
        """steps.NewNamespace("user"), steps.IdMaps(inside=0, outside=0, count=1), steps.NewNamespace("pid"): three
        steps. The map comes after the namespace that it is for.""",
    )
    misconceptions = (
        Misconception(
            believes="unshare(CLONE_NEWPID) gives the caller a new number.",
            explains=(1,),
            message="""The call was made, but it changes nothing for the caller: only its next child is number 1 of
            the new namespace. The step NewNamespace("pid") makes both, the call and the fork.""",
            sign=lambda view, answer: not own(view, "pid") and awaits_child(view),
            act=lambda ground: ground.box.call(unshare(CLONE_NEWPID)),
        ),
        Misconception(
            believes="Who has a user namespace of its own is root in it.",
            explains=(3,),
            message="""The namespace is there and its map is empty: every user outside is nobody (65534) inside. Who
            is who must be written into /proc/PID/uid_map, once.""",
            sign=lambda view, answer: own(view, "user") and not view.uid_map(box_name(view)),
            act=lambda ground: ground.box.apply(steps.NewNamespace("user")),
        ),
        Misconception(
            believes="It is number 1 and `id` says root, so it is there.",
            explains=(2,),
            message="""Number 1 it is. But the uid 0 that `id` shows is that of the lab's host: the process shares
            its user namespace. One wall is up, the other has never been asked for.""",
            sign=lambda view, answer: first(view) and view.same(box_name(view), "host", "user"),
            act=lambda ground: ground.box.apply(steps.NewNamespace("pid")),
        ),
        Misconception(
            believes="Any map that is written makes root.",
            explains=(3,),
            message="""A map is written, and by it the process is not 0 inside, but another user. The left number is
            who it is inside; the right one is who that is on the lab's host, and must be the process's own uid
            there. A map is written once: for another one, ground = exercises.start("3.3", lab).""",
            sign=lambda view, answer: bool(view.uid_map(box_name(view))) and inner_uid(view) != 0,
            act=lambda ground: mapped_elsewhere(ground),
        ),
    )
    after = """One process with two numbers and two users: NSpid and uid_map say so, and neither of them made it
    mightier."""
    names = ("basalt", "flint", "marble", "slate")

    def values(self, random: Random) -> Values:
        return {"box": random.choice(self.names)}

    def setup(self, ground: Ground) -> None:
        ground.add(ground.values["box"])
        view = ground.view()
        ground.facts["host"] = {kind: view.namespace("host", kind) for kind in ("pid", "user")}
        ground.facts["uid"] = outer_uid(view)

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        name = box_name(view)
        numbers, inner, outer = view.numbers(name), inner_uid(view), outer_uid(view)
        lines = [f"{line.inside} {line.outside} {line.count}" for line in view.uid_map(name)]
        return [
            Requirement(
                name="it is number 1 in a PID namespace of its own",
                met=first(view),
                observed=f"in /proc/{view.pid(name)}/status is NSpid {' '.join(map(str, numbers))};"
                f" {view.link(name, 'pid')}; {view.link('host', 'pid')}",
                expected="a 1 at the end of NSpid, and another inode than the host's",
                why="a process counts as first only in a namespace that began with it",
                look='the calls of steps.NewNamespace("pid")',
            ),
            Requirement(
                name="it has a user namespace of its own",
                met=own(view, "user"),
                observed=f"{view.link(name, 'user')}; {view.link('host', 'user')}",
                expected="another inode than the host's",
                why="all that root may do, it may only towards what belongs to its own user namespace",
                look='steps.NewNamespace("user")',
            ),
            Requirement(
                name="it is uid 0 in there",
                met=own(view, "user") and inner == 0,
                observed=f"/proc/{view.pid(name)}/uid_map is {'; '.join(lines) or 'empty'}; by it the process is "
                + ("nobody" if inner is None else f"uid {inner}"),
                expected="a line that begins with 0 and covers its uid outside",
                why="the map alone makes it root: outside the process stays who it was",
                look="steps.IdMaps",
            ),
            Requirement(
                name="outside, it has the uid that it had",
                met=outer == view.facts["uid"],
                observed=f"Uid of /proc/{view.pid(name)}/status is {outer} on your machine",
                expected=f"{view.facts['uid']} on your machine, as when you started",
                why="what counts for the files of the machine is the uid outside",
                look="the right-hand number of the map, and who calls setresuid(2)",
                given=True,
            ),
        ]

    def solution(self, ground: Ground) -> object:
        ground.box.apply(steps.NewNamespace("user"))
        ground.box.apply(steps.IdMaps(inside=0, outside=0, count=1))
        ground.box.apply(steps.NewNamespace("pid"))
        return None


def box_name(view: KernelView) -> str:
    """The name of the only container."""
    name: str = view.values["box"]
    return name


def inner_uid(view: KernelView) -> int | None:
    """The effective uid inside the user namespace; None where its map has no entry for it."""
    outer = outer_uid(view)
    for line in view.uid_map(box_name(view)):
        if line.outside <= outer < line.outside + line.count:
            return line.inside + outer - line.outside
    return None


def outer_uid(view: KernelView) -> int:
    """The effective uid, in the numbers of the reader."""
    return int(view.status(box_name(view))["Uid"].split()[1])


def own(view: KernelView, kind: str) -> bool:
    """Whether the process is in a namespace that the host is not in, and was not in at the start."""
    inode = view.namespace(box_name(view), kind)
    return inode not in (view.namespace("host", kind), view.facts["host"][kind])


def first(view: KernelView) -> bool:
    """Whether it is number 1 of a PID namespace of its own."""
    return own(view, "pid") and view.numbers(box_name(view))[-1] == 1


def awaits_child(view: KernelView) -> bool:
    """Whether the next child will live in another PID namespace: the link of the children's leads elsewhere."""
    place = f"/proc/{view.pid(box_name(view))}/ns"
    try:
        return os.readlink(f"{place}/pid_for_children") != os.readlink(f"{place}/pid")
    except FileNotFoundError:  # not made before the first child
        return os.path.exists(place)


def mapped_elsewhere(ground: Ground) -> None:
    """A map with another number on its left side."""
    ground.box.apply(steps.NewNamespace("user"))
    ground.box.apply(steps.IdMaps(inside=1000, outside=0, count=1))
