"""Images as ground of an exercise: tiny layers made by hand, stores of its own, and stacks as the kernel lists them."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .... import BadInput, Lab, Unsupported
from ....images.archive import Kind, read_archive
from ....images.bases import OWNER, small_file
from ....images.compression import Blob
from ....images.copying import LONG_AGO
from ....images.descriptors import (
    CONFIG,
    LAYER,
    MANIFEST,
    BadImage,
    Descriptor,
    ImageConfig,
    ImageManifest,
    platform_here,
)
from ....images.diff import RECORD, header
from ....images.layout import NAME, Layout
from ....images.overlayfs import OPAQUE
from ....images.store import ImageStore
from ....images.upkeep import image_files
from ....kernel import proc
from ...grading import Exercise, Ground, KernelView, Unreadable, again, all_below, own_name, runs
from ...learner.places import live_dir

if TYPE_CHECKING:
    from ....images import Image, Images
    from ....images.upkeep import File

__all__ = [
    "NAME",
    "OPAQUE",
    "Descriptor",
    "EntryContent",
    "ImageManifest",
    "ImageStore",
    "Layout",
    "OfImages",
    "Placed",
    "blob_names",
    "busybox_of",
    "bytes_of_blob",
    "content_in",
    "end_all",
    "file_in",
    "folder_of_ground",
    "forget_images",
    "images_of",
    "layered_image",
    "layers_of",
    "layout_at",
    "living_below",
    "remove_folder",
    "sha256_of",
    "stack_of",
    "tiny_layer",
]  # fmt: skip

BASE = "busybox"
FIRST_BYTES = 4096  # of a file's content, to be compared
EntryContent = str | bytes | None  # of a layer: a file's content, or None for a folder
Placed = tuple[Descriptor, str]  # a layer's blob, and its diff_id


class OfImages(Exercise):
    """An exercise whose containers run from images: it needs busybox."""

    def unavailable_reason(self) -> str:
        """Where busybox is missing: what to install."""
        if shutil.which(BASE):
            return ""
        return str(Unsupported(f"it needs {BASE}, which is not installed", hint="./lab packages machine"))


def images_of(ground: Ground) -> Images:
    """The images of the ground's lab. Raises BadInput for a lab that has none."""
    if not isinstance(ground.lab, Lab):
        raise BadInput("this lab has no images", hint="from pyctr_lab import Lab; lab = Lab()")
    return ground.lab.images


def busybox_of(ground: Ground) -> Image:
    """The image of busybox: imported unless it is there."""
    images = images_of(ground)
    known = f"{BASE}:latest" in images.store.names()
    return images.store.image(BASE) if known else images.import_(BASE, BASE)


# --- made by hand
def tiny_layer(layout: Layout, entries: Mapping[str, EntryContent], mode: int = 0o644) -> Placed:
    """A layer of small files, not compressed: the same content has the same digest everywhere.

    A name `.wh.NAME` is a whiteout, `.wh..wh..opq` makes its folder opaque: see layer.md of OCI.
    """
    made = []
    for path, content in entries.items():
        if content is None:
            made.append(header(f"{path}/".encode(), b"5", 0o755, OWNER, 0))
        else:
            made.append(small_file(path, content if isinstance(content, bytes) else content.encode(), mode))
    raw = b"".join(made) + bytes(1024)
    layer = layout.write(raw + bytes(-len(raw) % RECORD), LAYER)
    return layer, layer.digest


def layers_of(image: Image) -> list[Placed]:
    """An image's layers, the lowest first."""
    return list(zip(image.manifest.layers, image.config.diff_ids, strict=True))


def layered_image(layout: Layout, layers: Sequence[Placed], settings: Mapping[str, Any] | None = None) -> Descriptor:
    """An image of these layers, the lowest first; return its manifest's descriptor."""
    content = {
        "created": LONG_AGO,
        **platform_here(),
        "config": dict(settings or {}),
        "rootfs": {"type": "layers", "diff_ids": [diff_id for _, diff_id in layers]},
    }
    config = layout.write(ImageConfig(content).encode(), CONFIG)
    return layout.write(ImageManifest(config, tuple(layer for layer, _ in layers)).encode(), MANIFEST)


# --- folders of an exercise's own
def folder_of_ground(ground: Ground) -> Path:
    """An empty folder that ends with the ground. What notebooks that were killed have left is removed first."""
    top = live_dir() / "stores"
    top.mkdir(parents=True, exist_ok=True, mode=0o700)
    for left in top.iterdir():
        if not runs(left.name.partition(".")[0]):
            shutil.rmtree(left, ignore_errors=True)
    made = ground.held["folder"] = tempfile.TemporaryDirectory(
        prefix=f"{own_name()}.{ground.exercise.id}.", dir=top, ignore_cleanup_errors=True
    )
    return Path(made.name)


def remove_folder(ground: Ground) -> None:
    """Remove the folder of a ground."""
    made = ground.held.pop("folder", None)
    if made is not None:
        made.cleanup()


def layout_at(view: KernelView, fact: str) -> Layout:
    """A layout of the ground, opened for reading. Raises Unreadable where it is none any more."""
    try:
        return Layout(Path(view.facts[fact]))
    except (BadImage, OSError) as why:
        reason = getattr(why, "message", "") or str(why)
        raise Unreadable(f"the store cannot be read: {reason}", again(view.exercise)) from None


def blob_names(layout: Layout) -> set[str]:
    """The files among a layout's blobs, by name."""
    return {path.name for path in layout.blobs.iterdir()}


def sha256_of(path: Path) -> str:
    """What sha256sum prints for a file; empty where there is none."""
    with suppress(OSError):
        return hashlib.sha256(path.read_bytes()).hexdigest()
    return ""


def bytes_of_blob(layout: Layout, blob: Descriptor) -> bytes:
    """A blob, decompressed. Raises BadImage."""
    with layout.open(blob) as file:
        return b"".join(bytes(piece) for piece in Blob(file))


def file_in(store: ImageStore, image: Image, path: str) -> File | None:
    """What an image shows at a path: mode and owner; None for nothing, and for what is no regular file."""
    found = image_files(store, image).get(path.strip("/").encode())
    return found if found and found.kind is Kind.FILE else None


def content_in(store: ImageStore, image: Image, path: str) -> bytes | None:
    """The first bytes of a regular file, as an image shows it; None for nothing."""
    if file_in(store, image, path) is None:
        return None
    name, found = path.strip("/").encode(), b""
    for layer in image.manifest.layers:
        with store.layout.open(layer) as file:
            for entry in read_archive(Blob(file)):
                if entry.name == name:
                    found = b"".join(bytes(piece) for _, piece in entry.data)[:FIRST_BYTES]
    return found


def forget_images(ground: Ground, names: Iterable[str]) -> None:
    """Take names away, and the blobs that only they reached: of other images nothing is removed."""
    store = images_of(ground).store
    going: set[str] = set()
    for name in set(names) & store.names().keys():
        with suppress(BadImage):
            going |= {blob.digest.removeprefix("sha256:") for blob in store.image(name).blobs}
        store.untag(name)
    with suppress(BadImage, OSError):
        store.remove_unreachable(older=blob_names(store.layout) - going)


# --- what the kernel has stacked
def stack_of(pid: int) -> tuple[str, ...]:
    """The layers of a process's root, the topmost first, as /proc/PID/mountinfo names them; none for another root."""
    with suppress(OSError):
        mount = next(each for each in reversed(proc.mountinfo(pid)) if each.target == "/")
        lower = [word.removeprefix("lowerdir=") for word in mount.super_options if word.startswith("lowerdir=")]
        return tuple(lower[0].split(":")) if mount.kind == "overlay" and lower else ()
    return ()


def living_below(host: int, wanted: Callable[[int], object]) -> list[int]:
    """The processes of a lab for which something holds; zombies have no root, and count for nothing."""
    return [pid for pid in all_below(host) if proc.state(pid) not in ("", "Z") and wanted(pid)]


def end_all(ground: Ground, pids: Iterable[int]) -> None:
    """Kill what a learner has started for this exercise: its containers end with its ground."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        ground.lab.reaper.forget(pid)
