"""What the worker does, as root of a lab, in the folder of its unpacked layers.

    000 001 ...  the layers, each a tree, by short names: all of an image's must fit into one page of mount options
    init         what lies above the layers of each image: folders to mount on, and a few files of /etc
    scratch      an empty folder, on which each container mounts a tmpfs of its own
    volumes      where the folder of the volumes is bound
    .new-*       trees that are not whole yet
"""

from __future__ import annotations

import ctypes
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress

from ..kernel.constants import MS_BIND
from .archive import read_archive
from .compression import Blob
from .descriptors import Descriptor
from .extract import extract

ROOT, SCRATCH, INIT, VOLUMES = "/mnt", "scratch", "init", "volumes"
libc = ctypes.CDLL(None, use_errno=True)
FOLDERS = ("dev", "proc", "sys", "etc")
FILES = {"etc/hosts": "127.0.0.1 localhost\n::1 localhost\n", "etc/hostname": "", "etc/resolv.conf": ""}


def bind() -> Iterator[None]:
    """Show this folder to the lab's containers, where they put their roots together."""
    for name in (INIT, SCRATCH):
        with suppress(FileExistsError):
            os.mkdir(name, 0o755)
    for name in FOLDERS:
        with suppress(FileExistsError):
            os.mkdir(f"{INIT}/{name}", 0o755)
    for name, content in FILES.items():
        with suppress(FileExistsError), open(f"{INIT}/{name}", "x") as file:
            os.fchmod(file.fileno(), 0o644)
            file.write(content)
    bind_here(ROOT)
    yield None


def bind_volumes() -> Iterator[None]:
    """Show this folder, that of the volumes, in the one that is shown already."""
    with suppress(FileExistsError):
        os.mkdir(f"{ROOT}/{VOLUMES}", 0o755)
    bind_here(f"{ROOT}/{VOLUMES}")
    yield None


def bind_here(target: str) -> None:
    """Bind the working directory. Raises OSError."""
    if libc.mount(b".", target.encode(), None, ctypes.c_ulong(MS_BIND), None):
        raise OSError(errno := ctypes.get_errno(), os.strerror(errno), target)


def remove(names: Sequence[str]) -> Iterator[None]:
    """Remove trees: only the lab's root may, for their files belong to its ids."""
    for name in names:
        shutil.rmtree(name, ignore_errors=True)
    yield None


def unpack(blob: int, digest: str, diff_id: str, below: Sequence[str], name: str) -> Iterator[dict[str, object]]:
    """Unpack a layer, verified, above others, the lowest first; visible when it is whole."""
    os.mkdir(f".new-{name}", 0o755)
    with ExitStack() as opened:
        folders = [os.open(folder, os.O_RDONLY | os.O_DIRECTORY) for folder in (f".new-{name}", *reversed(below))]
        for fd in folders:
            opened.callback(os.close, fd)
        file = opened.enter_context(open(blob, "rb", closefd=False))
        content = Blob(file, Descriptor("", digest, os.fstat(blob).st_size), diff_id)
        found = extract(read_archive(content), folders[0], folders[1:])
        os.fsync(folders[0])
    os.rename(f".new-{name}", name)
    yield {"entries": found.entries, "size": found.bytes, "owners": found.owners}
