"""A cpio archive in the "newc" format: the kernel unpacks it as its first root file system (initramfs).

Each entry is a header of thirteen eight-digit hexadecimal numbers behind the magic 070701, then the name with a NUL,
then the content; name and content are each filled up to a multiple of four bytes. The last entry is named
TRAILER!!!. Source: the kernel's Documentation/driver-api/early-userspace/buffer-format.rst.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass

MAGIC = b"070701"
TRAILER = "TRAILER!!!"


@dataclass(frozen=True)
class ArchiveEntry:
    """A file of the archive. `mode` holds type and permissions, as in stat(2); `device` is (major, minor)."""

    name: str
    mode: int
    content: bytes = b""
    device: tuple[int, int] = (0, 0)


def file(name: str, content: bytes, *, executable: bool = False) -> ArchiveEntry:
    """A regular file."""
    return ArchiveEntry(name, stat.S_IFREG | (0o755 if executable else 0o644), content)


def directory(name: str) -> ArchiveEntry:
    """A directory. In the archive it must precede its content."""
    return ArchiveEntry(name, stat.S_IFDIR | 0o755)


def symlink(name: str, target: str) -> ArchiveEntry:
    """A symbolic link: its content is the target."""
    return ArchiveEntry(name, stat.S_IFLNK | 0o777, os.fsencode(target))


def character_device(name: str, major: int, minor: int) -> ArchiveEntry:
    """A character device. The numbers are those of the kernel's Documentation/admin-guide/devices.txt."""
    return ArchiveEntry(name, stat.S_IFCHR | 0o600, device=(major, minor))


def archive(entries: Iterable[ArchiveEntry]) -> bytes:
    """The entries as one archive, with its trailer."""
    return b"".join(_entry(number, entry) for number, entry in enumerate([*entries, ArchiveEntry(TRAILER, 0)], start=1))


def _entry(number: int, entry: ArchiveEntry) -> bytes:
    name = os.fsencode(entry.name) + b"\0"
    fields = {
        "inode": number,
        "mode": entry.mode,
        "uid": 0,
        "gid": 0,
        "links": 1,
        "mtime": 0,
        "size": len(entry.content),
        "device major": 0,
        "device minor": 0,
        "its own major": entry.device[0],
        "its own minor": entry.device[1],
        "length of the name": len(name),
        "checksum": 0,
    }
    header = MAGIC + b"".join(b"%08X" % value for value in fields.values())
    return _padded(header + name) + _padded(entry.content)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
