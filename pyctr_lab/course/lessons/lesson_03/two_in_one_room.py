"""Lesson 03, first sitting: the UTS namespace."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from .... import steps
from ...grading.exercise import Exercise, Ground, Misconception, Values
from ...grading.submissions import Answer, Names
from ...grading.verdicts import Requirement
from ...grading.view import Scene, until


def role(scene: Scene | Ground, place: int) -> str:
    """The name that plays a part in this variant."""
    name: str = scene.values["names"][place]
    return name


class TwoInOneRoom(Exercise):
    """Five containers, of which two share a UTS namespace. Names mislead, inodes do not."""

    id = "3.1"
    title = "Two in one room"
    question = """Five containers: {all}. Exactly two of them live in one and the same UTS namespace. Which two?"""
    wants = Names("two names", "(..., ...)", count=2)
    hints = (
        """Ask each for its host name. That rules some out, but not enough: who tells you that equal texts are one
        text?""",
        """A namespace has an identity: the number in the brackets when you read the link /proc/PID/ns/uts. For a
        container `box` of the ground, os.readlink(f"/proc/{box.host_pid}/ns/uts").""",
        """Collect the numbers, {name: box.view().namespaces["uts"] for name, box in ground.boxes.items()}, and look
        for one that comes twice.""",
    )
    misconceptions = (
        Misconception(
            "M1",
            "Same host name, same namespace.",
            """Their host names are equal, but they are two texts in two rooms: rename one, and the other keeps its
            name. Only the inode number tells rooms apart.""",
            lambda scene, answer: (
                role(scene, 2) in named(answer) and bool({role(scene, 0), role(scene, 1)} & named(answer))
            ),
            lambda ground: (role(ground, 0), role(ground, 2)),
        ),
        Misconception(
            "M2",
            "If they share one namespace, they share this one.",
            """Those two do share a namespace, of another kind: the network. Each kind is a wall of its own, and may
            stand where another does not.""",
            lambda scene, answer: named(answer) == {role(scene, 2), role(scene, 3)},
            lambda ground: (role(ground, 2), role(ground, 3)),
        ),
        Misconception(
            "M3",
            "A container without a wall of its own shares with the others.",
            """One of the two has no UTS namespace of its own: it shares the one of the host, and none of the other
            four lives there.""",
            lambda scene, answer: role(scene, 4) in named(answer),
            lambda ground: (role(ground, 1), role(ground, 4)),
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

    def check(self, scene: Scene, answer: Answer) -> Sequence[Requirement]:
        names = sorted(named(answer))
        known = [name for name in names if name in scene.boxes]
        return [
            Requirement(
                "the two share one UTS namespace",
                len(known) == 2 and scene.same(known[0], known[1], "uts"),
                "; ".join(scene.link(name, "uts") if name in known else f"{name}: no container of this ground"
                          for name in names),
                "two containers whose link names one inode",
                "the inode number is the identity of a namespace; a host name is only text that is kept in it",
                "/proc/PID/ns/uts of each, or box.view().namespaces",
            )
        ]  # fmt: skip

    def solution(self, ground: Ground) -> object:
        rooms = {name: box.view().namespaces["uts"] for name, box in ground.boxes.items()}
        return [name for name, room in rooms.items() if list(rooms.values()).count(room) == 2]


class RenamedInside(Exercise):
    """A wall first, then the name: the host's must stay."""

    id = "3.2"
    title = "A name of its own"
    question = """The process {box} still sees what the host sees. Carry it on until its host name is {hostname},
    and the host's is what it was."""
    hints = (
        "Two things have to happen, in the right order. What would the second do if the first were missing?",
        "The wall comes first: box.apply(steps.NewNamespace(...)). Which kind holds the host name?",
        """ground.box.apply(steps.NewNamespace("uts")), and then one more step, steps.SetHostname(...), with the name
        that the question gives.""",
    )
    misconceptions = (
        Misconception(
            "M1",
            "A container's host name is its own from the start.",
            """The host has been renamed: without a wall, both read one and the same text, and the process wrote it.
            reset or start this exercise again, and the host gets its name back.""",
            lambda scene, answer: scene.hostname("host") == scene.values["hostname"],
            lambda ground: ground.box.apply(steps.SetHostname(ground.values["hostname"]), shared="uts") and None,
        ),
        Misconception(
            "M2",
            "A new namespace begins with a new name.",
            """The wall stands, but a new UTS namespace begins as a copy: the process reads the old name, now from a
            text of its own. That one it may change.""",
            lambda scene, _: walled_only(scene),
            lambda ground: ground.box.apply(steps.NewNamespace("uts")) and None,
        ),
        Misconception(
            "M3",
            "A program that is started in the container changes the container.",
            """A child of the process lives behind a UTS wall, the process itself does not: `unshare` walls in itself
            and what it starts, never its parent. Take the process there with box.apply.""",
            lambda scene, answer: child_behind_wall(scene),
            lambda ground: enclosed_child(ground),
        ),
    )
    after = "unshare(CLONE_NEWUTS), then sethostname: the wall first, then what is written behind it."
    names = ("mosel", "loire", "tagus", "neva")

    def values(self, random: Random) -> Values:
        return {"box": random.choice(self.names), "hostname": f"boat{random.randrange(100, 1000)}"}

    def setup(self, ground: Ground) -> None:
        ground.add(ground.values["box"])
        ground.facts["hostname"] = ground.scene().hostname("host")

    def check(self, scene: Scene, answer: Answer) -> Sequence[Requirement]:
        box, hostname, before = scene.values["box"], scene.values["hostname"], scene.facts["hostname"]
        inside, outside = scene.hostname(box), scene.hostname("host")
        return [
            Requirement(
                "the process has a UTS namespace of its own",
                scene.walled(box, "uts"),
                f"{scene.link(box, 'uts')}, the host's is the same",
                "another inode than the host's",
                "whoever shares a UTS namespace shares the one host name in it",
                "steps.NewNamespace",
            ),
            Requirement(
                f"its host name is {hostname}",
                inside == hostname,
                f"asked in its UTS namespace, uname says {'what the host says' if inside == before else inside}",
                f"{hostname}",
                "this is the string that every program in there reads",
                "steps.SetHostname, or sethostname(2)",
            ),
            Requirement(
                "the host's name is what it was",
                outside == before,
                f"asked in the host's UTS namespace, uname says {outside}",
                f"{before}, as when you started",
                "a container that renames its host has no wall",
                "the order of the two steps",
                given=True,
            ),
        ]

    def solution(self, ground: Ground) -> object:
        ground.box.apply(steps.NewNamespace("uts"))
        ground.box.apply(steps.SetHostname(ground.values["hostname"]))
        return None

    def dissolve(self, ground: Ground) -> None:
        if ground.scene().hostname("host") != ground.facts["hostname"]:
            ground.lab.host.apply(steps.SetHostname(ground.facts["hostname"]))


def named(answer: Answer) -> set[str]:
    """The names of an answer."""
    return set(answer) if isinstance(answer, tuple) else set()


def walled_only(scene: Scene) -> bool:
    """Whether the container has its own UTS namespace, and in it still the name of the old one."""
    box = scene.values["box"]
    return scene.walled(box, "uts") and scene.hostname(box) == scene.hostname("host")


def child_behind_wall(scene: Scene) -> bool:
    """Whether something that runs below the container has left its UTS namespace, and it has not."""
    from ....kernel import proc

    own = scene.namespace(scene.values["box"], "uts")
    return any(proc.state(pid) != "Z" and proc.namespace(pid, "uts") != own for pid in scene.below(scene.values["box"]))


def enclosed_child(ground: Ground) -> None:
    """What `unshare` in a container does: it walls in a child."""
    ground.box.start(["unshare", "--uts", "sh", "-c", f"hostname {ground.values['hostname']}; exec sleep 600"])
    until(lambda: child_behind_wall(ground.scene()))


EXERCISES: tuple[Exercise, ...] = (TwoInOneRoom(), RenamedInside())
