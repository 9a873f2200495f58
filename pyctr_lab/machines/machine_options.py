"""Options of a virtual machine, checked before any process or file is made."""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..errors import BadInput, Unsupported
from ..kernel import size
from ..kernel.checks import check_count, check_path, check_seconds
from . import guest_kernel
from .guest_kernel import GuestKernel
from .hardware import QEMU

LEAST = "96M"  # with less, Debian's kernel panics: no room to unpack itself and its initramfs
CPUS = 32
SECTOR = 512
INSTALL = {"x86_64": "qemu-system-x86", "aarch64": "qemu-system-arm"}


@dataclass(frozen=True)
class MachineOptions:
    """Checked options: `memory` in bytes, `disk` a file, `make` the size of a disk file that does not exist yet."""

    memory: int
    cpus: int
    disk: Path | None
    make: int | None
    kernel: GuestKernel | None
    accelerator: str | None
    timeout: float

    def open_disk(self) -> BinaryIO | None:
        """Open the disk file; make it first if needed. Raises BadInput if that fails."""
        if self.disk is None:
            return None
        if self.make is not None:
            make_disk(self.disk, self.make)
        try:
            return self.disk.open("r+b")
        except OSError as why:
            raise BadInput(f"the disk {self.disk} cannot be used: {why.strerror}") from None


def check_options(
    memory: int | str,
    cpus: int,
    disk: Path | str | None,
    disk_size: int | str | None,
    kernel: Path | str | None,
    accelerator: str | None,
    timeout: float,
) -> MachineOptions:
    """Check all options. Raises BadInput for a wrong one, Unsupported without QEMU. `open_disk` makes the disk."""
    if accelerator not in (None, "kvm", "tcg"):
        raise BadInput(f"{accelerator!r} is no accelerator", hint='"kvm" or "tcg"; by default the better one')
    check_seconds(timeout, "timeout")
    found = None if kernel is None else guest_kernel.named_kernel(Path(kernel))
    bytes_, count = check_memory(memory), check_count(cpus, "cpus", most=CPUS)
    place = None if disk is None and disk_size is None else check_disk(disk, disk_size)
    check_emulator()
    make = size.parse(disk_size) if place and disk_size is not None and not place.exists() else None
    return MachineOptions(bytes_, count, place, make, found, accelerator, timeout)


def check_files(files: Path | str) -> Path:
    """A folder to copy into the guest. Raises BadInput if there is none."""
    if not Path(files).is_dir():
        raise BadInput(f"{files} is no folder to copy into a guest")
    return Path(files)


def check_memory(memory: int | str) -> int:
    """Memory in bytes: at least what Linux needs to start, at most what the host has."""
    asked = size.parse(memory, what="memory")
    if asked < size.parse(LEAST):
        unit = " bytes" if isinstance(memory, int) else ""
        raise BadInput(f"memory={memory!r}{unit} is too little for Linux to start in", hint=f'write "{LEAST}" or more')
    has = host_memory()
    if asked > has:
        raise BadInput(f"memory={memory!r} is more than this machine has", hint=f"it has {has >> 20}M")
    return asked


def host_memory() -> int:
    """Bytes of memory of the host."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def check_disk(disk: Path | str | None, disk_size: int | str | None) -> Path:
    """The file of a disk: it exists and is writable, or a size is given and it can be made."""
    if disk is None:
        raise BadInput("a disk needs a file to be kept in", hint='disk="disk.img"')
    place = Path(check_path(os.fspath(disk), "a disk"))
    wanted = None if disk_size is None else size.parse(disk_size, what="disk_size")
    if wanted is not None and wanted % SECTOR:
        raise BadInput(f"a disk of {wanted} bytes is no whole number of sectors", hint=f"they have {SECTOR} bytes")
    try:
        there = place.stat()
    except FileNotFoundError:
        if wanted is None:
            raise BadInput(f"there is no disk {place}", hint='disk_size="64M" makes it') from None
        return check_folder(place)
    except OSError as why:
        raise BadInput(f"the disk {place} cannot be used: {why.strerror}") from None
    check_file(place, there, wanted)
    return place


def check_folder(place: Path) -> Path:
    """Raise BadInput unless a file can be made in the folder of `place`."""
    if not os.access(place.parent, os.W_OK | os.X_OK):
        raise BadInput(f"the disk {place} cannot be made: its folder does not exist, or you may not write there")
    return place


def check_file(place: Path, there: os.stat_result, wanted: int | None) -> None:
    """Raise BadInput unless a file can be a disk: a regular file, never a disk of the host."""
    if not stat.S_ISREG(there.st_mode):
        kind = "a directory" if stat.S_ISDIR(there.st_mode) else "not a regular file"
        raise BadInput(f"the disk {place} is {kind}", hint="a disk is kept in a file")
    if not there.st_size or there.st_size % SECTOR:
        raise BadInput(f"the disk {place} has {there.st_size} bytes, no whole number of sectors of {SECTOR} bytes")
    if wanted is not None and wanted != there.st_size:
        raise BadInput(
            f"the disk {place} is there already, with {size.spell_size(there.st_size)}", hint="leave disk_size out"
        )
    if not os.access(place, os.R_OK | os.W_OK):
        raise BadInput(f"the disk {place} may not be read and written by you")


def make_disk(place: Path, wanted: int) -> None:
    """Make an empty disk: a sparse file, which takes room only for blocks that are written."""
    try:
        with place.open("xb") as file, ExitStack() as undo:
            undo.callback(place.unlink)
            file.truncate(wanted)
            undo.pop_all()
    except OSError as why:
        raise BadInput(f"the disk {place} cannot be made, of {size.spell_size(wanted)}: {why.strerror}") from None


def check_emulator() -> None:
    """Raise Unsupported unless QEMU is installed."""
    machine = os.uname().machine
    if machine not in QEMU:
        raise Unsupported(f"guests are made on x86-64 and arm64, and this is {machine}")
    if not shutil.which(QEMU[machine]):
        raise Unsupported("a virtual machine needs QEMU", hint=f"apt-get install {INSTALL[machine]} busybox-static")
