"""Export an image: its files, or all of it for other tools.

FOLDER                     its files as a container sees them, with their owners if root exports
FILE.tar, tar:FILE         the same as one archive, as docker export writes it
oci:FOLDER[:TAG]           an OCI image layout, which may have other images already
docker-archive:FILE[:TAG]  what docker load reads
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from ..errors import BadInput
from ..kernel.checks import check_text, short_repr
from ..runtime.job import run_as_root
from .archive import BLOCK, read_archive
from .compression import Blob
from .copying import Report
from .descriptors import CONFIG, DOCKER_MANIFEST, LAYER, MANIFEST, Descriptor, ImageManifest, encode_json
from .diff import RECORD, header
from .extract import extract
from .layout import CHUNK, NAME, Layout, pending_file, publish, sync_folder
from .store import Image, ImageStore, full_name
from .trees import Trees

JOB = "pyctr_lab.images.export_jobs:write_flat"
KINDS = ("oci", "docker-archive", "tar")
OCI_LAYERS = {"application/vnd.docker.image.rootfs.diff.tar.gzip": f"{LAYER}+gzip",
              "application/vnd.docker.image.rootfs.diff.tar": LAYER,
              "application/vnd.docker.container.image.v1+json": CONFIG}  # fmt: skip


def export_image(store: ImageStore, trees: Trees, image: Image, target: str, report: Report | None = None) -> None:
    """Write an image where other tools read it. Raises BadInput for a target that is there and cannot be added to."""
    kind, path, tag = parse_target(target)
    name = full_name(tag or image.name)
    place = Path(path)
    match kind:
        case "oci":
            to_layout(store, image, place, tag or name.rpartition(":")[2])
        case "docker-archive":
            with new_archive(place) as file:
                to_docker(store, image, file, name, report)
        case "tar":
            with new_archive(place) as file:
                flatten(trees, image, file, report)
        case _:
            to_folder(trees, image, place, report)


def parse_target(target: str) -> tuple[str, str, str]:
    """Kind, path and tag of KIND:PATH[:TAG]; without a kind it is the path of an archive or a folder."""
    check_text(target, "a target")
    kind, colon, path = target.partition(":")
    if colon and kind in KINDS:
        path, _, tag = path.partition(":") if kind != "tar" else (path, "", "")
    else:
        kind, path, tag = "tar" if target.endswith(".tar") else "", target, ""
    if not path:
        raise BadInput(f"{short_repr(target)} names no file", hint="a folder, FILE.tar, oci:FOLDER:TAG")
    return kind, path, tag


@contextmanager
def new_archive(path: Path) -> Iterator[IO[bytes]]:
    """A file that is there when it is whole. Raises BadInput where there is one."""
    if path.exists():
        raise BadInput(f"{path} is there already", hint="another name, or remove it")
    if not path.absolute().parent.is_dir():
        raise BadInput(f"there is no folder for {path}")
    with pending_file(path.absolute().parent) as file:
        yield file
        publish(file, path.absolute())
        sync_folder(path.absolute().parent)


# --- its files
def flatten(trees: Trees, image: Image, file: IO[bytes], report: Report | None) -> None:
    """Write all files of an image as one archive."""
    layers = trees.stack(image)[1:]
    words: dict[str, Any] = {"layers": layers, "owners": trees.owners(image), "out": file.fileno()}
    for size in run_as_root(trees.lab.world, JOB, folder=trees.folder, given=(file.fileno(),), **words):
        if report:
            report(image.name, size, 0)


def to_folder(trees: Trees, image: Image, path: Path, report: Report | None) -> None:
    """Unpack all files of an image into a folder, which is new or empty. For an ordinary user all are that user's."""
    path.mkdir(mode=0o755, exist_ok=True, parents=True)
    if any(path.iterdir()):
        raise BadInput(f"{path} is not empty", hint="another name, or remove it")
    with pending_file(trees.store.folder) as file:
        flatten(trees, image, file, report)
        file.seek(0)
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            extract(read_archive(Blob(file)), folder)
        finally:
            os.close(folder)


# --- all of it
def to_layout(store: ImageStore, image: Image, folder: Path, tag: str) -> None:
    """Add an image to an OCI layout. Docker's media types become OCI's, which umoci wants: the manifest is another."""
    layout = Layout(folder, create=True)
    for blob in image.blobs[1:]:
        copy_blob(store.layout, layout, blob)
    with store.layout.open(image.descriptor) as file:
        raw = file.read()
    if image.descriptor.media_type == DOCKER_MANIFEST:
        parts = [replace(blob, media_type=OCI_LAYERS.get(blob.media_type, blob.media_type)) for blob in image.blobs[1:]]
        raw = ImageManifest(parts[0], tuple(parts[1:])).encode()
    described = replace(layout.write(raw, MANIFEST), annotations={NAME: tag})
    with layout.changing() as listed:
        listed[:] = [each for each in listed if each.annotations.get(NAME) != tag] + [described]


def copy_blob(source: Layout, target: Layout, blob: Descriptor) -> None:
    """Copy a blob, verified, unless it is there."""
    if not target.has(blob):
        with source.open(blob) as file, target.incoming(blob) as incoming:
            while data := file.read(CHUNK):
                incoming.write(data)


def to_docker(store: ImageStore, image: Image, file: IO[bytes], name: str, report: Report | None) -> None:
    """Write what docker load reads: the configuration as it is, and so the same id; the layers not compressed."""
    config = f"{image.id.removeprefix('sha256:')}.json"
    names = []
    for layer, diff_id in zip(image.manifest.layers, image.config.diff_ids, strict=True):
        names.append(f"{diff_id.removeprefix('sha256:')}.tar")
        if names.count(names[-1]) == 1:
            with store.layout.open(layer) as blob:
                add_layer(file, names[-1], Blob(blob, layer, diff_id))
        if report:
            report(image.name, file.tell(), 0)
    add(file, config, store.layout.read(image.manifest.config))
    add(file, "manifest.json", encode_json({"": [{"Config": config, "RepoTags": [name], "Layers": names}]})[4:-1])
    file.write(bytes(2 * BLOCK))
    file.write(bytes(-file.tell() % RECORD))


def add_layer(file: IO[bytes], name: str, content: Blob) -> None:
    """A layer in an archive: its header is written when its size is known."""
    start = file.tell()
    file.write(bytes(BLOCK))
    for chunk in content:
        file.write(chunk)
    file.write(bytes(-content.content_size % BLOCK))
    end = file.tell()
    file.seek(start)
    file.write(file_header(name, content.content_size))
    file.seek(end)


def add(file: IO[bytes], name: str, raw: bytes) -> None:
    """A small file in an archive."""
    file.write(file_header(name, len(raw)) + raw + bytes(-len(raw) % BLOCK))


def file_header(name: str, size: int) -> bytes:
    """The header of a file in an archive of ours. A layer of 8 GiB has no room for its size, and is refused."""
    raw = header(name.encode(), b"0", 0o644, (0, 0), 0, size=size)
    if len(raw) > BLOCK:
        raise BadInput(f"{name} has {size} bytes: too much for such an archive", hint="oci:FOLDER takes it")
    return raw
