"""The layer of a COPY: the context's files, laid over the folders and links that the image has already."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from posixpath import dirname, join, normpath, split
from typing import NamedTuple

from ...errors import BadInput
from ..archive import BLOCK, Kind, Member, Stream, next_header, read_archive
from ..compression import decompress, sniff
from ..descriptors import BadImage
from ..diff import RECORD, header, path_in
from .context import CHUNK, Source

KINDS = {"file": Kind.FILE, "folder": Kind.FOLDER, "link": Kind.SYMLINK}
FLAGS = dict(zip(Kind, (b"0", b"1", b"2", b"3", b"4", b"5", b"6"), strict=True))


class Spot(NamedTuple):
    """Where a path of an image really is, and what is there: nothing, a "folder" or a "file"."""

    path: str
    kind: str = ""
    mode: int = 0o755
    uid: int = 0
    gid: int = 0


ROOT = Spot("/", "folder")


def asked_of(found: Sequence[Sequence[Source]], target: str) -> list[str]:
    """The paths whose spots decide where files go: the target, the folder it is in, and all that is copied."""
    return sorted({target, dirname(target), *(normpath(join(target, source.name)) for top in found for source in top)})


class Copy:
    """The entries of one COPY; the last of a name wins. New files and folders belong to `owner`, and have one time.

    Raises BadInput where a file would take the place of a folder, or the other way round.
    """

    def __init__(self, spots: Mapping[str, Spot], owner: tuple[int, int], epoch: int) -> None:
        self.spots = {**spots, "/": ROOT}
        self.owner = owner
        self.epoch = epoch
        self.entries: dict[bytes, Member] = {}

    def add(self, found: Sequence[Sequence[Source]], target: str, *, into: bool) -> None:
        """Files and links become the target, or go `into` it, a folder; of a folder, all that is in it does."""
        into = into or self.spot(target).kind == "folder"
        for top in found:
            for source in top:
                name = source.name if into or len(top) > 1 else ""
                self._put(normpath(join(target, name)), source)

    def _put(self, path: str, source: Source) -> None:
        there = self.spot(path)
        if source.kind == "folder":
            return self.folder(there, source.mode)
        if there.kind == "folder":
            raise BadInput(f"{path} is a folder of the image: no file can take its place")
        above, name = split(path)
        self.folder(self.spot(above))
        entry = self._entry(join(self.spot(above).path, name), source.kind, source.mode)  # a link there gives way
        if source.kind == "link":
            entry.target = os.fsencode(os.readlink(source.path))
        else:
            entry.size, entry.data = source.size, data_of_file(source)
        self.entries[entry.name] = entry

    def spot(self, path: str) -> Spot:
        """Where a path is in the image; in a folder that is not there is nothing."""
        return self.spots.get(path) or Spot(join(self.spot(dirname(path)).path, path.rpartition("/")[2]))

    def folder(self, there: Spot, mode: int = 0o755) -> None:
        """A folder, and those on the way to it. One that the image has keeps its mode and owner."""
        if there.kind == "file":
            raise BadInput(f"{there.path} is no folder of the image")
        if there.path == "/":
            return
        self.folder(self.spot(dirname(there.path)))
        entry = self._entry(there.path, "folder", mode)
        if there.kind:
            entry.mode, entry.uid, entry.gid = there[2:]
        self.entries.setdefault(entry.name, entry)

    def sorted(self) -> list[Member]:
        """The entries, a folder before its content."""
        return sorted(self.entries.values(), key=lambda entry: entry.name.split(b"/"))

    def unpacked(self, archive: Path, target: str) -> Iterator[Member]:
        """What is in an archive, below the target, as it stands there but for its times: those have a latest."""
        top = os.fsencode(self.spot(target).path.strip("/"))
        for entry in read_archive(content_of_archive(archive)):
            if entry.name:
                link = path_in(top, entry.target) if entry.kind is Kind.LINK else entry.target
                uid, gid = (entry.uid, entry.gid) if self.owner == (0, 0) else self.owner
                mtime = min(entry.mtime, self.epoch * 10**9)
                yield replace(entry, name=path_in(top, entry.name), target=link, uid=uid, gid=gid, mtime=mtime)

    def _entry(self, path: str, kind: str, mode: int) -> Member:
        return Member(os.fsencode(path.lstrip("/")), KINDS[kind], mode, *self.owner, self.epoch * 10**9, 0)


def data_of_file(source: Source) -> Iterator[tuple[int, memoryview]]:
    """The data of a file, opened when it is asked for. Raises BadInput where its size has changed meanwhile."""
    offset = 0
    with source.path.open("rb") as file:
        while chunk := file.read(min(CHUNK, source.size + 1 - offset)):
            offset += len(chunk)
            if offset > source.size:
                break
            yield offset - len(chunk), memoryview(chunk)
    if offset != source.size:
        raise BadInput(f"{source.path} changed while it was copied")


def content_of_archive(path: Path) -> Iterator[bytes]:
    """The bytes of an archive, decompressed."""
    with path.open("rb") as file:
        codec = sniff(file.read(16))
        file.seek(0)
        chunks = iter(lambda: file.read(CHUNK), b"")
        yield from decompress(codec, chunks) if codec else chunks


def is_archive(source: Source) -> bool:
    """Whether a file is an archive, compressed or not, with something in it."""
    if source.kind != "file":
        return False
    try:
        return next_header(Stream(content_of_archive(source.path))) is not None
    except BadImage:
        return False


def archive_of(entries: Iterable[Member]) -> Iterator[bytes | memoryview]:
    """The archive of these entries, in the form in which all our layers are."""
    size = 0
    for piece in chain.from_iterable(map(pieces_of_entry, entries)):
        size += len(piece)
        yield piece
    yield bytes(2 * BLOCK + -(size + 2 * BLOCK) % RECORD)


def pieces_of_entry(entry: Member) -> Iterator[bytes | memoryview]:
    """The header and the data of an entry, its holes filled."""
    name = entry.name + b"/" * (entry.kind is Kind.FOLDER)
    about = FLAGS[entry.kind], entry.mode, (entry.uid, entry.gid), entry.mtime // 10**9
    device = os.makedev(*entry.device)
    yield header(name, *about, size=entry.size, target=entry.target, device=device, xattrs=entry.xattrs)
    end = 0
    for offset, piece in chain(entry.data, [(entry.size + -entry.size % BLOCK, memoryview(b""))]):
        while end < offset:
            hole = bytes(min(CHUNK, offset - end))
            end += len(hole)
            yield hole
        end += len(piece)
        yield piece
