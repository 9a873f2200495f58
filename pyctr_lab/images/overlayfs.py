"""Layers as overlayfs stacks them: what it shows at a path. See overlayfs.rst of the kernel, "whiteouts and opaque"."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from errno import ENODATA, ENOTSUP

from .openat2 import opened_in

OPAQUE, ORIGIN = "user.overlay.opaque", "user.overlay.origin"  # the latter on what was copied from a layer
WHITEOUT, META, OPAQUE_NAME = b".wh.", b".wh..wh.", b".wh..wh..opq"  # how archives say it


def split(path: bytes) -> tuple[bytes, bytes]:
    """The folder of a path, and its last part."""
    folder, _, name = path.rpartition(b"/")
    return folder, name


def prefixes(path: bytes) -> Iterator[bytes]:
    """`a`, `a/b` and `a/b/c` for `a/b/c`."""
    at = -1
    while (at := path.find(b"/", at + 1)) >= 0:
        yield path[:at]
    yield path


def lstat_in(path: bytes, root: int) -> os.stat_result | None:
    """lstat(2) of a path whose folders are folders; None where nothing is."""
    with suppress(FileNotFoundError, NotADirectoryError):
        return os.stat(path or b".", dir_fd=root, follow_symlinks=False)
    return None


def is_whiteout(found: os.stat_result) -> bool:
    """Whether overlayfs takes this for a name that is deleted: a character device 0:0."""
    return stat.S_ISCHR(found.st_mode) and found.st_rdev == 0


def is_opaque(fd: int) -> bool:
    """Whether a folder hides those below it."""
    try:
        return os.getxattr(fd, OPAQUE) == b"y"
    except OSError as why:
        if why.errno not in (ENODATA, ENOTSUP):
            raise
        return False


def visible(layers: list[int], path: bytes) -> tuple[int, os.stat_result] | None:
    """What overlayfs would show at a path: the layer, of those from the highest to the lowest, and the status in it."""
    for layer in layers:
        with opened_in(layer, b"") as root:
            last = is_opaque(root)
        for prefix in prefixes(path):
            found = lstat_in(prefix, layer)
            if found is None:
                break
            if prefix == path:
                return None if is_whiteout(found) else (layer, found)
            if not stat.S_ISDIR(found.st_mode):
                return None
            with opened_in(layer, prefix) as folder:
                last = last or is_opaque(folder)
        if last:
            return None
    return None


def is_kept(name: str) -> bool:
    """Whether an image keeps an extended attribute: the user's own and capabilities, but not overlayfs's marks.

    A pax header cannot hold a name with `=`.
    """
    users = name.startswith("user.") and not name.startswith("user.overlay.")
    return name == "security.capability" or (users and "=" not in name)


def xattrs_of(fd: int) -> dict[bytes, bytes]:
    """The extended attributes of an open file that an image keeps."""
    return {os.fsencode(name): os.getxattr(fd, name) for name in os.listxattr(fd) if is_kept(name)}


def pieces_of(fd: int, most: int = 1 << 62) -> Iterator[tuple[int, memoryview]]:
    """The data of an open file with offsets, at most so many bytes."""
    offset = 0
    while offset < most and (chunk := os.pread(fd, min(1 << 18, most - offset), offset)):
        yield offset, memoryview(chunk)
        offset += len(chunk)
