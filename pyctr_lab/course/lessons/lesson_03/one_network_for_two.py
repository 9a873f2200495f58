"""Lesson 03, fourth sitting: sharing on purpose, and telling all eight walls apart."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from random import Random

from .... import steps
from ....errors import Unsupported
from ....kernel import KINDS
from ...grading.exercise import Exercise, Ground, Misconception, Values
from ...grading.submissions import Answer, Word
from ...grading.verdicts import Requirement
from ...grading.view import Scene


class OneNetworkForTwo(Exercise):
    """A pod: two containers, two names, one network."""

    id = "3.6"
    title = "Two containers, one network"
    question = """{one} and {two} have a host name each, behind a UTS wall each. Give both one and the same network,
    which is not the host's, with a loopback that is up, and leave each its own name."""
    hints = (
        "One of the two makes the network. The other does not make one, it goes where the first one is.",
        """steps.NewNamespace("net") for one, steps.JoinNamespace("net", PID) for the other, where PID is the first
        one's number on the host: box.pid.""",
        """And a new network is silent even towards itself: steps.LoopbackUp(), once, in either of them.""",
    )
    misconceptions = (
        Misconception(
            "M1",
            "Two new networks of the same kind are the same network.",
            """Each of them made a network, and these are two: every unshare makes a room of its own. The second must
            enter the first one's.""",
            lambda scene, answer: all(scene.walled(name, "net") for name in pair(scene)) and not united(scene),
            lambda ground: apart(ground),
        ),
        Misconception(
            "M2",
            "If one of them has the network, both are in it.",
            """One has a network of its own now; the other is still in the host's. A namespace belongs to a process,
            not to a group of containers: each has to be taken there.""",
            lambda scene, answer: sum(scene.walled(name, "net") for name in pair(scene)) == 1,
            lambda ground: ground[ground.values["one"]].apply(steps.NewNamespace("net")) and None,
        ),
        Misconception(
            "M3",
            "To share is to share everything.",
            """They share a network, and their host name as well: one of them has entered the other's UTS namespace.
            A pod shares the walls that it means to share, and keeps the others.""",
            lambda scene, answer: scene.same(*pair(scene), "uts"),
            lambda ground: everything(ground),
        ),
        Misconception(
            "M4",
            "A loopback is always there.",
            """They share a network that is as new as the day: `lo` is there and down, and 127.0.0.1 answers nobody.
            It takes a step to switch it on.""",
            lambda scene, answer: united(scene) and not loopback_is_up(scene),
            lambda ground: silent(ground),
        ),
    )
    after = "That is a pod: setns into one network, and every other wall still where it was."
    names = ("basil", "chervil", "lovage", "sorrel")

    def values(self, random: Random) -> Values:
        one, two = random.sample(self.names, 2)
        return {"names": [one, two], "one": one, "two": two}

    def setup(self, ground: Ground) -> None:
        for name in ground.values["names"]:
            box = ground.add(name)
            box.apply(steps.NewNamespace("uts"))
            box.apply(steps.SetHostname(name))

    def check(self, scene: Scene, answer: Answer) -> Sequence[Requirement]:
        one, two = pair(scene)
        shared = "; ".join(scene.link(name, "net") for name in (one, two))
        return [
            Requirement(
                "they are in one network",
                united(scene),
                f"{shared}; the host is "
                + ("there too" if scene.same(one, "host", "net") or scene.same(two, "host", "net") else "in neither"),
                "one inode for the two, another for the host",
                "who shares a network namespace shares interfaces, addresses, ports: 127.0.0.1 is the same for both",
                "/proc/PID/ns/net of the three",
            ),
            Requirement(
                "its loopback is up",
                united(scene) and loopback_is_up(scene),
                f"/proc/{scene.pid(one)}/net/fib_trie knows no local address 127.0.0.1"
                if united(scene) else "there is no network of the two yet",
                "127.0.0.1 among the local addresses",
                "two containers of a pod talk to each other over it",
                "steps.LoopbackUp",
            ),
            Requirement(
                "each has kept its own UTS namespace",
                not scene.same(one, two, "uts") and scene.walled(one, "uts") and scene.walled(two, "uts"),
                f"{scene.link(one, 'uts')}; {scene.link(two, 'uts')}",
                "two inodes, neither of them the host's",
                "namespaces are eight separate walls; sharing one is no reason to lose another",
                "which kinds you joined",
                given=True,
            ),
        ]  # fmt: skip

    def solution(self, ground: Ground) -> object:
        one, two = ground.boxes.values()
        one.apply(steps.NewNamespace("net"))
        one.apply(steps.LoopbackUp())
        two.apply(steps.JoinNamespace("net", one.pid))
        return None


def pair(scene: Scene) -> tuple[str, str]:
    """The two names."""
    return scene.values["one"], scene.values["two"]


def united(scene: Scene) -> bool:
    """Whether they share a network that is not the host's."""
    return scene.same(*pair(scene), "net") and scene.walled(scene.values["one"], "net")


def loopback_is_up(scene: Scene) -> bool:
    """An interface that is down has no local route: fib_trie lists 127.0.0.1 only while lo is up."""
    return "127.0.0.1" in scene.file(scene.values["one"], "net/fib_trie")


def apart(ground: Ground) -> None:
    """A network each."""
    for box in ground.boxes.values():
        box.apply(steps.NewNamespace("net"))
        box.apply(steps.LoopbackUp())


def everything(ground: Ground) -> None:
    """One enters whatever the other has."""
    one, two = ground.boxes.values()
    one.apply(steps.NewNamespace("net"))
    one.apply(steps.LoopbackUp())
    for kind in ("net", "uts"):
        two.apply(steps.JoinNamespace(kind, one.pid))


def silent(ground: Ground) -> None:
    """A network for two, and nobody switched it on."""
    one, two = ground.boxes.values()
    one.apply(steps.NewNamespace("net"))
    two.apply(steps.JoinNamespace("net", one.pid))


class TheMissingWall(Exercise):
    """Seven walls of eight; some of them look as if they were not there."""

    id = "3.7"
    title = "The wall that is missing"
    question = """The container {box} has been carried behind seven of the eight walls, and nothing else was done:
    no name given, nothing mounted. One wall was left out. Which kind of namespace does it share with the host?"""
    wants = Word("a kind, as in /proc/PID/ns", "...", choices=tuple(KINDS))
    hints = (
        """What it sees looks almost entirely like the host's. That proves nothing: most namespaces begin as a copy,
        and a file system shows what it was mounted to show.""",
        "A wall is told by its inode number, not by the view. There are eight links to compare with the host's.",
        "ground.box.view().same(lab.host.view()) compares all eight at once.",
    )
    misconceptions = (
        Misconception(
            "M1",
            "It has the host's name, so UTS is open.",
            """The UTS wall stands. A new UTS namespace begins as a copy of the old one, name included: nobody has
            renamed it yet.""",
            lambda scene, answer: answer == "uts",
            lambda ground: "uts",
        ),
        Misconception(
            "M2",
            "ps shows the host's processes, so PID is open.",
            """The PID wall stands: the process is number 1 behind it. ps reads /proc, and the /proc that it sees was
            mounted before the wall; it shows the namespace it was mounted in.""",
            lambda scene, answer: answer == "pid",
            lambda ground: "pid",
        ),
        Misconception(
            "M3",
            "It sees the host's files, so mnt is open.",
            """The mount wall stands. A new mount namespace begins with a copy of all mounts: the same files are
            seen, and what is mounted from now on is its own.""",
            lambda scene, answer: answer == "mnt",
            lambda ground: "mnt",
        ),
        Misconception(
            "M4",
            "It is root, as on the host, so user is open.",
            """The user wall stands: its map makes it root inside, and says who that is outside. Being 0 on both
            sides is what the map was written for.""",
            lambda scene, answer: answer == "user",
            lambda ground: "user",
        ),
    )
    after = """A wall is an inode of its own. What a process sees through it is another matter, and can mislead both
    ways."""
    names = ("bora", "foehn", "mistral", "sirocco")

    def values(self, random: Random) -> Values:
        return {"box": random.choice(self.names), "missing": random.choice(("ipc", "net", "cgroup", "time"))}

    def setup(self, ground: Ground) -> None:
        with suppress(Unsupported):
            assert ground.lab.groups  # made now: with the first of them the host's cgroup namespace becomes another
        box = ground.add(ground.values["box"])
        box.apply(steps.NewNamespace("user"))
        box.apply(steps.IdMaps(inside=0, outside=0, count=1))
        for kind in ("mnt", "uts", "ipc", "net", "cgroup", "time", "pid"):
            if kind != ground.values["missing"]:
                box.apply(steps.NewNamespace(kind))

    def check(self, scene: Scene, answer: Answer) -> Sequence[Requirement]:
        kind = str(answer)
        return [
            Requirement(
                "this wall is the one that is missing",
                not scene.walled(scene.values["box"], kind),
                f"{scene.link(scene.values['box'], kind)}; {scene.link('host', kind)}",
                "one and the same inode on both sides",
                "a wall is up if the inodes differ, whatever the view looks like",
                "the eight links in /proc/PID/ns",
            )
        ]

    def solution(self, ground: Ground) -> object:
        same = ground.box.view().same(ground.lab.host.view())
        return next(kind for kind, shared in same.items() if shared)


EXERCISES: tuple[Exercise, ...] = (OneNetworkForTwo(), TheMissingWall())
