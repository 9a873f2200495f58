"""Read the small files of an ext2 file system of one block group, without mounting it.

Layout: the kernel's Documentation/filesystems/ext4 (superblock at 1024, group descriptors in the next block, inodes).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

SUPERBLOCK = 1024
INODE = 128  # bytes of an inode that every revision has
DIRECT = 12  # blocks that an inode names itself
REGULAR, FOLDER, KINDS = 0x8000, 0x4000, 0xF000  # of i_mode


def small_files(disk: bytes, kind: int = REGULAR) -> Iterator[bytes]:
    """The contents of regular files that have a name, as far as direct blocks go; nothing from a damaged disk.

    Of kind FOLDER the names of files.
    """
    try:
        inodes, log_size, size = _superblock(disk)
        block = 1024 << log_size
        (table,) = struct.unpack_from("<I", disk, (SUPERBLOCK // block + 1) * block + 8)
        for number in range(inodes):
            yield from _content(disk, table * block + number * size, block, kind)
    except struct.error:  # numbers that point behind the end of the disk
        return


def _superblock(disk: bytes) -> tuple[int, int, int]:
    """How many inodes there are, the logarithm of a block's size in KiB, and the size of an inode."""
    (inodes,) = struct.unpack_from("<I", disk, SUPERBLOCK)
    (log_size,) = struct.unpack_from("<I", disk, SUPERBLOCK + 24)
    (revision,) = struct.unpack_from("<I", disk, SUPERBLOCK + 76)
    (size,) = struct.unpack_from("<H", disk, SUPERBLOCK + 88)
    if log_size > 6:
        raise struct.error("no block is that large")
    return inodes, log_size, size if revision else INODE


def _content(disk: bytes, place: int, block: int, kind: int) -> Iterator[bytes]:
    mode, _, length = struct.unpack_from("<HHI", disk, place)
    (links,) = struct.unpack_from("<H", disk, place + 26)
    blocks = struct.unpack_from(f"<{DIRECT}I", disk, place + 40)
    if mode & KINDS == kind and links:
        yield b"".join(disk[number * block : (number + 1) * block] for number in blocks if number)[:length]
