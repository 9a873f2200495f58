"""Exercise 6.4: one byte of one blob was flipped; the true blob lies in a copy of the store, under another tag."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random

from .... import LabError
from ...grading import Exercise, Ground, KernelView, Misconception, Requirement, Submission, Values
from ..kit.images import (
    NAME,
    Descriptor,
    ImageStore,
    blob_names,
    folder_of_ground,
    layered_image,
    layout_at,
    remove_folder,
    sha256_of,
    tiny_layer,
)

BLOBS = "blobs/sha256"


class OneByte(Exercise):
    """A deed: every blob is again what its name says, every name stands for what it stood for, and nothing is new."""

    id = "6.4"
    title = "One byte"
    asks_about = "facts"
    question = """ground.facts["store"] is a store with {count} images, {all}. In one of its blobs a byte was flipped: a
    disk does that. ground.facts["mirror"] is a store elsewhere, made by the same people at another time. Repair yours:
    each blob is what its name says, each name stands for the image that it stood for, and nothing else is changed."""
    hints = (
        """A blob's name is the sha256 of its content. So a store can be checked by anyone who can read it, without
        asking anyone: `sha256sum blobs/sha256/*`, and compare the two columns.""",
        """The content cannot be computed from its digest, so it must come from somewhere. Which image or tag has it
        does not matter: a blob with this digest is this blob, wherever it lies. What has the same tag in the other
        store may be another image.""",
        """Look for the file of the same name in the blobs/sha256 of ground.facts["mirror"], see that its sha256 is
        right, and copy it over the damaged one. No entry of index.json has to change.""",
    )
    misconceptions = (
        Misconception(
            believes="The name is wrong: give the blob the name of what it holds now.",
            explains=(1, 3),
            message="""Among the blobs is one under a new name that fits its bytes, so it looks whole. But a manifest
            asks for the old digest, and nothing has it: a digest names the content that was meant. Give the blob back
            its content, not another name.""",
            sign=lambda view, answer: damaged_is_away(view) and len(whole_blobs(view, new_blobs(view))) == 1,
            act=lambda ground: rename_damaged(ground),
        ),
        Misconception(
            believes="To remove what is damaged is to repair.",
            explains=(1,),
            message="""The damaged blob is gone, which is half of it: nothing wrong is left, and one image cannot be
            unpacked any more. Its content must come back from where it is still whole.""",
            sign=lambda view, answer: damaged_is_away(view) and not new_blobs(view) and names_kept(view),
            act=lambda ground: damaged_path(ground).unlink(),
        ),
        Misconception(
            believes="The same tag is the same image.",
            explains=(2,),
            message="""A name of your store stands for another image now: the one that it stands for in the mirror.
            Tags are moved, and that one was moved there. The digest says which image was meant:
            ground.facts["names"] has it for each name.""",
            sign=lambda view, answer: as_in_mirror(view),
            act=lambda ground: take_tag_from_mirror(ground),
        ),
        Misconception(
            believes="Without the image, the store is whole again.",
            explains=(2,),
            message="""A name has gone. What is left may be whole: but the image was wanted, and a repair keeps it.
            index.json must list each name as before: ground.facts["names"] has the digests.""",
            sign=lambda view, answer: bool(missing_names(view)) and not unreadable_index(view),
            act=lambda ground: untag_damaged(ground),
        ),
    )
    after = "It did not matter where the blob came from: its name is the proof that it is the one."
    names = ("bassoon", "cello", "cornet", "oboe", "spinet", "viola", "attic")

    def values(self, random: Random) -> Values:
        names = random.sample(self.names[:-1], 3)
        return {"names": names, "all": ", ".join(sorted(names)), "count": len(names), "box": "attic",
                "what": random.choice(("layer", "config")), "offset": random.randrange(1 << 16),
                "bit": random.randrange(7), "salt": random.randrange(1 << 30)}  # fmt: skip

    def setup(self, ground: Ground) -> None:
        values = ground.values
        ground.add(values["box"])
        folder = folder_of_ground(ground)
        store, mirror = ImageStore(folder / "store"), ImageStore(folder / "mirror")
        made = {name: variant_image(store, name, values["salt"]) for name in sorted(values["names"])}
        for name, found in made.items():
            store.tag(f"{name}:1", found)
        first = values["names"][0]
        mirror.tag(f"{first}:1", variant_image(mirror, first, values["salt"] + 1))  # this tag was moved there
        mirror.tag(f"{first}:0", variant_image(mirror, first, values["salt"]))
        image = store.image(f"{first}:1")
        blob = image.manifest.config if values["what"] == "config" else image.manifest.layers[-1]
        ground.facts.update(
            store=str(folder / "store"),
            mirror=str(folder / "mirror"),
            names={name: found.digest for name, found in store.names().items()},
            blobs=sorted(blob_names(store.layout)),
        )
        flip_bit(store.layout.path(blob.digest), values["offset"] % blob.size, values["bit"])

    def teardown(self, ground: Ground) -> None:
        remove_folder(ground)

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        lost, bad, new = lost_blobs(view), damaged_blobs(view), new_blobs(view)
        moved = unreadable_index(view) + renamed(view) + missing_names(view)
        total, more = len(view.facts["blobs"]), ", ".join(name[:12] for name in new[:2])
        return [
            Requirement(
                name="each blob is there, and is what its name says",
                met=not lost and not bad,
                observed=f"measured by sha256, of the {total} blobs that your store had, {len(bad)} "
                f"{'has' if len(bad) == 1 else 'have'} another content than the name says, and {len(lost)}"
                f" {'is' if len(lost) == 1 else 'are'} not there",
                expected=f"{total} blobs, each with the digest that is its name",
                why="a manifest asks for digests: what has another content is not what was meant",
                look="sha256sum of each file in blobs/sha256",
            ),
            Requirement(
                name="each name stands for the image that it stood for",
                met=not moved,
                observed=f"index.json: {moved[0] if moved else 'as before'}",
                expected="the digests that were listed at the start, in ground.facts[\"names\"]",
                why="those who use a name want the same image after a repair as before",
                look="index.json of your store",
                given=True,
            ),
            Requirement(
                name="nothing else lies among the blobs",
                met=not new,
                observed=f"measured, {BLOBS} has {len(new)} more than before: {more}",
                expected="the files that were there at the start, and no other",
                why="a repair that leaves things behind is the next riddle",
                look=BLOBS,
                given=True,
            ),
        ]  # fmt: skip

    def solution(self, ground: Ground) -> object:
        import hashlib
        import shutil
        from pathlib import Path

        store, mirror = Path(ground.facts["store"]), Path(ground.facts["mirror"])
        for blob in (store / "blobs/sha256").iterdir():
            if hashlib.sha256(blob.read_bytes()).hexdigest() != blob.name:
                shutil.copy(mirror / "blobs/sha256" / blob.name, blob)
        return None


# --- made for a ground
def variant_image(store: ImageStore, name: str, salt: int) -> Descriptor:
    """An image of two layers with a name's word in each."""
    made = [
        tiny_layer(store.layout, {"srv": None, f"srv/{word}": f"{word} {name} {salt}\n" * 40})
        for word in ("low", "high")
    ]
    return layered_image(store.layout, made, {"Labels": {"name": name, "made": str(salt)}})


def flip_bit(path: Path, offset: int, bit: int) -> None:
    """Change one byte of a file, in place."""
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ (1 << bit)]))


def damaged_path(ground: Ground) -> Path:
    """The file of the damaged blob."""
    (name,) = damaged_blobs(ground.view())
    return Path(ground.facts["store"], BLOBS, name)


def rename_damaged(ground: Ground) -> None:
    """Give the damaged blob the name of its content."""
    path = damaged_path(ground)
    path.rename(path.with_name(sha256_of(path)))


def take_tag_from_mirror(ground: Ground) -> None:
    """Take what the mirror calls by the same name."""
    store, mirror = ImageStore(Path(ground.facts["store"])), ImageStore(Path(ground.facts["mirror"]))
    name = f"{ground.values['names'][0]}:1"
    for blob in mirror.image(name).blobs:
        shutil.copy(mirror.layout.path(blob.digest), store.layout.path(blob.digest))
    store.tag(name, mirror.names()[name])


def untag_damaged(ground: Ground) -> None:
    """Take away the name of the image that is damaged."""
    with ImageStore(Path(ground.facts["store"])).layout.changing() as listed:
        listed[:] = [each for each in listed if each.annotations[NAME] != f"{ground.values['names'][0]}:1"]


# --- read by a check
def lost_blobs(view: KernelView) -> list[str]:
    """Blobs of the start that are not there."""
    return sorted(set(view.facts["blobs"]) - blob_names(layout_at(view, "store")))


def new_blobs(view: KernelView) -> list[str]:
    """Files among the blobs that were not there at the start."""
    return sorted(blob_names(layout_at(view, "store")) - set(view.facts["blobs"]))


def whole_blobs(view: KernelView, names: list[str]) -> list[str]:
    """Those of the blobs whose content is what the name says."""
    return [name for name in names if sha256_of(Path(view.facts["store"], BLOBS, name)) == name]


def damaged_blobs(view: KernelView) -> list[str]:
    """Blobs of the start that are there with another content."""
    there = sorted(set(view.facts["blobs"]) - set(lost_blobs(view)))
    return sorted(set(there) - set(whole_blobs(view, there)))


def names_in_layout(view: KernelView, fact: str) -> dict[str, str]:
    """Each name of an index, and the digest that it stands for now; nothing where it cannot be read."""
    try:
        return {each.annotations.get(NAME, ""): each.digest for each in layout_at(view, fact).manifests}
    except (LabError, OSError):
        return {}


def renamed(view: KernelView) -> list[str]:
    """Names that stand for another image, and new names, in words."""
    before, now = view.facts["names"], names_in_layout(view, "store")
    moved = [name for name in sorted(now) if name in before and now[name] != before[name]]
    said = [f"{name} stands for {now[name][:19]}, and stood for {before[name][:19]}" for name in moved]
    return said + [f"{name or 'an entry without a name'} was not there before" for name in sorted(now.keys() - before)]


def unreadable_index(view: KernelView) -> list[str]:
    """Why the index of the store cannot be read, in words; empty where it can."""
    try:
        _ = layout_at(view, "store").manifests
    except (LabError, OSError) as why:
        return [f"it cannot be read: {getattr(why, 'message', '') or why}"]
    return []


def as_in_mirror(view: KernelView) -> bool:
    """Whether a name stands for what it stands for in the mirror, and stood for something else."""
    there, before = names_in_layout(view, "mirror"), view.facts["names"]
    now = names_in_layout(view, "store")
    return any(now.get(name) == digest != before.get(name, digest) for name, digest in there.items())


def missing_names(view: KernelView) -> list[str]:
    """Names that are gone, in words."""
    return [
        f"{name} is not listed any more" for name in sorted(view.facts["names"].keys() - names_in_layout(view, "store"))
    ]


def damaged_is_away(view: KernelView) -> bool:
    """Whether one blob of the start is not there, and all that are there are whole."""
    return len(lost_blobs(view)) == 1 and not damaged_blobs(view)


def names_kept(view: KernelView) -> bool:
    """Whether each name stands for what it stood for."""
    return not renamed(view) and not missing_names(view)
