"""Import an image of what lies elsewhere: a folder, an archive, or what skopeo, umoci, podman and Docker have written.

FOLDER                     a root file system; or a layout, or skopeo's, if it is one
FILE                       an archive of a root file system, compressed or not; or of an image
oci:FOLDER[:TAG]           an OCI image layout
oci-archive:FILE[:TAG]     the same in an archive, as podman save writes it
docker-archive:FILE[:TAG]  what docker save writes
dir:FOLDER                 skopeo's blobs by bare digests
busybox, debian:12 ...     made here (bases.py)
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, Any, cast

from ..errors import BadInput
from ..kernel.checks import check_text, short_repr
from . import bases
from .archive import read_archive
from .compression import Blob
from .copying import (
    KEPT,
    Report,
    compression_of,
    copy_image,
    copy_layer,
    copy_unpacked,
    manifest_type,
    single_layer,
)
from .descriptors import (
    CONFIG,
    INDEX,
    LAYER,
    MANIFEST,
    BadImage,
    Descriptor,
    ImageConfig,
    ImageManifest,
    encode_json,
    parse_json,
    platform_here,
)
from .diff import tree_changes, write_layer
from .layout import NAME, Incoming, Layout, check_layout, digest_of, pending_file, read_blob
from .places import Archive, FileSource, Folder, open_regular, read_small
from .platforms import choose, index_entries
from .store import Image, ImageStore, full_name

CONTAINERD_NAME = "io.containerd.image.name"  # the full name, beside which NAME is the tag alone
KINDS = ("oci", "oci-archive", "docker-archive", "dir")
OF_IMAGE = re.compile(r"([0-9a-f]{64}.*|blobs(/.*)?|oci-layout|(index|manifest)\.json|repositories)", re.DOTALL)
HEX = re.compile(r"([0-9a-f]{64})(\.json)?")


def import_image(store: ImageStore, source: str, name: str, report: Report | None = None) -> Image:
    """Make an image of what lies elsewhere, and give it a name. Raises BadInput, BadImage; then nothing is left."""
    name = full_name(name)
    kind, path, tag = parse_source(source)
    with store.adding(), ExitStack() as opened:
        if kind in bases.BASES:
            return store.tag(name, bases.BASES[kind](store.layout, report))
        found = Path(path)
        if not found.exists():
            raise BadInput(f"there is no {short_repr(path)} to import", hint="a folder, a tar, oci:FOLDER or busybox")
        place = Folder(found) if found.is_dir() else open_archive(store, found, kind, opened)
        kind = kind or (guess(place) if place else "")
        made = bring(store, kind, place, tag, report) if place and kind else from_tree(store.layout, found, report)
        return store.tag(name, made)


def parse_source(source: str) -> tuple[str, str, str]:
    """Kind, path and tag of KIND:PATH[:TAG]; without a kind it is the path."""
    check_text(source, "what is imported")
    if source in bases.BASES:
        return source, "", ""
    kind, colon, path = source.partition(":")
    if not colon or kind not in KINDS:
        return "", source, ""
    if Path(path).exists() or ":" not in path:
        return kind, path, ""
    path, _, tag = path.partition(":")
    return kind, path, tag


def open_archive(store: ImageStore, path: Path, kind: str, opened: ExitStack) -> Archive | None:
    """The archive in a file; that of an image is decompressed into a file of the store first, which goes again.

    None for a compressed root file system, whose first file tells that it is no image.
    """
    file = opened.enter_context(open_regular(path))
    if not compression_of(file):
        return Archive(path, file)
    if not kind and not OF_IMAGE.fullmatch(first_name(path)):
        return None
    unpacked = opened.enter_context(pending_file(store.folder))
    for piece in Blob(file):
        unpacked.write(piece)
    unpacked.seek(0)
    return Archive(path, unpacked)


def first_name(path: Path) -> str:
    """The name of the first file of an archive."""
    with open_regular(path) as file, closing(cast(Generator[bytes, None, None], iter(Blob(file)))) as chunks:
        entry = next(read_archive(chunks), None)
        return os.fsdecode(entry.name) if entry else ""


def guess(place: FileSource) -> str:
    """What a folder or an archive holds; empty for a root file system."""
    if place.has("oci-layout") and place.has("index.json"):
        return "oci"
    if place.has("manifest.json") and isinstance(place, Archive) and is_list(place):
        return "docker-archive"
    return "dir" if place.has("manifest.json") and place.has("version") else ""


def is_list(place: FileSource) -> bool:
    """Whether manifest.json is Docker's: a list."""
    return read_small(place, "manifest.json").lstrip().startswith(b"[")


def bring(store: ImageStore, kind: str, place: FileSource, tag: str, report: Report | None) -> Descriptor:
    """Copy an image into the store; return its manifest's descriptor."""
    copy = partial(copy_image, store.layout, known=set(store.verified()), report=report)
    match kind:
        case "oci" | "oci-archive" | "docker-archive" if place.has("oci-layout"):
            return copy(*from_layout(place, tag))
        case "docker-archive":
            return from_docker(store.layout, place, tag, report)
        case "dir":
            raw = read_small(place, "manifest.json")
            return copy(lambda blob: place.open(blob.digest.removeprefix("sha256:")), raw)
    raise BadImage(f"{place} is no OCI image layout", hint="it would have a file oci-layout")


# --- OCI layouts
def from_layout(place: FileSource, tag: str) -> tuple[Callable[[Descriptor], IO[bytes]], bytes]:
    """How a layout's blobs are opened, and the manifest with this tag and for this platform."""
    check_layout(read_small(place, "oci-layout"), place)

    def open_blob(wanted: Descriptor) -> IO[bytes]:
        return place.open(f"blobs/sha256/{wanted.digest.removeprefix('sha256:')}")

    fetch = partial(read_blob, open_blob)
    fitting = [typed(each, fetch) for each in tagged(index_entries(read_small(place, "index.json")), tag)]
    listed = encode_json({"manifests": [each.as_json() for each in fitting]})
    return open_blob, fetch(choose(listed, platform_here(), fetch))


def tagged(listed: Iterable[Descriptor], tag: str) -> list[Descriptor]:
    """The entries of an index with this tag; without one, all, if they are one image."""
    listed = list(listed)
    fitting = [each for each in listed if not tag or tag in names_of(each)]
    known = sorted({name for each in listed for name in names_of(each)[:1]})
    hint = f"there are {', '.join(known[:8])}" if known else "no image in it has a name"
    if not fitting:
        raise BadImage(f"it has no image {short_repr(tag)}" if tag else "it has no image at all", hint=hint)
    if not tag and len(known) > 1:
        raise BadImage("it has several images", hint=f"add :TAG; {hint}")
    alike = {each.digest for each in fitting if not each.platform}
    if len(alike) > 1:
        what = f"the tag {short_repr(tag or known[0])} is" if tag or known else "images without a name are"
        raise BadImage(f"{what} there {len(alike)} times, for different images")
    return fitting


def names_of(entry: Descriptor) -> list[str]:
    """The names that an entry of an index has."""
    full = entry.annotations.get(CONTAINERD_NAME, "")
    return list(dict.fromkeys(filter(None, [entry.annotations.get(NAME, ""), full, short_name(full)])))


def short_name(name: str) -> str:
    """A name as Docker shows it."""
    return name.removeprefix("docker.io/").removeprefix("library/")


def typed(entry: Descriptor, fetch: Callable[[Descriptor], bytes]) -> Descriptor:
    """An entry with a media type: it may leave it out."""
    if entry.media_type:
        return entry
    raw = fetch(entry)
    is_index = "manifests" in parse_json(raw, "a manifest")
    return replace(entry, media_type=INDEX if is_index else manifest_type(raw))


# --- docker save
def from_docker(layout: Layout, place: FileSource, tag: str, report: Report | None) -> Descriptor:
    """The image of an archive with Docker's manifest.json: its configuration stays as it is, and so its id."""
    if not place.has("manifest.json"):
        raise BadImage(f"{place} is no archive of docker save", hint="since Docker 1.10 it has a manifest.json")
    entry = chosen_entry(read_small(place, "manifest.json"), tag)
    raw = read_small(place, entry["Config"])
    config = ImageConfig.read(raw)
    named = HEX.fullmatch(entry["Config"].rpartition("/")[2])
    if named and digest_of(raw) != f"sha256:{named[1]}":
        raise BadImage(f"the configuration {named[1][:12]} is damaged: its content has another digest")
    if len(config.diff_ids) != len(entry["Layers"]):
        raise BadImage(f"{len(entry['Layers'])} layers, and {len(config.diff_ids)} diff_ids in the configuration")
    layers = []
    for name, diff_id in zip(entry["Layers"], config.diff_ids, strict=True):
        with place.open(name) as file:
            layers.append(any_layer(layout, file, place.size(name), diff_id, report)[0])
    return layout.write(ImageManifest(layout.write(raw, CONFIG), tuple(layers)).encode(), MANIFEST)


def chosen_entry(raw: bytes, tag: str) -> dict[str, Any]:
    """The entry of Docker's manifest.json with this name, or the only one."""
    listed = parse_json(b'{"images":' + raw + b"}", "manifest.json")["images"]
    if not isinstance(listed, list) or not all(is_entry(each) for each in listed):
        raise BadImage("manifest.json is no list of images with a configuration and layers")
    wanted = short_name(tag if ":" in tag else f"{tag}:latest")
    fitting = [each for each in listed if not tag or wanted in map(short_name, each.get("RepoTags") or ())]
    if len(fitting) == 1:
        return dict(fitting[0])
    known = ", ".join(str(name) for each in listed for name in (each.get("RepoTags") or ["one without a name"])[:1])
    why = f"it has no image {short_repr(tag)}" if not fitting else "it has several images"
    raise BadImage(why, hint=f"there are {known}" if known else "")


def is_entry(found: Any) -> bool:
    """Whether this is an image in Docker's manifest.json."""
    if not isinstance(found, dict) or not isinstance(found.get("Config"), str):
        return False
    layers, tags = found.get("Layers"), found.get("RepoTags")
    named = tags is None or (isinstance(tags, list) and all(isinstance(tag, str) for tag in tags))
    return named and isinstance(layers, list) and all(isinstance(layer, str) for layer in layers)


# --- root file systems
def from_tree(layout: Layout, path: Path, report: Report | None) -> Descriptor:
    """An image of a root file system, without a command, as docker import makes it."""
    if path.is_dir():
        with layout.incoming() as blob:
            archive_folder(path, blob, report)
        return single_layer(layout, Descriptor(LAYER, blob.digest, blob.size), blob.digest, {}, "import of a folder")
    with open_regular(path) as file:
        layer, diff_id = any_layer(layout, file, os.fstat(file.fileno()).st_size, "", report)
    return single_layer(layout, layer, diff_id, {}, "import of an archive")


def archive_folder(path: Path, blob: Incoming, report: Report | None) -> None:
    """Write all files of a folder; those of an ordinary user who does it are root's in the archive."""
    own = os.geteuid()
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        found = tree_changes(None, folder)
        mine = {os.fsdecode(name): [0, 0] for name, about in found if own and about and about.st_uid == own}
        for chunk in write_layer(found, folder, owners=mine):
            blob.write(chunk)
            if report:
                report(str(path), blob.size, 0)
    finally:
        os.close(folder)


def any_layer(
    layout: Layout, file: IO[bytes], size: int, diff_id: str, report: Report | None
) -> tuple[Descriptor, str]:
    """Keep an archive as it came, or decompressed where OCI has no media type for it."""
    if compression_of(file) in KEPT:
        return copy_layer(layout, file, size, None, diff_id, report)
    return copy_unpacked(layout, file, diff_id)
