"""What somebody asks of a machine, checked before anything happens."""

from __future__ import annotations

import math
import os
import shutil
import stat
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..errors import BadInput, Unsupported
from ..kernel import size
from ..kernel.checks import check_path as path
from . import guest_kernel
from .guest_kernel import GuestKernel
from .hardware import QEMU

LEAST = "96M"  # Debian's kernel panics with less: it has nowhere to unpack itself and its first files
CPUS = 32
SECTOR = 512
INSTALL = {"x86_64": "qemu-system-x86", "aarch64": "qemu-system-arm"}


@dataclass(frozen=True)
class Demand:
    """A machine that can be had: `memory` in bytes, `disk` a file, `make` its size in bytes where it is to be made."""

    memory: int
    cpus: int
    disk: Path | None
    make: int | None
    kernel: GuestKernel | None
    accelerator: str | None
    timeout: float

    def open_disk(self) -> BinaryIO | None:
        """The disk, made if need be. Raises BadInput when it cannot be made or is no longer as it was."""
        if self.disk is None:
            return None
        if self.make is not None:
            make_disk(self.disk, self.make)
        try:
            return self.disk.open("r+b")
        except OSError as why:
            raise BadInput(f"the disk {self.disk} cannot be used: {why.strerror}") from None


def check(
    memory: int | str,
    cpus: int,
    disk: Path | str | None,
    disk_size: int | str | None,
    kernel: Path | str | None,
    accelerator: str | None,
    timeout: float,
) -> Demand:
    """Raises BadInput for what cannot be, Unsupported where there is no QEMU. Makes nothing: see `open_disk`."""
    if accelerator not in (None, "kvm", "tcg"):
        raise BadInput(f"{accelerator!r} is no accelerator", hint='"kvm" or "tcg"; leave it out, and it is found')
    check_seconds(timeout, "a guest")
    found = None if kernel is None else guest_kernel.given(Path(kernel))
    bytes_, count = check_memory(memory), check_cpus(cpus)
    place = None if disk is None and disk_size is None else check_disk(disk, disk_size)
    check_emulator()
    make = size.parse(disk_size) if place and disk_size is not None and not place.exists() else None
    return Demand(bytes_, count, place, make, found, accelerator, timeout)


def check_seconds(seconds: float, who: str) -> None:
    """A time that can be waited for. Raises BadInput."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < math.inf:
        raise BadInput(f"{who} cannot be given {seconds!r} seconds", hint="a number above 0")


def check_files(files: Path | str) -> Path:
    """A folder that is there. Raises BadInput."""
    if not Path(files).is_dir():
        raise BadInput(f"{files} is no folder, so a guest cannot have what is in it")
    return Path(files)


def check_memory(memory: int | str) -> int:
    """In bytes: between what Linux needs to start and what the host has."""
    asked = size.parse(memory, what="memory")
    if asked < size.parse(LEAST):
        unit = " bytes" if isinstance(memory, int) else ""
        raise BadInput(f"memory={memory!r}{unit} is too little for Linux to start in", hint=f'write "{LEAST}" or more')
    has = host_memory()
    if asked > has:
        raise BadInput(f"memory={memory!r} is more than this machine has", hint=f"it has {has >> 20}M")
    return asked


def host_memory() -> int:
    """Bytes of memory that the host has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def check_cpus(cpus: int) -> int:
    """A whole number from 1 on."""
    if isinstance(cpus, bool) or not isinstance(cpus, int) or not 1 <= cpus <= CPUS:
        raise BadInput(f"a machine cannot have {cpus!r} CPUs", hint=f"a whole number from 1 to {CPUS}")
    return cpus


def check_disk(disk: Path | str | None, disk_size: int | str | None) -> Path:
    """The file of a disk: one that is there and can be written, or with a size one that can be made."""
    if disk is None:
        raise BadInput("a disk needs a file to be kept in", hint='disk="disk.img"')
    place = Path(path(os.fspath(disk), "a disk"))
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
    """Whether a file can be made there."""
    if not os.access(place.parent, os.W_OK | os.X_OK):
        raise BadInput(f"the disk {place} cannot be made: its folder is not there, or not yours to write to")
    return place


def check_file(place: Path, there: os.stat_result, wanted: int | None) -> None:
    """Whether a file can be a disk: only a file, never a real disk of the host."""
    if not stat.S_ISREG(there.st_mode):
        kind = "a directory" if stat.S_ISDIR(there.st_mode) else "not a regular file"
        raise BadInput(f"the disk {place} is {kind}", hint="a disk is kept in a file")
    if not there.st_size or there.st_size % SECTOR:
        raise BadInput(f"the disk {place} has {there.st_size} bytes, no whole number of sectors of {SECTOR} bytes")
    if wanted is not None and wanted != there.st_size:
        raise BadInput(
            f"the disk {place} is there already, with {size.shown(there.st_size)}", hint="leave disk_size out"
        )
    if not os.access(place, os.R_OK | os.W_OK):
        raise BadInput(f"the disk {place} is not yours to read and write")


def make_disk(place: Path, wanted: int) -> None:
    """An empty disk: a file with a hole, which takes room only where something is written."""
    try:
        with place.open("xb") as file, ExitStack() as undo:
            undo.callback(place.unlink)
            file.truncate(wanted)
            undo.pop_all()
    except OSError as why:
        raise BadInput(f"the disk {place} cannot be made, of {size.shown(wanted)}: {why.strerror}") from None


def check_emulator() -> None:
    """Whether QEMU and a busybox for its guests are installed."""
    machine = os.uname().machine
    if machine not in QEMU:
        raise Unsupported(f"guests are made on x86-64 and arm64, and this is {machine}")
    if not shutil.which(QEMU[machine]):
        raise Unsupported("a virtual machine needs QEMU", hint=f"apt-get install {INSTALL[machine]} busybox-static")
