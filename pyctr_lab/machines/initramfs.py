"""The guest's only root file system: busybox and its applets, modules of drivers, and the script `init`."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from ..errors import Unsupported
from . import cpio
from .guest_kernel import GuestKernel, depends

INIT = Path(__file__).with_name("init")
PLACES = "/bin:/usr/bin:/usr/local/bin:/sbin:/usr/sbin"
DIRECTORIES = ("bin", "sbin", "dev", "etc", "etc/dev", "lab", "lib", "mnt", "proc", "root", "run", "sys", "tmp", "usr")
MOUNTS = {"/dev": "devtmpfs", "/proc": "proc", "/sys": "sysfs", "/run": "tmpfs", "/lab": "tmpfs"}
STREAMS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}  # for /dev, after it is mounted


def make_initramfs(kernel: GuestKernel, tree: Path | None = None) -> bytes:
    """The archive for this kernel, with the content of the folder `tree`.

    Raises Unsupported without a statically linked busybox.
    """
    ours = list(entries(kernel, busybox()))
    known = {entry.name for entry in ours}
    return cpio.archive([*ours, *(entry for entry in below(tree) if entry.name not in known)] if tree else ours)


def below(tree: Path) -> Iterator[cpio.ArchiveEntry]:
    """The content of a folder: each folder before its content; symbolic links stay links."""
    for path in sorted(tree.rglob("*")):
        name = str(path.relative_to(tree))
        if path.is_symlink():
            yield cpio.symlink(name, str(path.readlink()))
        elif path.is_dir():
            yield cpio.directory(name)
        elif path.is_file():
            yield cpio.file(name, path.read_bytes(), executable=bool(path.stat().st_mode & 0o111))


def entries(kernel: GuestKernel, program: Path) -> Iterator[cpio.ArchiveEntry]:
    """The entries of the archive."""
    yield from map(cpio.directory, DIRECTORIES)
    yield cpio.character_device("dev/console", 5, 1)  # the kernel opens it for init, before /dev is mounted
    yield cpio.file("init", INIT.read_bytes(), executable=True)
    yield cpio.file("bin/busybox", program.read_bytes(), executable=True)
    yield from (cpio.symlink(f"bin/{name}", "busybox") for name in applets(program))
    yield from (cpio.symlink(f"usr/{name}", f"../{name}") for name in ("bin", "sbin"))
    yield cpio.file("etc/fstab", "".join(f"{kind} {place} {kind}\n" for place, kind in MOUNTS.items()).encode())
    yield from (cpio.symlink(f"etc/dev/{name}", target) for name, target in STREAMS.items())
    yield from drivers(kernel.tree.name, kernel.modules())


def drivers(release: str, modules: Mapping[str, bytes]) -> Iterator[cpio.ArchiveEntry]:
    """The modules in the folder of modprobe(8), their dependencies, and a list of names for init."""
    folder = f"lib/modules/{release}"
    yield from map(cpio.directory, ("lib/modules", folder))
    needs = ""
    for name, content in modules.items():
        yield cpio.file(f"{folder}/{name}.ko", content)
        its = [f"{needed}.ko" for needed in depends(content) if needed in modules]
        needs += f"{name}.ko: {' '.join(its)}\n"
    yield cpio.file(f"{folder}/modules.dep", needs.encode())
    yield cpio.file("etc/modules", "".join(f"{name}\n" for name in modules).encode())


def busybox() -> Path:
    """A statically linked busybox on this machine: the guest has no libraries."""
    found = shutil.which("busybox", path=PLACES)
    if not found or b"/ld-linux" in Path(found).read_bytes() or b"/ld-musl" in Path(found).read_bytes():
        raise Unsupported("a guest needs a busybox without libraries", hint="apt-get install busybox-static")
    return Path(found)


def applets(program: Path) -> list[str]:
    """The names of the commands in a busybox."""
    listed = subprocess.run([program, "--list"], capture_output=True, text=True, check=True, timeout=10)
    return [name for name in listed.stdout.split() if name != "busybox"]
