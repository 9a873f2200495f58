"""Exercise 3.5: a mount that does not leak."""

from __future__ import annotations

import os
from random import Random

from .... import steps
from ...grading import Exercise, Ground, KernelView, Misconception, Requirement, Submission, Values
from ..kit import PLACE, common_place


class NobodyElses(Exercise):
    """A mount that does not leak, made without touching the neighbour."""

    id = "3.5"
    title = "A mount that one alone sees"
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
            believes="A mount namespace of one's own keeps mounts in.",
            explains=(2,),
            message="""The neighbour sees your file system. /mnt is `shared` in both: what is mounted below it in one
            appears in the other. Unmount it first (that passes over, too), then end the sharing, then mount again; or
            start afresh.""",
            sign=lambda view, answer: own_mount(view) is not None and leaked(view) and own_side(view),
            act=lambda ground: ground.box.apply(steps.Tmpfs(ground.values["folder"])),
        ),
        Misconception(
            believes="A bind mount makes a file system.",
            explains=(1,),
            message="""Something is mounted there, but it is a file system that was there before, bound to a second
            place: it holds the same files in both. A tmpfs is a new file system.""",
            sign=lambda view, answer: bound(view),
            act=lambda ground: bind_file_system(ground),
        ),
        Misconception(
            believes="Who must not see it has to be cut off.",
            explains=(3,),
            message="""You changed the neighbour's side: its /mnt takes part in nothing any more, not even in what
            others mount. The container that keeps something to itself has to be the private one.""",
            sign=lambda view, answer: not own_side(view),
            act=lambda ground: cut_off(ground),
        ),
    )
    after = "Private first, mount second: what has been passed on already would stay there."
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
        view = ground.view()
        ground.facts["mounts"] = mounts_seen(view, neighbour.name)
        ground.facts["side"] = own_place(view, neighbour.name)
        ground.facts["file systems"] = sorted({each.number for each in view.mounts(box.name)})

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        box, neighbour, folder = view.values["box"], view.values["neighbour"], view.values["folder"]
        return [
            Requirement(
                name=f"{box} has a file system of its own on {folder}",
                met=own_mount(view) is not None,
                observed=f"{box}: {mount_on_folder(view)}",
                expected="a new tmpfs with a major:minor of its own, and no other mount over it",
                why="a file system that only one process sees is the beginning of every container's own tree",
                look="steps.Tmpfs",
            ),
            Requirement(
                name=f"{neighbour} does not see it",
                met=not leaked(view),
                observed=f"{neighbour}: /proc/{view.pid(neighbour)}/mountinfo has {came_over(view) or 'no mount'}"
                " that it had not before",
                expected="the mounts that it had when you started, and no other",
                why="a wall that passes mounts on is none: this is how a container's secrets leak to its host",
                look="the propagation of /mnt (`shared:N`), and steps.PrivatePropagation",
                given=True,
            ),
            Requirement(
                name=f"{neighbour} is as it was",
                met=own_side(view),
                observed=f"{neighbour}: the line of /mnt in /proc/{view.pid(neighbour)}/mountinfo"
                f" has {propagation_words(view, neighbour)}; {view.link(neighbour, 'mnt')}",
                expected=" in ".join(view.facts["side"]) + ", as when you started",
                why="it still wants to see what others mount",
                look="which of the two you applied the step to",
                given=True,
            ),
        ]

    def solution(self, ground: Ground) -> object:
        box = ground[ground.values["box"]]
        box.apply(steps.PrivatePropagation())
        box.apply(steps.Tmpfs(ground.values["folder"]))
        return None


def second_name(view: KernelView) -> str:
    """The neighbour."""
    name: str = view.values["neighbour"]
    return name


def device(view: KernelView, name: str, target: str) -> str | None:
    """The file system that a container has at a path, if something is mounted right there."""
    found = view.mounted(name, target)
    return found.number if found else None


def own_mount(view: KernelView) -> str | None:
    """The tmpfs on the folder, if it was made since the start and is what a path leads to."""
    found = view.mounted(view.values["box"], view.values["folder"])
    if found is None or found.kind != "tmpfs" or found.number in view.facts["file systems"]:
        return None
    return found.number if found.number == visible_device(view) else None


def visible_device(view: KernelView) -> str:
    """The file system that the folder's path leads to in the container; empty where it leads nowhere.

    A mount is covered where a later one lies over it, or over a folder above it.
    """
    try:
        device = os.stat(f"/proc/{view.pid(view.values['box'])}/root{view.values['folder']}").st_dev
    except OSError:
        return ""
    return f"{os.major(device)}:{os.minor(device)}"


def mount_on_folder(view: KernelView) -> str:
    """What the container has on the folder, in words."""
    found = view.mounted(view.values["box"], view.values["folder"])
    there = f"/proc/{view.pid(view.values['box'])}/mountinfo has"
    if found is None:
        return f"{there} nothing mounted there"
    words = f"{there} a {found.kind} there, {found.number}"
    if found.number in view.facts["file systems"]:
        return f"{words}, which it had already at the start, in another place"
    covered = found.number != visible_device(view)
    return f"{words}; another mount lies over it: the path leads elsewhere" if covered else words


def bound(view: KernelView) -> bool:
    """Whether a file system that was there at the start was bound to the folder."""
    return device(view, view.values["box"], view.values["folder"]) in view.facts["file systems"]


def mounts_seen(view: KernelView, name: str) -> list[str]:
    """All that a container has mounted, covered mounts too: file system and place of each."""
    return sorted(f"{each.number} on {each.target}" for each in view.mounts(name))


def came_over(view: KernelView) -> str:
    """The mounts that the neighbour did not have at the start; empty if there are none."""
    return ", ".join(sorted(set(mounts_seen(view, second_name(view))) - set(view.facts["mounts"])))


def leaked(view: KernelView) -> bool:
    """Whether anything was passed on to the neighbour, even if it is covered by now."""
    return bool(came_over(view))


def own_place(view: KernelView, name: str) -> list[str]:
    """With whom a container's /mnt passes mounts on (`shared:N`, a peer group), and its mount namespace."""
    return [propagation_words(view, name), f"mnt:[{view.namespace(name, 'mnt')}]"]


def propagation_words(view: KernelView, name: str) -> str:
    """What the line of a container's /mnt says of its propagation."""
    found = view.mounted(name, PLACE)
    if found is None:
        return "nothing: nothing is mounted there"
    return " ".join(f"`{word}`" for word in found.propagation) or "no `shared` (it is private)"


def own_side(view: KernelView) -> bool:
    """Whether the neighbour was left alone."""
    before: list[str] = view.facts["side"]
    return own_place(view, second_name(view)) == before


def bind_file_system(ground: Ground) -> None:
    """Bind the folder to itself: a mount, but no file system of its own."""
    ground[ground.values["box"]].apply(steps.Bind(ground.values["folder"], ground.values["folder"], readonly=False))


def cut_off(ground: Ground) -> None:
    """The step, applied to the wrong one of the two."""
    ground[ground.values["neighbour"]].apply(steps.PrivatePropagation())
    ground[ground.values["box"]].apply(steps.Tmpfs(ground.values["folder"]))
