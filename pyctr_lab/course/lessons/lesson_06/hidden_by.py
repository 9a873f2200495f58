"""Exercise 6.1: one file lies in a layer and is not to be seen, and exactly one layer above it is the reason."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from random import Random

from ....images import ImageWords
from ...grading import Ground, KernelView, Misconception, Names, Requirement, Submission, Unreadable, Values, again
from ..kit import names_in, role
from ..kit.images import (
    OPAQUE,
    OfImages,
    busybox_of,
    forget_images,
    images_of,
    layered_image,
    layers_of,
    stack_of,
    tiny_layer,
)

Entries = dict[str, str | None]
WAYS = ("whiteout", "opaque", "file")
OPAQUE_MARK = ".wh..wh..opq"
BELOW, HOLDER, ELSEWHERE, SIBLING, HIDER = range(1, 6)  # the parts that layers play; 0 is the lowest


class HiddenBy(OfImages):
    """Six layers on busybox, stacked by overlayfs: whiteouts and opaque folders in four, one of which matters."""

    id = "6.1"
    title = "Which layer hides it?"
    question = """The container {box} stands on layers with names: ground.facts["layers"] has the folder of each. In
    layer {holder} lies the file {path}, and it says {word}. In the container it cannot be read. Which layer hides it,
    and how: by a whiteout, by an opaque folder, or by another file of this name?"""
    wants = Names("a layer's name, and whiteout, opaque or file", '(..., "...")', count=2)
    hints = (
        """A layer can hide only what lies below it. In which order the folders are stacked, the kernel says: the mount
        on / in /proc/PID/mountinfo of ground.box.machine_pid, lowerdir=, the topmost first.""",
        """Look into each layer above {holder}, for the file itself and for each folder on the way to it. `ls -l` shows
        a whiteout as a character device 0, 0; an opaque folder looks like any other, until you ask for its extended
        attributes.""",
        """For each of these folders: os.lstat(folder + "/{path}") tells a device from a file (stat.S_ISCHR), and
        os.listxattr(folder + "/{parent}") has user.overlay.opaque where that folder is opaque.""",
    )
    misconceptions = (
        Misconception(
            believes="A whiteout hides what comes later, too.",
            explains=(1,),
            message="""The layer that you named lies below the one in which the file is. overlayfs looks from the top
            down, and stops where it has found something: a layer hides what is below it, and nothing above it.""",
            sign=lambda view, answer: place_of_name(view, answer) in range(place_in_stack(view, HOLDER)),
            act=lambda ground: (role(ground, BELOW), "whiteout"),
        ),
        Misconception(
            believes="A whiteout hides every file of its name.",
            explains=(1,),
            message="""In that layer a file of this name is deleted, in another folder. A whiteout counts for one path:
            its own.""",
            sign=lambda view, answer: role(view, ELSEWHERE) == layer_named(view, answer),
            act=lambda ground: (role(ground, ELSEWHERE), "whiteout"),
        ),
        Misconception(
            believes="A layer with an opaque folder hides all that is below it.",
            explains=(1,),
            message="""That layer has an opaque folder, and it is another one than this file's. An opaque folder hides
            what lower layers have in that folder, and nothing beside it.""",
            sign=lambda view, answer: role(view, SIBLING) == layer_named(view, answer),
            act=lambda ground: (role(ground, SIBLING), "opaque"),
        ),
        Misconception(
            believes="What cannot be seen was deleted, one way or the other.",
            explains=(2,),
            message="""The layer is right. See what lies there: a character device 0, 0 is a whiteout; an ordinary file
            takes the place of the one below; and a folder with user.overlay.opaque shows its own content only.""",
            sign=lambda view, answer: (
                layer_named(view, answer) == role(view, HIDER) and way_named(answer) != truth(view)[1]
            ),
            act=lambda ground: (role(ground, HIDER), next(way for way in WAYS if way != ground.values["how"])),
        ),
    )
    after = "Nothing was deleted: the file lies in its layer as before. What hides it is one entry above it."
    names = ("chalk", "dolomite", "gneiss", "granite", "loam", "marl", "tuff", "quarry")

    def values(self, random: Random) -> Values:
        layers = random.sample(self.names[:-1], 6)
        folder, sibling = random.sample(("invoices", "letters", "minutes", "plans"), 2)
        name = random.choice(("draft", "final", "list", "summary"))
        upper = random.sample(("elsewhere", "sibling", "hider"), 3)
        return {
            "names": layers, "upper": upper, "how": random.choice(WAYS), "whole": random.random() < 0.5,
            "holder": layers[HOLDER], "path": f"srv/{folder}/{name}", "parent": f"srv/{folder}", "box": "quarry",
            "sibling": f"srv/{sibling}", "name": name, "word": f"note-{random.randrange(1000, 10000)}",
        }  # fmt: skip

    def setup(self, ground: Ground) -> None:
        images, base, values = images_of(ground), busybox_of(ground), ground.values
        with images.store.adding():
            made = {name: tiny_layer(images.store.layout, each) for name, each in layer_contents(values)}
            found = layered_image(images.store.layout, [*layers_of(base), *made.values()])
        image = images.store.tag(f"exercise/{values['box']}", found)
        try:
            folders, recipe = images.trees.stack(image), images.lab.recipe(values["box"])
            recipe = images.recipe(image.name, recipe, ImageWords())
        finally:
            forget_images(ground, [image.name])  # what is unpacked stays as long as the lab
        box = ground.add(values["box"])
        for step in recipe:
            box.apply(step)
        above = reversed(folders[1 : len(made) + 1])  # without what is mounted on, and without busybox
        ground.facts["layers"] = {name: f"{images.trees.folder}/{each}" for name, each in zip(made, above, strict=True)}
        ground.facts["stack"] = list(stack_of(box.machine_pid))

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        layer, how = truth(view)
        named, way = layer_named(view, answer), way_named(answer)
        return [
            Requirement(
                name="that layer hides it",
                met=named == layer,
                observed=f"/proc/{view.pid(view.values['box'])}/mountinfo stacks, from the top, {order_in_words(view)};"
                f" {what_lies_in(view, named)}",
                expected=f"a layer above {view.values['holder']} in which something stands for {view.values['path']},"
                " or for a folder on the way to it",
                why="overlayfs asks one layer after the other, and the first that has an answer decides",
                look="the folders in ground.facts[\"layers\"], in the order of lowerdir=",
            ),
            Requirement(
                name="and in this way",
                met=way == how,
                observed=f"you said {way or 'neither whiteout nor opaque nor file'}; measured in the layer that hides"
                f" it, that is {'' if way == how else 'not '}what lies there",
                expected=f"one of {', '.join(WAYS)}: what lstat and the extended attributes say",
                why="a deleted file, a replaced folder and a new file are three entries of an archive, too",
                look="os.lstat and os.listxattr, of the path and of each folder on the way",
                given=named != layer,  # one of three words, guessed, is no step towards the answer
            ),
        ]  # fmt: skip

    def solution(self, ground: Ground) -> object:
        import os
        import stat

        with open(f"/proc/{ground.box.machine_pid}/mountinfo") as file:
            root = next(line for line in file if line.split()[4] == "/")
        order = root.split("lowerdir=")[1].split(",")[0].split(":")
        names = {os.path.basename(folder): name for name, folder in ground.facts["layers"].items()}
        path, holder = ground.values["path"], ground.values["holder"]
        above = [name for name in map(names.get, order) if name]
        for name in reversed(above[: above.index(holder)]):  # from the file's own layer upwards
            parts = path.split("/")
            for end in range(1, len(parts) + 1):
                place = os.path.join(ground.facts["layers"][name], *parts[:end])
                if not os.path.lexists(place):
                    break
                if stat.S_ISCHR(os.lstat(place).st_mode):
                    return name, "whiteout"
                if "user.overlay.opaque" in os.listxattr(place):
                    return name, "opaque"
                if end == len(parts):
                    return name, "file"
        return None


def layer_contents(values: Values) -> list[tuple[str, Entries]]:
    """The layers' names and entries, the lowest first."""
    path, parent, sibling, name = (values[each] for each in ("path", "parent", "sibling", "name"))
    folders: Entries = {"srv": None, parent: None}
    beside: Entries = {"srv": None, sibling: None}
    deleted = f"{parent}/.wh.{name}"
    hidden: Entries = {f"srv/.wh.{os.path.basename(parent)}": ""} if values["whole"] else {parent: None, deleted: ""}
    hider = {
        "whiteout": {"srv": None, **hidden},
        "opaque": {**folders, f"{parent}/{OPAQUE_MARK}": "", f"{parent}/readme": "nothing else\n"},
        "file": {**folders, path: "replaced\n"},
    }[values["how"]]
    parts = {
        "elsewhere": (ELSEWHERE, {**beside, f"{sibling}/.wh.{name}": ""}),
        "sibling": (SIBLING, {**beside, f"{sibling}/{OPAQUE_MARK}": "", f"{sibling}/{name}": "all new\n"}),
        "hider": (HIDER, hider),
    }
    low: list[tuple[int, Entries]] = [
        (0, {**folders, path: "the first\n", f"{parent}/other": "-\n", sibling: None, f"{sibling}/{name}": "-\n"}),
        (BELOW, {**folders, deleted: ""}),
        (HOLDER, {**folders, path: f"{values['word']}\n"}),
    ]
    return [(values["names"][part], entries) for part, entries in [*low, *(parts[each] for each in values["upper"])]]


# --- read by a check
def stacked_order(view: KernelView) -> list[str]:
    """The layers' names, the topmost first, as the kernel has stacked them. Raises Unreadable for another root."""
    found = stack_of(view.pid(view.values["box"]))
    if list(found) != view.facts["stack"]:
        raise Unreadable("the container has another root than at the start", again(view.exercise))
    names = {os.path.basename(folder): name for name, folder in view.facts["layers"].items()}
    return [names[each] for each in found if each in names]


def place_in_stack(view: KernelView, part: int) -> int:
    """How many of the layers lie below that which plays this part."""
    return stacked_order(view)[::-1].index(role(view, part))


def place_of_name(view: KernelView, answer: Submission) -> int:
    """How many of the layers lie below the layer that was named; -1 for a strange name."""
    named = layer_named(view, answer)
    return stacked_order(view)[::-1].index(named) if named else -1


def layer_named(view: KernelView, answer: Submission) -> str:
    """The layer in an answer, by its name or its folder; empty where none is named."""
    names = {folder: name for name, folder in view.facts["layers"].items()}
    said = (names.get(name, name.lower()) for name in sorted(names_in(answer)))
    return next((name for name in said if name in view.facts["layers"]), "")


def way_named(answer: Submission) -> str:
    """The way in an answer; empty where none is named."""
    said = {word for name in names_in(answer) for word in name.lower().split()}
    return next((way for way in WAYS if way in said), "")


def truth(view: KernelView) -> tuple[str, str]:
    """The lowest layer above the file's own that hides it, and how."""
    order = stacked_order(view)
    for name in reversed(order[: order.index(view.values["holder"])]):
        if how := how_hidden(view.facts["layers"][name], view.values["path"].split("/")):
            return name, how
    raise Unreadable("the layers have been changed: none hides the file any more", again(view.exercise))


def how_hidden(folder: str, parts: Sequence[str]) -> str:
    """How a layer hides a path of the layers below it: as a file system, without asking overlayfs."""
    for end in range(1, len(parts) + 1):
        place = Path(folder, *parts[:end])
        try:
            found = place.lstat()
        except OSError:
            return ""
        if stat.S_ISCHR(found.st_mode):
            return "whiteout"
        if end == len(parts) or not stat.S_ISDIR(found.st_mode):
            return "file"
        with suppress(OSError):
            if os.getxattr(place, OPAQUE) == b"y":
                return "opaque"
    return ""


def order_in_words(view: KernelView) -> str:
    """The order, from the top."""
    return ", ".join(stacked_order(view))


def what_lies_in(view: KernelView, named: str) -> str:
    """What the named layer has at the path, in words."""
    if not named:
        return "you named none of these"
    if named == view.values["holder"]:
        return f"{named} is the layer in which it lies"
    folder, parts = view.facts["layers"][named], view.values["path"].split("/")
    if named == truth(view)[0]:
        return f"{named} has an entry there, or on the way to it, that hides it"
    if os.path.lexists(Path(folder, *parts)):
        return f"{named} has an entry at this path, and does not hide this one"
    return f"{named} has no entry at this path, and no opaque folder or whiteout on the way to it"
