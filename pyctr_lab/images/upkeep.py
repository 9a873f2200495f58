"""What is in the store, what it takes of the disk, and whether all of it is whole."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import LabError
from .archive import Kind, Member, read_archive
from .building.cache import BuildCache
from .compression import Blob
from .descriptors import DIGEST, BadImage, Descriptor
from .layout import CHUNK
from .overlayfs import OPAQUE_NAME, WHITEOUT
from .store import Image, ImageStore
from .trees import Trees


class DiskUsage(NamedTuple):
    """What an image takes of the disk, in bytes: blobs that other images have, too, its own, and what is unpacked."""

    name: str
    shared: int
    own: int
    unpacked: int


class Pruned(NamedTuple):
    """What was removed: blobs, their bytes, and unpacked layers."""

    blobs: int
    bytes: int
    trees: int


class HistoryLine(NamedTuple):
    """One line of an image's history; a line without a layer has an empty diff_id, and no bytes."""

    created: str
    created_by: str
    diff_id: str
    size: int


class FileChange(NamedTuple):
    """What a second image has done to a file of the first: "added", "changed" or "removed"."""

    what: str
    path: str


@dataclass(frozen=True)
class File:
    """A file of an image, as far as `diff` compares it: without its time."""

    kind: Kind
    mode: int
    owner: tuple[int, int]
    target: bytes
    device: tuple[int, int]
    xattrs: tuple[tuple[bytes, bytes], ...]
    content: str


def prune_store(store: ImageStore, trees: Trees) -> Pruned:
    """Remove what no name reaches, but for what a lab uses: blobs, and unpacked layers of this lab's id map."""
    kept = {chain_id for image in store.images() for chain_id in image.chain_ids}
    blobs, size = store.remove_unreachable()
    BuildCache(store.layout).prune()
    return Pruned(blobs, size, len(trees.prune(kept)))


def disk_usages(store: ImageStore, trees: Trees) -> list[DiskUsage]:
    """What each name takes. Two names of one image share all of it."""
    images = list(store.images())
    holders = Counter(digest for image in images for digest in {blob.digest for blob in image.blobs})
    unpacked = trees.records_by_chain()
    return [usage_of(image, holders, {id: tree.size for id, tree in unpacked.items()}) for image in images]


def usage_of(image: Image, holders: Counter[str], unpacked: dict[str, int]) -> DiskUsage:
    """What one image takes."""
    sizes = {blob.digest: blob.size for blob in image.blobs}
    shared = sum(size for digest, size in sizes.items() if holders[digest] > 1)
    return DiskUsage(image.name, shared, image.size - shared, sum(unpacked.get(each, 0) for each in {*image.chain_ids}))


def verify_store(store: ImageStore, trees: Trees | None = None, *, repair: bool = False) -> list[str]:
    """What is wrong in the store, a line each.

    With `repair`, damaged blobs are removed: an import brings them anew.
    """
    damaged = [path for path in sorted(store.layout.blobs.iterdir()) if is_damaged(path)]
    found = [f"the blob sha256:{path.name} is damaged: its content has another digest" for path in damaged]
    for path in damaged if repair else ():
        path.unlink()
    try:
        names = store.names()
    except BadImage as why:
        return [*found, str(why)]
    for name, descriptor in names.items():
        found += [f"{name}: {why}" for why in complaints(store, name, descriptor)]
    unpacked = trees.records_by_chain() if trees else {}
    lost = [chain_id for chain_id, tree in unpacked.items() if trees and not (trees.folder / tree.name).is_dir()]
    return found + [f"the layer {chain_id} is no longer where it was unpacked" for chain_id in lost]


def is_damaged(path: Path) -> bool:
    """Whether a blob has another content than its name says."""
    if not DIGEST.fullmatch(f"sha256:{path.name}"):
        return not path.name.startswith(".new-")  # one that comes just now
    with path.open("rb") as file:
        found = hashlib.sha256()
        while data := file.read(CHUNK):
            found.update(data)
    return found.hexdigest() != path.name


def complaints(store: ImageStore, name: str, descriptor: Descriptor) -> Iterator[str]:
    """What is wrong with an image, but for the content of its layers."""
    try:
        for blob in store.read(name, descriptor).blobs:
            store.layout.open(blob).close()
    except LabError as why:
        yield str(why)


def image_history(image: Image) -> list[HistoryLine]:
    """How an image came about, the oldest first; layers of which it does not speak are at the end."""
    layers = zip(image.config.diff_ids, (layer.size for layer in image.manifest.layers), strict=True)
    nothing = ("", 0)
    lines = image.config.content.get("history")
    found = []
    for line in lines if isinstance(lines, list) else []:
        line = line if isinstance(line, dict) else {}
        layer = nothing if line.get("empty_layer") else next(layers, nothing)
        found.append(HistoryLine(str(line.get("created", "")), str(line.get("created_by", "")), *layer))
    return found + [HistoryLine("", "", *layer) for layer in layers]


def image_facts(image: Image) -> dict[str, Any]:
    """What an image is, in Docker's and skopeo's words."""
    content = image.config.content
    return {
        "Name": image.name,
        "Id": image.id,
        "Digest": image.digest,
        "Created": content.get("created"),
        "Architecture": content.get("architecture"),
        "Os": content.get("os"),
        "Size": image.size,
        "Layers": [layer.digest for layer in image.manifest.layers],
        "RootFS": {"Type": "layers", "Layers": list(image.config.diff_ids)},
        "Config": image.config.settings,
    }


def changed_files(store: ImageStore, first: Image, second: Image) -> list[FileChange]:
    """The files in which a second image differs from the first, by path. Reads the layers, not what is unpacked."""
    before, after = image_files(store, first), image_files(store, second)
    if (b"" in before) != (b"" in after):  # not every tool writes the root itself
        before, after = ({path: file for path, file in files.items() if path} for files in (before, after))
    found = dict.fromkeys(before.keys() - after.keys(), "removed")
    found |= dict.fromkeys(after.keys() - before.keys(), "added")
    found |= {path: "changed" for path in before.keys() & after.keys() if before[path] != after[path]}
    return [FileChange(found[path], "/" + path.decode(errors="backslashreplace")) for path in sorted(found)]


def image_files(store: ImageStore, image: Image) -> dict[bytes, File]:
    """All files of an image."""
    found: dict[bytes, File] = {}
    for layer, diff_id in zip(image.manifest.layers, image.config.diff_ids, strict=True):
        with store.layout.open(layer) as blob:
            put_upon(found, read_archive(Blob(blob, layer, diff_id)))
    return found


def put_upon(found: dict[bytes, File], entries: Iterator[Member]) -> None:
    """FileChange the files by a layer: whiteouts hide what lower layers have, and nothing of their own."""
    new: dict[bytes, File] = {}
    hidden: list[bytes] = []
    for entry in entries:
        folder, _, name = entry.name.rpartition(b"/")
        if name == OPAQUE_NAME:
            hidden.append(folder + b"/" if folder else b"")
        elif name.startswith(WHITEOUT):
            whole = entry.name[: len(entry.name) - len(name)] + name.removeprefix(WHITEOUT)
            hidden += [whole, whole + b"/"]
        else:
            linked = new.get(entry.target) or found.get(entry.target) if entry.kind is Kind.LINK else None
            new[entry.name] = linked or file_of(entry)
            hidden += [entry.name + b"/"] if entry.kind is not Kind.FOLDER else []
    for path in [path for path in found if is_hidden(path, {*hidden})]:
        del found[path]
    found.update(new)


def is_hidden(path: bytes, hidden: set[bytes]) -> bool:
    """Whether a path, a folder above it, or all is hidden."""
    above = [path[: place + 1] for place, sign in enumerate(path) if sign == ord("/")]
    return any(each in hidden for each in chain((b"", path), above))


def file_of(entry: Member) -> File:
    """A file, by its entry; its data is read."""
    content, end = hashlib.sha256(), 0
    for offset, piece in entry.data:
        if offset != end:
            content.update(f"a hole until {offset}".encode())
        content.update(piece)
        end = offset + len(piece)
    mode = 0 if entry.kind is Kind.SYMLINK else entry.mode  # a link has none
    return File(entry.kind, mode, (entry.uid, entry.gid), entry.target, entry.device,
                tuple(sorted(entry.xattrs.items())), f"{entry.size} {content.hexdigest()}")  # fmt: skip
