"""What is done with images while a process dies or a disk fills up; and what is to be found afterwards."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from making import Made, archive, digest_of

from pyctr_lab import Lab
from pyctr_lab.images import Images
from pyctr_lab.images.bases import busybox_image
from pyctr_lab.images.store import ImageStore

FILES = 40
CONTAINERFILE = 'FROM busybox\nCOPY . /files\nRUN cp -r /files /again && rm /files/file1\nRUN touch /last\nCMD ["sh"]\n'


def made_layout(folder: Path, noise: int = 200_000) -> str:
    """A layout with an image of three layers of noise, as a source of imports."""
    made = Made(folder)
    layers = [archive({f"d{number}/file{each}": os.urandom(noise // FILES) for each in range(FILES)})
              for number in range(3)]  # fmt: skip
    made.tag(made.image(*layers))
    return f"oci:{made.folder}"


def made_context(folder: Path) -> Path:
    """A folder to copy from."""
    folder.mkdir()
    for number in range(FILES):
        (folder / f"file{number}").write_bytes(os.urandom(4096))
    return folder


def do_import(images: Images, source: str) -> None:
    """Import, and unpack."""
    images.trees.stack(images.import_(source, "x"))


def do_build(images: Images, context: str) -> None:
    """Build upon busybox, which is there."""
    images.build(CONTAINERFILE, name="x", context=context)


def do_push(images: Images, name: str) -> None:
    """Push."""
    images.push(name)


def do_pull(images: Images, name: str) -> None:
    """Pull, and unpack."""
    images.trees.stack(images.pull(name))


def do_prune(images: Images, _: str) -> None:
    """Prune."""
    images.prune()


DOING: dict[str, Callable[[Images, str], None]] = {
    "import": do_import, "build": do_build, "push": do_push, "pull": do_pull, "prune": do_prune,
}  # fmt: skip


def begin(folder: Path, what: str, word: str, source: str) -> None:
    """The store as it is before."""
    store = ImageStore(folder)
    if what == "build":
        store.tag("busybox", busybox_image(store.layout))
    if what in ("push", "prune"):
        with Lab(private=True) as lab:
            images = Images(lab, store)
            do_import(images, source)
            if what == "push":
                images.tag("x", word)
            else:
                images.rm("x")


def do_in(folder: Path, what: str, word: str) -> None:
    """Do it in a lab of its own."""
    with Lab(private=True) as lab:
        DOING[what](Images(lab, ImageStore(folder)), word)


def found_whole(folder: Path, what: str, word: str) -> set[str]:
    """The names of all blobs at the end: the store is whole at once, a retry succeeds, and nothing is left."""
    with Lab(private=True) as lab:
        images = Images(lab, ImageStore(folder))
        images.trees.show()
        assert images.verify() == []
        DOING[what](images, word)
        assert images.verify() == []
        images.prune()
        assert [str(path) for path in folder.rglob(".new-*")] == []
        uppers = images.trees.folder / "uppers"
        assert [name for name in os.listdir(uppers) if name != ".lock"] == []
        known = {tree.name for tree in images.trees.records_by_chain().values()}
        assert {name for name in os.listdir(images.trees.folder) if len(name) == 3} == known
        blobs = {path.name for path in images.store.layout.blobs.iterdir()}
        assert all(digest_of((images.store.layout.blobs / name).read_bytes()) == f"sha256:{name}" for name in blobs)
        return blobs
