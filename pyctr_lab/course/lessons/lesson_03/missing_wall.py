"""Exercise 3.7: seven walls of eight, distinguished by inode."""

from __future__ import annotations

from contextlib import suppress
from random import Random

from .... import Unsupported, steps
from ....kernel import KINDS
from ...grading import Exercise, Ground, KernelView, Misconception, Requirement, Submission, Values, Word
from ..kit import as_it_was, fingerprint


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
        "A wall shows in its inode number, not in the view. There are eight links to compare with the host's.",
        "ground.box.view().same(lab.host.view()) compares all eight at once.",
    )
    misconceptions = (
        Misconception(
            believes="It has the host's name, so UTS is open.",
            explains=(1,),
            message="""The UTS wall stands. A new UTS namespace begins as a copy of the old one, name included:
            it has not been renamed yet.""",
            sign=lambda view, answer: answer == "uts",
            act=lambda ground: "uts",
        ),
        Misconception(
            believes="ps shows the host's processes, so PID is open.",
            explains=(1,),
            message="""The PID wall stands: the process is number 1 behind it. ps reads /proc, and the /proc that it
            sees was mounted before the wall; it shows the namespace it was mounted in.""",
            sign=lambda view, answer: answer == "pid",
            act=lambda ground: "pid",
        ),
        Misconception(
            believes="It sees the host's files, so mnt is open.",
            explains=(1,),
            message="""The mount wall stands. A new mount namespace begins with a copy of all mounts: the same files
            are seen, and what is mounted from now on is its own.""",
            sign=lambda view, answer: answer == "mnt",
            act=lambda ground: "mnt",
        ),
        Misconception(
            believes="It is root, as on the host, so user is open.",
            explains=(1,),
            message="""The user wall stands: its map makes it root inside, and says who that is outside. Being 0 on
            both sides is what the map was written for.""",
            sign=lambda view, answer: answer == "user",
            act=lambda ground: "user",
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
        ground.facts["start"] = fingerprint(ground.view(), KINDS)

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        kind = str(answer)
        return [
            Requirement(
                name="this wall is the one that is missing",
                met=not view.walled(view.values["box"], kind),
                observed=f"{view.link(view.values['box'], kind)}; {view.link('host', kind)}",
                expected="one and the same inode on both sides",
                why="a wall is up if the inodes differ, whatever the view looks like",
                look="the eight links in /proc/PID/ns",
            ),
            as_it_was(view, fingerprint(view, KINDS), "namespaces, by /proc/PID/ns,"),
        ]

    def solution(self, ground: Ground) -> object:
        same = ground.box.view().same(ground.lab.host.view())
        return next(kind for kind, shared in same.items() if shared)
