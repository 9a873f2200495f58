"""openat2(2): open a file below a folder, whatever its links say. Python has no function for it, and libc neither."""

from __future__ import annotations

import ctypes
import os

OPENAT2 = 437  # on every processor
RESOLVE_NO_MAGICLINKS, RESOLVE_IN_ROOT = 0x02, 0x10
libc = ctypes.CDLL(None, use_errno=True)


class OpenHow(ctypes.Structure):
    """struct open_how."""

    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def open_in_root(folder: int, path: bytes, flags: int, mode: int = 0) -> int:
    """Open `path` as if the descriptor `folder` were the root: absolute links and `..` stay below. Raises OSError."""
    how = OpenHow(flags | os.O_CLOEXEC, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
    fd = int(libc.syscall(OPENAT2, folder, path, ctypes.byref(how), ctypes.sizeof(how)))
    if fd < 0:
        errno = ctypes.get_errno()
        raise OSError(errno, os.strerror(errno), os.fsdecode(path))
    return fd
