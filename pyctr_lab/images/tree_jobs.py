"""What the worker does, as root of a lab, in the folder of its unpacked layers.

000 001 ...  the layers, each a tree, by short names: all of an image's must fit into one page of mount options
init         what lies above the layers of each image: folders to mount on, and a few files of /etc
scratch      an empty folder, on which each container mounts a tmpfs of its own
uppers       folders that take the writes of containers instead, and their locks
volumes      where the folder of the volumes is bound
.new-*       trees that are not whole yet
"""

from __future__ import annotations

import ctypes
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from ..kernel.constants import CLONE_NEWNS, MS_BIND, MS_NODEV, MS_NOSUID, MS_PRIVATE, MS_RDONLY, MS_REC
from .archive import read_archive
from .compression import Blob
from .extract import Owners, Unpacked, extract
from .layout import sync_folder

ROOT, SCRATCH, INIT, UPPERS, VOLUMES = "/mnt", "scratch", "init", "uppers", "volumes"
libc = ctypes.CDLL(None, use_errno=True)
FOLDERS = ("dev", "proc", "sys", "etc")
FILES = {"etc/hosts": "127.0.0.1 localhost\n::1 localhost\n", "etc/hostname": "", "etc/resolv.conf": ""}


def bind_trees() -> Iterator[None]:
    """Show this folder to the lab's containers, where they put their roots together."""
    for name in (INIT, SCRATCH, UPPERS):
        with suppress(FileExistsError):
            os.mkdir(name, 0o755)
    for name in FOLDERS:
        with suppress(FileExistsError):
            os.mkdir(f"{INIT}/{name}", 0o755)
    for name, content in FILES.items():
        with suppress(FileExistsError), open(f"{INIT}/{name}", "x") as file:
            os.fchmod(file.fileno(), 0o644)
            file.write(content)
    mount_here(".", ROOT, None, MS_BIND)
    yield None


def bind_volumes() -> Iterator[None]:
    """Show this folder, that of the volumes, in the one that is shown already."""
    with suppress(FileExistsError):
        os.mkdir(f"{ROOT}/{VOLUMES}", 0o755)
    mount_here(".", f"{ROOT}/{VOLUMES}", None, MS_BIND)
    yield None


def mount_here(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    """mount(2), by this process."""
    words = [word.encode() if word else None for word in (source, target, kind, options)]
    if libc.mount(*words[:3], ctypes.c_ulong(flags), words[3]):
        raise OSError(errno := ctypes.get_errno(), os.strerror(errno), target)


def mount_layers(layers: Sequence[str]) -> int:
    """Show this process alone what a container of these layers sees, the topmost first; the open folder."""
    if libc.unshare(CLONE_NEWNS):
        raise OSError(errno := ctypes.get_errno(), os.strerror(errno))
    mount_here("none", "/", None, MS_REC | MS_PRIVATE)
    lower = ":".join([*layers, SCRATCH])  # an empty one: overlayfs wants two
    mount_here("overlay", ROOT, "overlay", MS_RDONLY | MS_NOSUID | MS_NODEV, f"userxattr,lowerdir={lower}")
    return os.open(ROOT, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def remove_trees(names: Sequence[str]) -> Iterator[None]:
    """Remove trees: only the lab's root may, for their files belong to its ids."""
    for name in names:
        shutil.rmtree(name, ignore_errors=True)
    yield None


def unpack(layers: Sequence[tuple[str, int | None, str, Owners, bool]]) -> Iterator[dict[str, object]]:
    """Unpack an image's layers, the lowest first, each verified by its diff_id; visible when all are on the disk.

    Of each: its name, its blob, its diff_id; of one that is unpacked, and has no blob, its owners, and if it is opaque.
    """
    below: list[tuple[str, Owners]] = []  # the highest first
    made: dict[str, Unpacked] = {}
    with ExitStack() as fresh:
        for name, blob, diff_id, owners, opaque in layers:
            if blob is not None:
                fresh.callback(shutil.rmtree, f".new-{name}", ignore_errors=True)  # where one fails
                made[name] = found = unpack_layer(f".new-{name}", blob, diff_id, below)
                name, owners, opaque = f".new-{name}", found.owners, found.opaque
            below = [(name, owners), *([] if opaque else below)]
        sync_file_system()
        for name in made:
            os.rename(f".new-{name}", name)
    sync_folder(Path("."))
    for name, found in made.items():
        yield {"name": name, "entries": found.entries, "size": found.bytes, "owners": found.owners,
               "opaque": found.opaque}  # fmt: skip


def unpack_layer(name: str, blob: int, diff_id: str, below: Sequence[tuple[str, Owners]]) -> Unpacked:
    """Unpack one layer into a new folder, above others with their owners, the highest first."""
    shutil.rmtree(name, ignore_errors=True)  # of an unpacking that was killed
    os.mkdir(name, 0o755)
    with ExitStack() as opened:
        folders = [os.open(folder, os.O_RDONLY | os.O_DIRECTORY) for folder in (name, *(lower for lower, _ in below))]
        for fd in folders:
            opened.callback(os.close, fd)
        file = opened.enter_context(open(blob, "rb", closefd=False))
        return extract(read_archive(Blob(file, None, diff_id)), folders[0], folders[1:], [each for _, each in below])


def sync_file_system() -> None:
    """Have all files survive a power cut: one call, not one for each file. See syncfs(2)."""
    folder = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        if libc.syncfs(folder):
            raise OSError(errno := ctypes.get_errno(), os.strerror(errno))
    finally:
        os.close(folder)
