"""Exercise 6.3: five names, three of which go: the blobs that no name reaches any more."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from random import Random

from .... import LabError
from ...grading import (
    Exercise,
    Ground,
    KernelView,
    Misconception,
    Names,
    Requirement,
    Submission,
    Unreadable,
    Values,
    again,
)
from ..kit import names_in, role
from ..kit.images import (
    NAME,
    Descriptor,
    ImageManifest,
    ImageStore,
    Layout,
    Placed,
    blob_names,
    folder_of_ground,
    layered_image,
    layout_at,
    remove_folder,
    tiny_layer,
)

FIRST, SECOND, TWICE, STAYS, ALIAS = range(5)  # the parts that images play
GOING = (FIRST, SECOND, TWICE)
SHORTEST = 6  # digits of a digest that stand for it


class WhatGoes(Exercise):
    """A store with layers that are shared at the same height, at another height, and between two that both go."""

    id = "6.3"
    title = "What goes with them?"
    asks_about = "facts"
    question = """ground.facts["store"] is a store of images: a folder as plain as the specification, with index.json
    and blobs/sha256. Its images are {all}. Suppose that the names {going} were taken away, and then all was removed
    that no name needs any more. Which blobs would go? (Of each, the first twelve digits of its digest will do.)"""
    wants = Names("digests, in a list", "[...]")
    hints = (
        """A name in index.json stands for a manifest. The manifest names one configuration and some layers. All of
        these are blobs, and each blob is there once, however many manifests name it.""",
        """A blob goes when no name that stays reaches it: not through the same layer in another image, wherever in its
        list, and not through a second name of the same manifest.""",
        """Two sets: all blobs that {going} reach (manifest, configuration, layers), minus all that the other names
        reach. json.load(open(ground.facts["store"] + "/index.json"))["manifests"] has name and digest of each.""",
    )
    misconceptions = (
        Misconception(
            believes="With an image go all of its layers.",
            explains=(1,),
            message="""Among those is the layer on which every image here stands. An image has no layers of its own: it
            names them, and so do others. What a name that stays needs does not go.""",
            sign=lambda view, answer: bool(named_blobs(view, answer) & shared_base(view)),
            act=lambda ground: going_blobs(ground.view()),
        ),
        Misconception(
            believes="A name is an image: without the name, it goes.",
            explains=(1,),
            message="""One of the names that are taken away stands for an image that has a second name, which stays. So
            nothing of that image goes: names are counted, not images.""",
            sign=lambda view, answer: bool(named_blobs(view, answer) & manifests_of(view, [TWICE])),
            act=lambda ground: freed(ground.view()) | manifests_of(ground.view(), [TWICE]),
        ),
        Misconception(
            believes="A layer above other layers is another layer.",
            explains=(1,),
            message="""One of those is the layer of an image that stays: there it lies upon other layers, at another
            place. A blob is its bytes, and no place is written in them: one blob, two images.""",
            sign=lambda view, answer: bool(named_blobs(view, answer) & at_two_heights(view)),
            act=lambda ground: freed(ground.view()) | at_two_heights(ground.view()),
        ),
        Misconception(
            believes="What is shared stays.",
            explains=(2,),
            message="""All that you named goes, and a layer is missing that two images share, both of which lose their
            names. Shared is not enough to stay: one of those who share must stay.""",
            sign=lambda view, answer: (
                bool(named_blobs(view, answer))
                and named_blobs(view, answer) <= freed(view)
                and not named_blobs(view, answer) & shared_by_going(view)
            ),
            act=lambda ground: freed(ground.view()) - shared_by_going(ground.view()),
        ),
        Misconception(
            believes="An image is its layers.",
            explains=(2,),
            message="""All layers that go are there, and something that is no layer is missing: manifests and
            configurations are blobs, too, small ones, and each image has its own.""",
            sign=lambda view, answer: named_blobs(view, answer) == freed(view) & layer_blobs(view),
            act=lambda ground: freed(ground.view()) & layer_blobs(ground.view()),
        ),
    )
    after = "A store is a count of references: what no name reaches goes, and nothing else does."
    names = ("avocet", "curlew", "dunlin", "grebe", "knot", "pipit", "wigeon", "roost")

    def values(self, random: Random) -> Values:
        names = random.sample(self.names[:-1], 5)
        going = ", ".join(sorted(names[part] for part in GOING))
        own = [random.randint(1, 2) for _ in range(2)]
        return {"names": names, "all": ", ".join(sorted(names)), "going": going, "own": own, "box": "roost",
                "salt": random.randrange(1 << 30)}  # fmt: skip

    def setup(self, ground: Ground) -> None:
        ground.add(ground.values["box"])
        folder = folder_of_ground(ground) / "store"
        store = ImageStore(folder)
        for name, found in sorted(images_of_variant(store.layout, ground.values).items()):
            store.tag(name, found)
        ground.facts["store"] = str(folder)
        ground.facts["start"] = store_content(store.layout)

    def teardown(self, ground: Ground) -> None:
        remove_folder(ground)

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        as_found = store_content(layout_at(view, "store")) == view.facts["start"]
        if not as_found:
            raise Unreadable("the store of its ground is not as it was at the start", again(view.exercise))
        said, true = named_blobs(view, answer), freed(view)
        wrong = sorted(said - true)
        return [
            Requirement(
                name="each that you named would go",
                met=bool(said) and not wrong,
                observed=fate(view, wrong[0]) if wrong else nothing_reaches(said),
                expected="blobs that none of the names that stay reaches",
                why="a store keeps a blob as long as one name needs it, and no longer",
                look="blobs/sha256, from each name that stays to its manifest, and on to what that names",
                near=len(said ^ true) == 1,
            ),
            Requirement(
                name="none is missing",
                met=true <= said,
                observed=f"you named {len(said & true)} that would go; measured by following index.json, there are"
                f" {len(true)}",
                expected="every blob of the three images that no other name reaches",
                why="what is not counted stays on the disk for ever, and nothing shows it",
                look="what kinds of blobs an image is made of, and which of them you have not named",
                given=True,  # to name all meets it, and is no step towards the answer
            ),
        ]  # fmt: skip

    def solution(self, ground: Ground) -> object:
        import json
        from pathlib import Path

        store = Path(ground.facts["store"])
        stay: set[str] = set()
        go: set[str] = set()
        for entry in json.loads((store / "index.json").read_text())["manifests"]:
            manifest = json.loads((store / "blobs" / entry["digest"].replace(":", "/")).read_text())
            reached = {entry["digest"], manifest["config"]["digest"], *(each["digest"] for each in manifest["layers"])}
            name = entry["annotations"]["org.opencontainers.image.ref.name"].removesuffix(":latest")
            (go if name in ground.values["going"].split(", ") else stay).update(reached)
        return sorted(go - stay)


# --- made for a ground
def images_of_variant(layout: Layout, values: Values) -> dict[str, Descriptor]:
    """The manifests, by name. Each layer has a file with a word of this variant."""

    def layer(word: str) -> Placed:
        return tiny_layer(layout, {"srv": None, f"srv/{word}": f"{word} {values['salt']}\n"})

    base, both, moved = layer("base"), layer("both"), layer("moved")
    first, second = ([layer(f"{name}{n}") for n in range(values["own"][at])] for at, name in enumerate(("a", "b")))
    made = {
        FIRST: [base, both, *first],
        SECOND: [base, both, moved, *second],
        TWICE: [base, layer("twice")],
        STAYS: [base, layer("low"), layer("middle"), moved],
    }
    found = {
        values["names"][part]: layered_image(layout, layers, {"Labels": {"of": str(part), "salt": str(values["salt"])}})
        for part, layers in made.items()
    }
    return {**found, values["names"][ALIAS]: found[values["names"][TWICE]]}


# --- read by a check
def nothing_reaches(said: set[str]) -> str:
    """What is so for blobs that would go, or for none that were named, in words."""
    if not said:
        return "you named none; measured by following index.json, some go"
    return f"measured by following index.json, no name that stays reaches the {len(said)} that you named"


def store_content(layout: Layout) -> str:
    """One digest for the names of a store and the names of its blobs: it says nothing else."""
    listed = sorted((each.annotations.get(NAME, ""), each.digest) for each in layout.manifests)
    return hashlib.sha256(json.dumps([listed, sorted(blob_names(layout))]).encode()).hexdigest()


def tag_less(entry: Descriptor) -> str:
    """The name of an entry of the index, as the question has it."""
    return entry.annotations[NAME].removesuffix(":latest")


def manifests_reached(view: KernelView) -> dict[str, ImageManifest]:
    """Each name, and the manifest that it stands for. Raises Unreadable where the store cannot be read."""
    layout = layout_at(view, "store")
    try:
        return {tag_less(each): ImageManifest.read(layout.read(each)) for each in layout.manifests}
    except (LabError, KeyError, OSError) as why:
        raise Unreadable(f"the store of its ground cannot be read: {why}", again(view.exercise)) from None


def blobs_by_name(view: KernelView) -> dict[str, set[str]]:
    """All blobs that a name reaches, by name: manifest, configuration, layers."""
    digests = {tag_less(each): each.digest for each in layout_at(view, "store").manifests}
    return {
        name: {digests[name], manifest.config.digest, *(layer.digest for layer in manifest.layers)}
        for name, manifest in manifests_reached(view).items()
    }


def blobs_of(view: KernelView, parts: tuple[int, ...] | list[int]) -> set[str]:
    """All blobs that the images of these parts reach."""
    found = blobs_by_name(view)
    return set().union(*(found[role(view, part)] for part in parts))


def going_blobs(view: KernelView) -> set[str]:
    """All blobs of the images whose names go."""
    return blobs_of(view, GOING)


def freed(view: KernelView) -> set[str]:
    """The truth: what only names that go reach."""
    return going_blobs(view) - blobs_of(view, [STAYS, ALIAS])


def layer_blobs(view: KernelView) -> set[str]:
    """The layers of all images."""
    return {layer.digest for manifest in manifests_reached(view).values() for layer in manifest.layers}


def shared_base(view: KernelView) -> set[str]:
    """The layer that all images have."""
    return set.intersection(*blobs_by_name(view).values())


def shared_by_going(view: KernelView) -> set[str]:
    """The layer that two images which go share."""
    return (blobs_of(view, [FIRST]) & blobs_of(view, [SECOND])) - shared_base(view)


def at_two_heights(view: KernelView) -> set[str]:
    """The layer that an image which goes and one that stays have at two heights."""
    return (blobs_of(view, [SECOND]) & blobs_of(view, [STAYS])) - shared_base(view)


def manifests_of(view: KernelView, parts: list[int]) -> set[str]:
    """What images of these parts have beside layers."""
    return blobs_of(view, parts) - layer_blobs(view)


def named_blobs(view: KernelView, answer: Submission) -> set[str]:
    """The blobs of an answer: digests whole or by their first digits, with or without `sha256:`, or as a path."""
    known = blob_names(layout_at(view, "store"))
    return {whole_digest(name, known) for name in names_in(answer)}


def whole_digest(name: str, known: set[str]) -> str:
    """The only blob whose digest begins so; else the name."""
    start = Path(name).name.removeprefix("sha256:").lower()
    found = [each for each in known if each.startswith(start)]
    return f"sha256:{found[0]}" if len(start) >= SHORTEST and len(found) == 1 else name


def fate(view: KernelView, blob: str) -> str:
    """Why a blob that was named stays, in words."""
    holders = [name for name, blobs in sorted(blobs_by_name(view).items()) if blob in blobs]
    staying = [name for name in holders if name in (role(view, STAYS), role(view, ALIAS))]
    if staying:
        return f"{blob[:19]}: measured by following index.json, {staying[0]} reaches it, and stays"
    if len(blob.removeprefix("sha256:")) < SHORTEST:
        return f"{blob} is too short to say which blob; measured, the names in blobs/sha256 have 64 digits"
    return f"{blob[:30]} is no blob of this store; measured, blobs/sha256 has others"
