"""Version 1 of control groups: what its files are called, and how they are read. See cgroup-v1/ in the kernel."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from ..errors import BadInput
from .files import MAX, PERIOD, Setting, parse_flat, read_file, read_flat, read_number

V1_NAMES = {
    "memory.max": "memory.limit_in_bytes",
    "memory.swap.max": "memory.memsw.limit_in_bytes",
    "cpu.max": "cpu.cfs_quota_us",
    "cpu.weight": "cpu.shares",
    "pids.max": "pids.max",
    "io.max": "blkio.throttle.write_bps_device",
    "cpuset.cpus": "cpuset.cpus",
    "memory.current": "memory.usage_in_bytes",
    "memory.peak": "memory.max_usage_in_bytes",
    "memory.events": "memory.oom_control",
    "pids.current": "pids.current",
    "pids.peak": "pids.peak",
    "pids.events": "pids.events",
    "cpu.stat": "cpu.stat",
    "cgroup.procs": "cgroup.procs",
}
V1_CONTROLLER = {"io": "blkio"}
IO_KEYS = {"rbps": "read_bps", "wbps": "write_bps", "riops": "read_iops", "wiops": "write_iops"}
SWAPPED = ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes")  # no more of the first than of the second
FREEZER = "freezer.state"


def in_v1(setting: Setting) -> tuple[Setting, ...]:
    """What is written on version 1 instead. Raises BadInput for what version 1 has no file for."""
    file, value = setting
    if file == "cpu.max":
        quota, _, period = value.partition(" ")
        quota = "-1" if quota == MAX else quota
        return (Setting("cpu.cfs_period_us", period or str(PERIOD)), Setting("cpu.cfs_quota_us", quota))
    if file == "cpu.weight":
        return (Setting("cpu.shares", str(max(2, int(value) * 1024 // 100))),)
    if file == "io.max":
        device, *rates = value.split()
        pairs = (rate.split("=") for rate in rates)
        return tuple(
            Setting(f"blkio.throttle.{IO_KEYS[key]}_device", f"{device} {0 if rate == MAX else rate}")
            for key, rate in pairs
        )
    if file.startswith("memory."):
        value = "-1" if value == MAX else value
    if file not in V1_NAMES:
        raise BadInput(f"version 1 of control groups has no {file}", hint="machines with version 2 have it")
    return (Setting(V1_NAMES[file], value),)


# --------------------------------------------------------------------------------------------------------------- limits
def read_v1_number(folder: str, file: str) -> int | None:
    """A limit that is one number."""
    found = read_number(folder, V1_NAMES.get(file, file))
    if file == "memory.swap.max" and found is not None:  # version 1 counts memory and swap together
        return found - (read_v1_number(folder, "memory.max") or 0)
    return found


def read_v1_cores(folder: str, _: str) -> float | None:
    """A quota of processor time, in cores."""
    quota = int(read_file(folder, "cpu.cfs_quota_us"))
    return None if quota < 0 else quota / int(read_file(folder, "cpu.cfs_period_us"))


def read_v1_weight(folder: str, _: str) -> int:
    """A share of the processor, as version 2 counts it."""
    return round(int(read_file(folder, "cpu.shares")) * 100 / 1024)


def read_v1_text(folder: str, file: str) -> str | None:
    """A limit that is a list of processors."""
    return read_file(folder, file) or None


READERS_V1: Mapping[str, Callable[[str, str], Any]] = {
    "number": read_v1_number, "cores": read_v1_cores, "weight": read_v1_weight, "text": read_v1_text,
}  # fmt: skip


def read_v1_io_max(folder: str) -> dict[str, dict[str, int]]:
    """Bytes and operations a second, by disk: {"254:0": {"wbps": 1048576}}. Only what is limited."""
    found: dict[str, dict[str, int]] = {}
    for key, name in IO_KEYS.items():
        for disk, rate in parse_flat(read_file(folder, f"blkio.throttle.{name}_device")).items():
            found.setdefault(disk, {})[key] = rate
    return found


# ------------------------------------------------------------------------------------------------------------- counters
def count_v1_memory_events(folder: str) -> tuple[int, int, int]:
    """How often a group came above memory.high (there is none), to its limit, and to an OOM kill."""
    refused = (f"{folder}/memory.failcnt", f"{folder}/memory.memsw.failcnt")  # the second: with swap
    failed = sum(int(read_file(*os.path.split(path))) for path in refused if os.path.exists(path))
    return 0, failed, read_flat(folder, "memory.oom_control").get("oom_kill", 0)


def count_v1_io(folder: str) -> tuple[int, int]:
    """Bytes read from disks, and written."""
    with suppress(FileNotFoundError):
        lines = [line.split() for line in read_file(folder, "blkio.throttle.io_service_bytes").splitlines()]
        read_, wrote = (sum(int(line[2]) for line in lines if line[1:2] == [word]) for word in ("Read", "Write"))
        return read_, wrote
    return 0, 0
