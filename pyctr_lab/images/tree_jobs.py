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
from .descriptors import Descriptor
from .extract import Owners, extract
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


def unpack(
    blob: int, digest: str, diff_id: str, below: Sequence[tuple[str, Owners]], name: str
) -> Iterator[dict[str, object]]:
    """Unpack a layer, verified, above others with their owners, the lowest first; visible when it is on the disk."""
    fresh = f".new-{name}"
    shutil.rmtree(fresh, ignore_errors=True)  # of an unpacking that was killed
    os.mkdir(fresh, 0o755)
    with ExitStack() as opened:
        opened.callback(shutil.rmtree, fresh, ignore_errors=True)  # where this one fails
        names = [fresh, *(folder for folder, _ in reversed(below))]
        folders = [os.open(folder, os.O_RDONLY | os.O_DIRECTORY) for folder in names]
        for fd in folders:
            opened.callback(os.close, fd)
        file = opened.enter_context(open(blob, "rb", closefd=False))
        content = Blob(file, Descriptor("", digest, os.fstat(blob).st_size), diff_id)
        owners = [each for _, each in reversed(below)]
        found = extract(read_archive(content), folders[0], folders[1:], owners)
        sync_file_system(folders[0])
        os.rename(fresh, name)
    sync_folder(Path("."))
    yield {"entries": found.entries, "size": found.bytes, "owners": found.owners, "opaque": found.opaque}


def sync_file_system(fd: int) -> None:
    """Have all files of a tree survive a power cut: one call, not one for each file. See syncfs(2)."""
    if libc.syncfs(fd):
        raise OSError(errno := ctypes.get_errno(), os.strerror(errno))
