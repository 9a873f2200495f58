"""Diagnoses of what is installed and how much room there is: programs, interpreter, devices, memory, disk."""

from __future__ import annotations

import os
from pathlib import Path

from ..syllabus import NUMBERS, QEMU, lessons_with
from .diagnosis import Diagnosis, fine
from .machine import ExaminedMachine

FILES = 1024

#: Debian's package of each program. Which lessons use one, the list of lessons says.
PACKAGES = {
    "ps": "procps",
    "ip": "iproute2",
    "hostname": "hostname",
    "mount": "mount",
    "unshare": "util-linux",
    "setpriv": "util-linux",
    "strace": "strace",
    QEMU: "qemu-system-arm" if QEMU.endswith("aarch64") else "qemu-system-x86",
    "busybox": "busybox-static",
}


def programs(machine: ExaminedMachine) -> list[Diagnosis]:
    """Programs that lessons start, by the package that has them."""
    places = ("/usr/sbin", "/sbin")
    gone = [
        name for name in PACKAGES if not machine.which(name) and not any(machine.has(f"{p}/{name}") for p in places)
    ]
    if not gone:
        return fine("programs", ", ".join(PACKAGES))
    packages = " ".join(sorted({PACKAGES[name] for name in gone}))
    blocks = tuple(sorted({lesson for name in gone for lesson in lessons_with(program=name)}))
    state = "missing" if blocks else "limited"
    return [Diagnosis("programs", state, f"not there: {', '.join(gone)}", blocks, machine.install(packages))]


def interpreter(machine: ExaminedMachine) -> list[Diagnosis]:
    """Root's lab lets root go; an interpreter in root's own home cannot be read from then on."""
    if machine.uid != 0:
        return fine("interpreter", "yours, and readable")
    name, place = Path(machine.python), Path(os.path.realpath(machine.python))
    way = (*name.parents, *place.parents)
    closed = [str(folder) for folder in way if machine.has(str(folder)) and not _open_to_all(machine, folder)]
    if not closed:
        return fine("interpreter", "readable by everyone")
    why = f"{min(closed, key=len)} is closed to others: a lab of root's cannot start {name.name} from there"
    return [Diagnosis("interpreter", "limited", f"{why}; programs use /usr/bin/python3")]


def _open_to_all(machine: ExaminedMachine, folder: Path) -> bool:
    return bool((machine.root / str(folder).lstrip("/")).stat().st_mode & 0o001)


def starts(machine: ExaminedMachine) -> list[Diagnosis]:
    """Whether a container starts, by a loop of machine code or more slowly by a Python child: found by trying."""
    if machine.system != "linux":
        return []
    if machine.start.refused:
        return [Diagnosis("starts", "missing", f"tried, and no container starts: {machine.start.refused}", NUMBERS)]
    if machine.start.slow:
        why = f"tried: twice as slow as they could be, but otherwise the same: {machine.start.slow}"
        return [Diagnosis("starts", "limited", why)]
    return fine("starts", "tried: as quick as they can be")


def open_file_limit(machine: ExaminedMachine) -> list[Diagnosis]:
    """Descriptors: each running program of a lab takes a few, and Jupyter about a hundred."""
    soft, hard = machine.open_files()
    if soft >= FILES:
        return fine("open files", f"up to {soft} in each process")
    why = f"up to {soft} in each process: {FILES} are enough for any lesson"
    fix = f"ulimit -n {FILES}" if hard >= FILES else machine.sudo(f"prlimit --pid $$ --nofile={FILES}")
    return [Diagnosis("open files", "limited", why, (), f"{fix}   # in the shell in which you start ./lab then")]


def kvm(machine: ExaminedMachine) -> list[Diagnosis]:
    """Hardware help for virtual machines: the lesson finds out by booting one, and does without where there is none."""
    lesson = f"lesson {', '.join(lessons_with(need='kvm'))}"
    if not machine.has("/dev/kvm"):
        return [Diagnosis("/dev/kvm", "limited", f"not there: {lesson} emulates in software, many times slower")]
    device = machine.root / "dev/kvm"
    if machine.uid == 0 and device.stat().st_mode & 0o006 != 0o006:
        return [
            Diagnosis("/dev/kvm", "limited", f"a lab of root's is not root outside: {lesson} emulates, more slowly")
        ]
    if not os.access(device, os.R_OK | os.W_OK):
        named = machine.user != str(machine.uid)  # without a passwd entry no group has it as a member
        command = machine.sudo(f"usermod --append --groups kvm {machine.user}")
        fix = f"{command}   # and log in again" if named else ""
        return [Diagnosis("/dev/kvm", "limited", f"not yours to use: {lesson} emulates, many times slower", fix=fix)]
    return fine("/dev/kvm", f"there; {lesson} finds out whether a guest really starts")


def memory(machine: ExaminedMachine) -> list[Diagnosis]:
    """Room in memory for a notebook and a few containers."""
    lines = dict(line.partition(":")[::2] for line in machine.read("/proc/meminfo").splitlines())
    words = lines.get("MemAvailable", "").split()
    if not words:
        return [Diagnosis("memory", "limited", "/proc/meminfo does not say how much is free")]
    mebibytes = int(words[0]) // 1024
    if mebibytes < 700:
        return [
            Diagnosis("memory", "limited", f"{mebibytes} MiB free; 700 are needed", (), "ps aux --sort=-rss | head")
        ]
    return fine("memory", f"{mebibytes / 1024:.1f} GiB free")


def disk(machine: ExaminedMachine) -> list[Diagnosis]:
    """Room on disk for the environment and the learner's copies."""
    try:
        gibibytes = machine.free_bytes() / 2**30
    except (OSError, RuntimeError) as why:  # a home that is not there, or nowhere
        return [Diagnosis("disk", "limited", f"your home folder cannot be looked at: {why}", (), "set HOME")]
    if gibibytes < 1:
        return [
            Diagnosis("disk", "limited", f"{gibibytes:.1f} GiB free in the home folder; 1 is needed", (), "du -xhd1 ~")
        ]
    return fine("disk", f"{gibibytes:.0f} GiB free")
