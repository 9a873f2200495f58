"""What lesson 02 uses beside the lab: a disk without a name, and what /proc says of QEMU, of memory and processors."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ..kernel import proc
from ..machines import Machine

DISK = 8 << 20  # bytes


def disk_in_memory() -> Path:
    """An empty disk for a machine: a file without a name (memfd_create(2)), which goes with the notebook."""
    descriptor = os.memfd_create("disk")
    os.truncate(descriptor, DISK)
    return Path(f"/proc/{os.getpid()}/fd/{descriptor}")


def touched(machine: Machine) -> int:
    """Bytes that are there of the guest's memory: of the range that QEMU keeps for it, by smaps in proc(5)."""
    promised = machine.hardware.memory
    ranges = re.findall(r"^Size: +(\d+) kB.*?^Rss: +(\d+) kB", proc.text_of(machine.machine_pid, "smaps"), re.M | re.S)
    return max((int(there) << 10 for size, there in ranges if int(size) << 10 == promised), default=0)


def mebibytes_of(meminfo: str) -> float:
    """MemTotal of a /proc/meminfo, in MiB."""
    return int(_fields(meminfo, "MemTotal")[0].split()[0]) / 1024


def named_processor(cpuinfo: str) -> str:
    """What a /proc/cpuinfo calls the processor: by its name on x86, by its maker's number on arm64."""
    return next(iter(_fields(cpuinfo, "model name") or _fields(cpuinfo, "CPU implementer")), "unknown")


def of_a_hypervisor(cpuinfo: str) -> str:
    """Whether a /proc/cpuinfo has the flag `hypervisor`: "yes", "no", or "unknown" on processors that have no flags."""
    flags = _fields(cpuinfo, "flags")
    return "unknown" if not flags else "yes" if "hypervisor" in flags[0].split() else "no"


def said_of_virtual(log: str) -> list[str]:
    """The lines of a kernel's log which say that the computer is a virtual one, without their times."""
    lines = (line.partition("] ")[2] or line for line in log.splitlines())
    return [line for line in lines if re.search(r"\b(virtuali[sz]|hypervisor|KVM|dummy-virt)", line, re.IGNORECASE)]


def _fields(text: str, name: str) -> list[str]:
    """The values of all lines `name: value`."""
    return [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith(name)]
