"""Lesson 03, third sitting: mount namespaces, and what leaks between them."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING

from .... import steps
from ....kernel import MS_PRIVATE, MS_SHARED, MS_SLAVE, mkdirat, mount
from ...grading.exercise import Exercise, Ground, Misconception, Values
from ...grading.submissions import Answer, Names
from ...grading.verdicts import Requirement
from ...grading.view import Scene
from .two_in_one_room import named, role

if TYPE_CHECKING:
    from ....runtime import Container

#: Where the ground's mounts are made: a folder that every Debian has, on a file system of the exercise's own.
PLACE = "/mnt"


def common_place(box: Container, folder: str) -> None:
    """A mount namespace whose /mnt is an empty file system that passes its mounts on to every copy."""
    box.apply(steps.NewNamespace("mnt"))
    box.apply(steps.PrivatePropagation())  # or /mnt would be covered in the whole lab
    box.apply(steps.Tmpfs(PLACE))
    box.call(mount(None, PLACE, None, MS_SHARED))
    box.call(mkdirat(folder))


class WhoSeesIt(Exercise):
    """One mounts, five look. Having a mount namespace of one's own does not decide who sees it."""

    id = "3.4"
    title = "Who sees it?"
    question = """The container {mounter} has just mounted a tmpfs on {folder}. Which of the others ({others}) see
    that very file system there? Name all of them."""
    wants = Names("every name that sees it, however many", "(...,)")
    hints = (
        """A wall of its own is not the end of it: what a mount namespace passes on to its copies is a property of
        each mount, its propagation. Compare box.view().namespaces["mnt"] first, then go on.""",
        """/proc/PID/mountinfo has it all: for each mount its file system (the third column, major:minor), the
        place, and `shared:N` (passes both ways), `master:N` (a slave: receives only) or nothing (private).""",
        """A file system is the same if its major:minor is the same. Compare the line for {folder}; two file systems
        on one path are not one file system.""",
    )
    misconceptions = (
        Misconception(
            "M1",
            "Something is mounted on that path, so it sees it.",
            """One of those has a tmpfs there, but another one: major:minor in its mountinfo differs. A path is only a
            name; ask which file system stands behind it.""",
            lambda scene, answer: role(scene, 4) in named(answer),
            lambda ground: (role(ground, 1), role(ground, 2), role(ground, 3), role(ground, 4)),
        ),
        Misconception(
            "M2",
            "Who began as a copy of the mounter goes on to see its mounts.",
            """One of those made its mounts private: since then nothing comes over to it any more, although its
            namespace began as a copy like the others.""",
            lambda scene, answer: role(scene, 5) in named(answer),
            lambda ground: (role(ground, 1), role(ground, 2), role(ground, 3), role(ground, 5)),
        ),
        Misconception(
            "M3",
            "Only who shares the mount namespace sees its mounts.",
            """That one shares the mounter's namespace, true. But others see it as well, from namespaces of their own:
            a mount that is `shared` passes on what is mounted below it.""",
            lambda scene, answer: named(answer) == {role(scene, 1)},
            lambda ground: (role(ground, 1),),
        ),
        Misconception(
            "M4",
            "A slave is cut off.",
            """One is missing, a slave (`master:N` in its mountinfo). A slave sends nothing back, but it does receive:
            that is what the word means here.""",
            lambda scene, answer: named(answer) == {role(scene, 1), role(scene, 2)},
            lambda ground: (role(ground, 1), role(ground, 2)),
        ),
    )
    after = """Shared passes on both ways, slave only receives, private neither: propagation decides, not the wall
    alone."""
    names = ("heron", "lark", "merlin", "osprey", "plover", "swift", "teal")

    def values(self, random: Random) -> Values:
        names = random.sample(self.names, 6)
        folder = f"{PLACE}/{random.choice(('nest', 'perch', 'brood'))}"
        return {"names": names, "mounter": names[0], "others": ", ".join(sorted(names[1:])), "folder": folder}

    def setup(self, ground: Ground) -> None:
        boxes = {name: ground.add(name) for name in sorted(ground.values["names"])}
        mounter, inside, _peer, slave, decoy, private = (boxes[name] for name in ground.values["names"])
        folder = ground.values["folder"]
        common_place(mounter, folder)
        for box in boxes.values():
            if box is not mounter:
                box.apply(steps.JoinNamespace("mnt", mounter.pid))
            if box not in (mounter, inside):
                box.apply(steps.NewNamespace("mnt"))
        slave.call(mount(None, PLACE, None, MS_SLAVE))
        for box in (decoy, private):
            box.call(mount(None, PLACE, None, MS_PRIVATE))
        for box in (decoy, mounter):
            box.apply(steps.Tmpfs(folder))

    def check(self, scene: Scene, answer: Answer) -> Sequence[Requirement]:
        seeing = {name for name in scene.values["names"][1:] if sees(scene, name)}
        wrong = sorted(named(answer) - seeing)
        first = wrong[0] if wrong else ""
        return [
            Requirement(
                "everyone you named sees it",
                bool(named(answer)) and not wrong,
                what_is_there(scene, first),
                f"the file system that {scene.values['mounter']} has on {scene.values['folder']}, by its major:minor",
                "two mounts on one path are as different as two files of one name in two folders",
                "the third column of /proc/PID/mountinfo",
            ),
            Requirement(
                "nobody is missing",
                seeing <= named(answer),
                f"you named {len(named(answer) & seeing)} that see it; mountinfo shows that there are more",
                "every container whose mountinfo has that file system on that path",
                "what leaks is exactly what one did not think of",
                "/proc/PID/mountinfo of those that you left out",
            ),
        ]

    def solution(self, ground: Ground) -> object:
        seen = {}
        for name, box in ground.boxes.items():
            with open(f"/proc/{box.host_pid}/mountinfo") as mounts:
                lines = [line.split() for line in mounts]
            seen[name] = [line[2] for line in lines if line[4] == ground.values["folder"]]
        mine = seen.pop(ground.values["mounter"])
        return [name for name, theirs in seen.items() if theirs == mine]


def sees(scene: Scene, name: str) -> bool:
    """Whether a container has the mounter's file system on the folder."""
    there = scene.mounted(name, scene.values["folder"])
    here = scene.mounted(scene.values["mounter"], scene.values["folder"])
    return there is not None and here is not None and there.number == here.number


def what_is_there(scene: Scene, name: str) -> str:
    """What a container has on the folder, for one that was named wrongly."""
    folder = scene.values["folder"]
    if name not in scene.values["names"][1:]:
        return f"{name or 'nothing'} is none of the others"
    if scene.mounted(name, folder) is None:
        return f"{name}: /proc/{scene.pid(name)}/mountinfo has nothing mounted on {folder}"
    return f"{name}: /proc/{scene.pid(name)}/mountinfo has another file system on {folder}, with another major:minor"


class NobodyElses(Exercise):
    """A mount that does not leak, made without touching the neighbour."""

    id = "3.5"
    title = "Nobody else's"
    question = """{box} and {neighbour} have a mount namespace each, and both see a file system on /mnt that passes
    its mounts on. Mount a tmpfs on {folder} in {box}, so that {neighbour} does not see it, and leave {neighbour} as
    it is."""
    hints = (
        """Try the mount, and look from the neighbour: ground["{neighbour}"].view().mounts. What is missing is a step
        *before* it.""",
        "Look for `shared` in the propagation of /mnt. Who has to stop passing on, the sender or the receiver?",
        """ground["{box}"].apply(steps.PrivatePropagation()), and only then steps.Tmpfs("{folder}").""",
    )
    misconceptions = (
        Misconception(
            "M1",
            "A mount namespace of one's own keeps mounts in.",
            """The neighbour sees your file system. /mnt is `shared` in both: what is mounted below it in one
            appears in the other. Unmount it first (that passes over, too), then end the sharing, then mount again; or
            start afresh.""",
            lambda scene, answer: own_mount(scene) is not None and leaked(scene) and own_side(scene),
            lambda ground: ground.box.apply(steps.Tmpfs(ground.values["folder"])) and None,
        ),
        Misconception(
            "M2",
            "A bind mount makes a file system.",
            """Something is mounted there, but it is the file system of /mnt itself, bound to a second place: what is
            written there lands where both see it. A tmpfs is a file system of its own.""",
            lambda scene, answer: bound(scene),
            lambda ground: bind(ground),
        ),
        Misconception(
            "M3",
            "Who must not see it has to be cut off.",
            """You changed the neighbour's side: its /mnt takes part in nothing any more, not even in what others
            mount. The one who keeps something to itself has to be the private one.""",
            lambda scene, answer: not own_side(scene),
            lambda ground: cut_off(ground),
        ),
    )
    after = "Private first, mount second: that is why every runtime makes its mounts private before anything else."
    names = ("fjord", "cove", "inlet", "lagoon")

    def values(self, random: Random) -> Values:
        names = random.sample(self.names, 2)
        folder = f"{PLACE}/{random.choice(('hoard', 'vault', 'cache'))}"
        return {"names": names, "box": names[0], "neighbour": names[1], "folder": folder}

    def setup(self, ground: Ground) -> None:
        box, neighbour = (ground.add(name) for name in ground.values["names"])
        common_place(box, ground.values["folder"])
        neighbour.apply(steps.JoinNamespace("mnt", box.pid))
        neighbour.apply(steps.NewNamespace("mnt"))
        ground.facts["mounts"] = mount_lines(ground.scene(), neighbour.name)

    def check(self, scene: Scene, answer: Answer) -> Sequence[Requirement]:
        box, neighbour, folder = scene.values["box"], scene.values["neighbour"], scene.values["folder"]
        return [
            Requirement(
                f"{box} has a file system of its own on {folder}",
                own_mount(scene) is not None,
                f"{box}: /proc/{scene.pid(box)}/mountinfo has "
                + ("the file system of /mnt itself there" if bound(scene) else "nothing mounted there"),
                "a tmpfs with a major:minor of its own",
                "a file system that only one process sees is the beginning of every container's own tree",
                "steps.Tmpfs",
            ),
            Requirement(
                f"{neighbour} does not see it",
                not leaked(scene),
                f"{neighbour}: /proc/{scene.pid(neighbour)}/mountinfo has {came_over(scene)} that it had not before",
                "the mounts that it had when you started, and no other",
                "a wall that passes mounts on is none: this is how a container's secrets leak to its host",
                "the propagation of /mnt (`shared:N`), and steps.PrivatePropagation",
                given=True,
            ),
            Requirement(
                f"{neighbour} is as it was",
                scene_shared(scene, neighbour),
                f"{neighbour}: the line of /mnt in /proc/{scene.pid(neighbour)}/mountinfo has no `shared` any more",
                "`shared`, as when you started",
                "it still wants to see what others mount",
                "which of the two you applied the step to",
                given=True,
            ),
        ]

    def solution(self, ground: Ground) -> object:
        box = ground[ground.values["box"]]
        box.apply(steps.PrivatePropagation())
        box.apply(steps.Tmpfs(ground.values["folder"]))
        return None


def second_name(scene: Scene) -> str:
    """The neighbour."""
    name: str = scene.values["neighbour"]
    return name


def device(scene: Scene, name: str, target: str) -> str | None:
    """The file system that a container has at a path, if something is mounted right there."""
    found = scene.mounted(name, target)
    return found.number if found else None


def own_mount(scene: Scene) -> str | None:
    """The file system on the folder, if it is not that of /mnt again."""
    found = device(scene, scene.values["box"], scene.values["folder"])
    return found if found != device(scene, scene.values["box"], PLACE) else None


def bound(scene: Scene) -> bool:
    """Whether /mnt's own file system was bound to the folder."""
    return device(scene, scene.values["box"], scene.values["folder"]) is not None and own_mount(scene) is None


def mount_lines(scene: Scene, name: str) -> list[str]:
    """All that a container has mounted, covered mounts too: file system and place of each."""
    return sorted(f"{each.number} on {each.target}" for each in scene.mounts(name))


def came_over(scene: Scene) -> str:
    """The mounts that the neighbour did not have at the start; empty if there are none."""
    return ", ".join(sorted(set(mount_lines(scene, second_name(scene))) - set(scene.facts["mounts"])))


def leaked(scene: Scene) -> bool:
    """Whether anything was passed on to the neighbour, even if it is covered by now."""
    return bool(came_over(scene))


def scene_shared(scene: Scene, name: str) -> bool:
    """Whether a container's /mnt still passes mounts on and takes them."""
    found = scene.mounted(name, PLACE)
    return found is not None and any(word.startswith("shared:") for word in found.propagation)


def own_side(scene: Scene) -> bool:
    """Whether the neighbour was left alone."""
    return scene_shared(scene, second_name(scene))


def bind(ground: Ground) -> None:
    """What is no file system of its own."""
    ground[ground.values["box"]].apply(steps.Bind(ground.values["folder"], ground.values["folder"], readonly=False))


def cut_off(ground: Ground) -> None:
    """The step, applied to the wrong one of the two."""
    ground[ground.values["neighbour"]].apply(steps.PrivatePropagation())
    ground[ground.values["box"]].apply(steps.Tmpfs(ground.values["folder"]))


EXERCISES: tuple[Exercise, ...] = (WhoSeesIt(), NobodyElses())
