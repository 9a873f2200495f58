"""Where an image is read from: a folder, or an archive of files. Both give files by the names that tools use."""

from __future__ import annotations

import os
import stat
import tarfile
from collections.abc import Iterator
from io import BufferedReader, RawIOBase
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import IO, Any, TypeAlias

from ..kernel.checks import short_repr
from .descriptors import MOST_JSON, BadImage

MOST_HEADER = 1 << 20  # bytes of a header of an archive, with its long names
MOST_FILES = 1 << 16  # of an archive that holds an image
MOST_LINKS = 8
BAD_ARCHIVE = (tarfile.TarError, ValueError, OverflowError, EOFError, RecursionError)


class Folder:
    """A folder of files."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def has(self, name: str) -> bool:
        """Whether a file is there."""
        return (self.path / name).is_file()

    def open(self, name: str) -> IO[bytes]:
        """Open a file for reading."""
        return open_regular(self.path / name)

    def size(self, name: str) -> int:
        """The bytes of a file."""
        return (self.path / name).stat().st_size


class Archive:
    """The files of a tar, which is open and not compressed: podman and skopeo make links in it."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self.path, self._file = path, file
        self._files: dict[str, tuple[int, int]] = {}
        self._links: dict[str, str] = {}
        for count, member in enumerate(archive_headers(file)):
            name = normpath(member.name)
            if count > MOST_FILES:
                break  # a root file system, as it seems
            if member.isreg():
                self._files[name] = (member.offset_data, member.size)
            elif member.issym():
                self._links[name] = normpath(join(dirname(name), member.linkname))
            elif member.islnk():
                self._links[name] = normpath(member.linkname)

    def has(self, name: str) -> bool:
        """Whether a file is there, or a link to one."""
        return self._find(name) is not None

    def open(self, name: str) -> IO[bytes]:
        """Open a file for reading."""
        found = self._find(name)
        if found is None:
            raise BadImage(f"the archive has no file {short_repr(name)}")
        return BufferedReader(FilePart(self._file.fileno(), *found), 1 << 16)

    def size(self, name: str) -> int:
        """The bytes of a file."""
        return (self._find(name) or (0, 0))[1]

    def _find(self, name: str) -> tuple[int, int] | None:
        for _ in range(MOST_LINKS):
            if name not in self._links:
                return self._files.get(name)
            name = self._links[name]
        return None


FileSource: TypeAlias = Folder | Archive


class FilePart(RawIOBase):
    """A part of a file, as a file."""

    def __init__(self, fd: int, start: int, size: int) -> None:
        self._fd, self._at, self._end = fd, start, start + size

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """The next bytes."""
        data = os.pread(self._fd, min(len(buffer), self._end - self._at), self._at)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


class Headers:
    """A file that gives an archive's headers only: no long name of a hostile one fills the memory."""

    def __init__(self, file: IO[bytes]) -> None:
        self.seek, self.tell, self._read = file.seek, file.tell, file.read

    def read(self, size: int) -> bytes:
        """The next bytes. Raises BadImage for more than a header may have."""
        if not 0 <= size <= MOST_HEADER:
            raise BadImage("an archive with a header of more than a MiB")
        return self._read(size)


def archive_headers(file: IO[bytes]) -> Iterator[tarfile.TarInfo]:
    """The headers of an archive. Raises BadImage."""
    before = -1
    try:
        with tarfile.open(fileobj=Headers(file), mode="r:") as tar:  # type: ignore[call-overload]
            while member := tar.next():
                if member.offset_data <= before or member.size < 0:
                    raise BadImage("an archive with a size below zero")
                before = member.offset_data
                tar.members.clear()
                yield member
    except BAD_ARCHIVE as why:
        raise BadImage(f"the archive cannot be read: {str(why)[:80]}") from None


def open_regular(path: Path) -> IO[bytes]:
    """Open a regular file for reading. Raises BadImage for another kind of file, and where there is none."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        raise BadImage(f"there is no file {path}") from None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise BadImage(f"{path} is no regular file")
    return open(fd, "rb")


def read_small(place: FileSource, name: str) -> bytes:
    """A file of JSON. Raises BadImage for more than 4 MiB."""
    with place.open(name) as file:
        raw = file.read(MOST_JSON + 1)
    if len(raw) > MOST_JSON:
        raise BadImage(f"{short_repr(name)} has more than {MOST_JSON >> 20} MiB of JSON")
    return raw
