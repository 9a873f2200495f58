"""Exercise 3.1: the UTS namespace that two containers share."""

from __future__ import annotations

from random import Random

from .... import steps
from ...grading import Exercise, Ground, KernelView, Misconception, Names, Requirement, Submission, Values
from ..kit import as_it_was, fingerprint, names_in, role


class TwoInOneRoom(Exercise):
    """Five containers, of which two share a UTS namespace. Names mislead, inodes do not."""

    id = "3.1"
    title = "Two in one room"
    question = """Five containers: {all}. Exactly two of them live in one and the same UTS namespace. Which two?"""
    wants = Names("two names", "(..., ...)", count=2)
    hints = (
        """Ask each for its host name. That rules some out, but not enough: two namespaces can hold the same name,
        each its own copy of it.""",
        """A namespace has an identity: the number in the brackets when you read the link /proc/PID/ns/uts. For a
        container `box` of the exercise, os.readlink(f"/proc/{box.machine_pid}/ns/uts").""",
        """Collect the numbers, {name: box.view().namespaces["uts"] for name, box in ground.boxes.items()}, and look
        for one that comes twice.""",
    )
    misconceptions = (
        Misconception(
            believes="Same host name, same namespace.",
            explains=(1,),
            message="""Their host names are equal, but they are two texts in two namespaces: rename one, and the
            other keeps its name. Only the inode number tells namespaces apart.""",
            sign=lambda view, answer: (
                role(view, 2) in names_in(answer) and bool({role(view, 0), role(view, 1)} & names_in(answer))
            ),
            act=lambda ground: (role(ground, 0), role(ground, 2)),
        ),
        Misconception(
            believes="If they share one namespace, they share this one.",
            explains=(1,),
            message="""Those two do share a namespace, of another kind: the network. Each kind is a wall of its own,
            and may stand where another does not.""",
            sign=lambda view, answer: names_in(answer) == {role(view, 2), role(view, 3)},
            act=lambda ground: (role(ground, 2), role(ground, 3)),
        ),
        Misconception(
            believes="A container without a wall of its own shares with the others.",
            explains=(1,),
            message="""One of the two has no UTS namespace of its own: it shares the one of the host, and none of
            the other four lives there.""",
            sign=lambda view, answer: role(view, 4) in names_in(answer),
            act=lambda ground: (role(ground, 1), role(ground, 4)),
        ),
    )
    after = "One inode, one namespace: that is all that sharing means. The host name was only what is written in it."
    names = ("amber", "birch", "cedar", "elder", "hazel", "maple", "rowan")

    def values(self, random: Random) -> Values:
        names = random.sample(self.names, 5)
        shown = ", ".join(sorted(names))
        return {"names": names, "all": shown, "hostname": random.choice(("orchard", "grove", "coppice"))}

    def setup(self, ground: Ground) -> None:
        boxes = {name: ground.add(name) for name in sorted(ground.values["names"])}
        first, second, lookalike, neighbour, _open = (boxes[name] for name in ground.values["names"])
        for box, hostname in ((first, "hostname"), (lookalike, "hostname"), (neighbour, None)):
            box.apply(steps.NewNamespace("uts"))
            box.apply(steps.SetHostname(ground.values[hostname] if hostname else "clearing"))
        second.apply(steps.JoinNamespace("uts", first.pid))
        lookalike.apply(steps.NewNamespace("net"))
        neighbour.apply(steps.JoinNamespace("net", lookalike.pid))
        ground.facts["start"] = fingerprint(ground.view(), ("uts",))

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        names = sorted(names_in(answer))
        known = [name for name in names if name in view.boxes]
        return [
            Requirement(
                name="the two share one UTS namespace",
                met=len(known) == 2 and view.same(known[0], known[1], "uts"),
                observed="; ".join(view.link(name, "uts") if name in known else f"{name}: no container of this exercise"
                          for name in names),
                expected="two containers whose link names one inode",
                why="the inode number is the identity of a namespace; a host name is only text that is kept in it",
                look="/proc/PID/ns/uts of each, or box.view().namespaces",
            ),
            as_it_was(view, fingerprint(view, ("uts",)), "UTS namespaces, by /proc/PID/ns/uts,"),
        ]  # fmt: skip

    def solution(self, ground: Ground) -> object:
        rooms = {name: box.view().namespaces["uts"] for name, box in ground.boxes.items()}
        return [name for name, room in rooms.items() if list(rooms.values()).count(room) == 2]
