"""An OCI image layout: a folder with blobs, each named by its digest, and an index. See image-layout.md of OCI.

A blob is visible only when it is whole: it is written beside, verified, synced and renamed.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from ..kernel.checks import short_repr
from .descriptors import INDEX, MOST_JSON, BadImage, Descriptor, check_digest, encode_json, parse_json

NAME = "org.opencontainers.image.ref.name"  # the annotation with an image's name
VERSION = {"imageLayoutVersion": "1.0.0"}
CHUNK = 1 << 20


class Layout:
    """A layout on disk. Raises BadImage for a folder that is none; with `create` it is made there."""

    def __init__(self, folder: Path, *, create: bool = False) -> None:
        self.folder = folder
        self.blobs = folder / "blobs" / "sha256"
        marker = folder / "oci-layout"
        if create and not marker.exists():
            self.blobs.mkdir(parents=True, exist_ok=True)
            write_whole(marker, encode_json(VERSION))
        try:
            check_layout(marker.read_bytes(), folder)
        except (FileNotFoundError, NotADirectoryError):
            raise BadImage(f"{folder} is no OCI image layout", hint="it would have a file oci-layout") from None

    # --- blobs
    def path(self, digest: str) -> Path:
        """Where a blob is, or would be."""
        return self.blobs / check_digest(digest).removeprefix("sha256:")

    def has(self, descriptor: Descriptor) -> bool:
        """Whether a blob is there, with its size; its content was verified when it came."""
        with suppress(FileNotFoundError):
            return self.path(descriptor.digest).stat().st_size == descriptor.size
        return False

    def open(self, descriptor: Descriptor) -> IO[bytes]:
        """Open a blob for reading. Raises BadImage where it is not there, or has another size."""
        try:
            file = self.path(descriptor.digest).open("rb")
        except FileNotFoundError:
            raise BadImage(f"the blob {descriptor.digest} is not there") from None
        size = os.fstat(file.fileno()).st_size
        if size != descriptor.size:
            file.close()
            raise BadImage(f"the blob {descriptor.digest} has {size} bytes, not {descriptor.size}")
        return file

    def read(self, descriptor: Descriptor) -> bytes:
        """A blob of JSON, verified. Raises BadImage for a wrong digest, and for more than 4 MiB."""
        return read_blob(self.open, descriptor)

    def write(self, raw: bytes, media_type: str) -> Descriptor:
        """Keep a small blob."""
        with self.incoming() as blob:
            blob.write(raw)
        return Descriptor(media_type, blob.digest, blob.size)

    @contextmanager
    def incoming(self, expected: Descriptor | None = None) -> Iterator[Incoming]:
        """A blob that comes in pieces. At the block's end it is verified, and visible; after an error nothing is left.

        Raises BadImage where it is not what was `expected`.
        """
        self.blobs.mkdir(parents=True, exist_ok=True)
        with pending_file(self.blobs) as file:
            blob = Incoming(file)
            yield blob
            blob.verify(expected)
            publish(file, self.path(blob.digest))

    def sweep(self) -> int:
        """Remove what writers that died have left; return how many files."""
        return sum(remove_abandoned(path) for folder in (self.blobs, self.folder) for path in folder.glob(".new-*"))

    # --- the index
    @property
    def manifests(self) -> tuple[Descriptor, ...]:
        """What the index lists."""
        try:
            raw = (self.folder / "index.json").read_bytes()
        except FileNotFoundError:
            return ()
        found = parse_json(raw, "index.json").get("manifests")
        if not isinstance(found, list):
            raise BadImage(f"{self.folder}/index.json has no list of manifests")
        return tuple(map(Descriptor.read, found))

    @contextmanager
    def changing(self) -> Iterator[list[Descriptor]]:
        """The index as a list to change, under a lock; it is written, whole, at the end of the block."""
        with file_lock(self.folder / ".lock"):
            listed = list(self.manifests)
            before = list(listed)
            yield listed
            if listed != before or not (self.folder / "index.json").exists():
                sync_folder(self.blobs)  # once for all blobs that have come
                content = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [each.as_json() for each in listed]}
                write_whole(self.folder / "index.json", json.dumps(content, indent=1).encode())


class Incoming:
    """A blob that is being written: `digest` and `size` are those of what came so far."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.size = 0

    @property
    def digest(self) -> str:
        """The digest of what came so far."""
        return f"sha256:{self._hash.hexdigest()}"

    def write(self, data: bytes | memoryview) -> None:
        """Take the next bytes."""
        self._hash.update(data)
        self._file.write(data)
        self.size += len(data)

    def verify(self, expected: Descriptor | None) -> None:
        """Raise BadImage unless this is what was expected."""
        if expected is None:
            return
        if self.size != expected.size:
            raise BadImage(f"the blob {expected.digest} came with {self.size} bytes, not {expected.size}")
        if self.digest != expected.digest:
            raise BadImage(f"the blob {expected.digest} is damaged: its content has another digest")


def check_layout(marker: bytes, where: object) -> None:
    """The content of a file oci-layout. Raises BadImage for a version that is not known here."""
    version = parse_json(marker, "oci-layout").get("imageLayoutVersion")
    if version != VERSION["imageLayoutVersion"]:
        raise BadImage(f"{where} is a layout of version {short_repr(version)}", hint="this course reads 1.0.0")


def read_blob(open_blob: Callable[[Descriptor], IO[bytes]], wanted: Descriptor) -> bytes:
    """A blob of JSON, verified. Raises BadImage."""
    if wanted.size > MOST_JSON:
        raise BadImage(f"{wanted.digest} would be {wanted.size} bytes of JSON: too much")
    with open_blob(wanted) as file:
        raw = file.read(MOST_JSON + 1)
    if len(raw) != wanted.size:
        raise BadImage(f"the blob {wanted.digest} has {len(raw)} bytes, not {wanted.size}")
    if digest_of(raw) != wanted.digest:
        raise BadImage(f"the blob {wanted.digest} is damaged: its content has another digest")
    return raw


def digest_of(raw: bytes) -> str:
    """The sha256 of these bytes, as a digest."""
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


@contextmanager
def pending_file(folder: Path) -> Iterator[IO[bytes]]:
    """A file for `publish`. It is removed at the block's end unless it was published, and by `sweep` if we die."""
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".new-", delete=False) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX)  # `sweep` takes away what has no owner
            yield file
        finally:
            with suppress(FileNotFoundError):
                os.unlink(file.name)


def publish(file: IO[bytes], path: Path) -> None:
    """Give a new file its name, when it is on the disk; `sync_folder` has the name last. See fsync(2), rename(2)."""
    file.flush()
    os.fsync(file.fileno())
    os.fchmod(file.fileno(), 0o644)
    os.rename(file.name, path)


def write_whole(path: Path, raw: bytes) -> None:
    """Write a file so that it is there whole, or as it was before, whatever dies."""
    with pending_file(path.parent) as file:
        file.write(raw)
        publish(file, path)
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder survive a power cut."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def remove_abandoned(path: Path) -> bool:
    """Remove a file that no live process holds locked."""
    with suppress(OSError), path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
        return True
    return False


@contextmanager
def file_lock(path: Path, how: int = fcntl.LOCK_EX) -> Iterator[None]:
    """Hold a lock on a file: a second holder, of another process too, waits; with LOCK_NB, BlockingIOError."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(fd, how)
        yield
    finally:
        os.close(fd)
