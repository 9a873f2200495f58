"""What the worker does for `export`: all layers of an image as one archive, made as root of a lab."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator, Mapping, Sequence

from ..kernel.constants import CLONE_NEWNS, MS_PRIVATE, MS_RDONLY, MS_REC
from .diff import tree_changes, write_layer
from .tree_jobs import ROOT, SCRATCH
from .worker import require

libc = ctypes.CDLL(None, use_errno=True)


def write_flat(layers: Sequence[str], owners: Mapping[str, list[int]], out: int) -> Iterator[int]:
    """Write what a container of these layers sees, the topmost first, to a descriptor; yield how many bytes so far."""
    options = f"userxattr,lowerdir={':'.join([*layers, SCRATCH])}"
    require(libc.unshare(CLONE_NEWNS))
    require(libc.mount(None, b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None))
    require(libc.mount(b"overlay", ROOT.encode(), b"overlay", ctypes.c_ulong(MS_RDONLY), options.encode()))
    root = os.open(ROOT, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    size = 0
    with open(out, "wb", closefd=False) as file:
        for chunk in write_layer(tree_changes(None, root), root, owners=owners):
            size += file.write(chunk)
            yield size
