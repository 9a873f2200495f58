"""Version 2 of control groups: how its files are read. Source: the kernel's document cgroup-v2.rst."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from .files import MAX, parse_nested, parse_number, read_file, read_flat

FREEZE = "cgroup.freeze"


# --------------------------------------------------------------------------------------------------------------- limits
def read_v2_number(folder: str, file: str) -> int | None:
    """A limit that is one number; None for "max"."""
    return parse_number(read_file(folder, file))


def read_v2_cores(folder: str, file: str) -> float | None:
    """A quota of processor time, in cores."""
    quota, period = read_file(folder, file).split()
    return None if quota == MAX else int(quota) / int(period)


def read_v2_text(folder: str, file: str) -> str | None:
    """A limit that is a list of processors."""
    return read_file(folder, file) or None


READERS: Mapping[str, Callable[[str, str], Any]] = {
    "number": read_v2_number, "cores": read_v2_cores, "weight": read_v2_number, "text": read_v2_text,
}  # fmt: skip


def read_v2_io_max(folder: str) -> dict[str, dict[str, int]]:
    """Bytes and operations a second, by disk: {"254:0": {"wbps": 1048576}}. Only what is limited."""
    lines = parse_nested(read_file(folder, "io.max")).items()
    return {disk: {key: int(rate) for key, rate in pairs.items() if rate != MAX} for disk, pairs in lines}


# ------------------------------------------------------------------------------------------------------------- counters
def count_v2_memory_events(folder: str) -> tuple[int, int, int]:
    """How often a group came above memory.high, to memory.max, and to an OOM kill."""
    found = read_flat(folder, "memory.events")
    return found.get("high", 0), found.get("max", 0), found.get("oom_kill", 0)


def count_v2_io(folder: str) -> tuple[int, int]:
    """Bytes read from disks, and written."""
    with suppress(FileNotFoundError):
        disks = parse_nested(read_file(folder, "io.stat")).values()
        return sum(int(disk.get("rbytes", 0)) for disk in disks), sum(int(disk.get("wbytes", 0)) for disk in disks)
    return 0, 0
