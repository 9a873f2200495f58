"""openat2(2): open a file below a folder, whatever its links say. Python has no function for it, and libc neither."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EAGAIN, ENOSYS

from ..errors import Unsupported

OPENAT2 = 437  # on every processor
RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, RESOLVE_IN_ROOT = 0x02, 0x04, 0x10
HOW = struct.Struct("QQQ")  # struct open_how: flags, mode, resolve
FOLDER = os.O_RDONLY | os.O_DIRECTORY
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
libc.syscall.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t)


def open_in_root(folder: int, path: bytes, flags: int, mode: int = 0, *, links: bool = True) -> int:
    """Open `path` as if the descriptor `folder` were the root: absolute links and `..` stay below. Raises OSError.

    Without `links` a symbolic link in any part of the path is ELOOP.
    """
    resolve = RESOLVE_IN_ROOT | (RESOLVE_NO_MAGICLINKS if links else RESOLVE_NO_SYMLINKS)
    how = HOW.pack(flags | os.O_CLOEXEC, mode, resolve)
    for _ in range(1000):
        fd = int(libc.syscall(OPENAT2, folder, path or b".", how, HOW.size))
        if fd >= 0:
            return fd
        errno = ctypes.get_errno()
        if errno != EAGAIN:  # a rename anywhere while the kernel followed `..`
            break
    if errno == ENOSYS:
        raise Unsupported("this kernel has no openat2(2), or a policy hides it", hint="it came with Linux 5.6")
    raise OSError(errno, os.strerror(errno), os.fsdecode(path))


@contextmanager
def opened_in(folder: int, path: bytes, flags: int = FOLDER) -> Iterator[int]:
    """Open a path without a link in it, for a block."""
    fd = open_in_root(folder, path, flags, links=False)
    try:
        yield fd
    finally:
        os.close(fd)
