"""What a control group uses, and which of its limits have acted."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..kernel import cgroup, size
from .events import Events, _flat, _folder

if TYPE_CHECKING:
    from .cgroup import Cgroup

KERNEL_LOG = "/dev/kmsg"
KILLED = re.compile(r"oom-kill:.*task_memcg=(?P<group>[^,]*),task=(?P<task>[^,]*),pid=(?P<pid>\d+)")


@dataclass(frozen=True)
class Pressure:
    """How long somebody in the group had to wait for a resource. See psi.rst.

    `some` is the share of the last ten seconds, in percent, in which at least one task waited; `total` is seconds.
    """

    some: float
    total: float


@dataclass(frozen=True)
class Usage:
    """What the processes of a group use now, and have used: bytes, seconds, counts. None: the kernel does not tell.

    `cpu` is processor time; `throttled` is time in which they had work, but their share of the period was used up.
    """

    cpu: float
    throttled: float
    memory: int | None
    memory_peak: int | None
    pids: int | None
    pids_peak: int | None
    io_read: int
    io_written: int
    pressure: dict[str, Pressure] = field(default_factory=dict)
    events: Events = field(default_factory=Events)

    def __repr__(self) -> str:
        return f"Usage({', '.join(f'{name}={value!r}' for name, value in vars(self).items() if value is not None)})"


@dataclass(frozen=True)
class Reached:
    """A limit that has acted: the file, its value, how often, and what the kernel did."""

    file: str
    value: str
    times: int
    what: str

    def __str__(self) -> str:
        return f"{self.file} {self.value}: {self.what}"

    def __repr__(self) -> str:
        return f"Reached({str(self)!r})"


# --------------------------------------------------------------------------------------------------------------- usage
def usage(group: Cgroup) -> Usage:
    """As the kernel counts now."""
    memory, pids, cpu = (_folder(group, name) for name in ("memory", "pids", "cpu"))
    seconds, throttled = _cpu(group, cpu)
    read, wrote = _io(group)
    return Usage(
        seconds,
        throttled,
        _one(memory, "memory.current", "memory.usage_in_bytes"),
        _one(memory, "memory.peak", "memory.max_usage_in_bytes"),
        _one(pids, "pids.current"),
        _one(pids, "pids.peak"),
        read,
        wrote,
        _pressure(group.folders[0]),
        Events.of(group),
    )


def _one(folder: str, *files: str) -> int | None:
    """The number in the first of these files that there is."""
    for file in files if folder else ():
        with suppress(FileNotFoundError):
            return cgroup.number(cgroup.read(folder, file))
    return None


def _cpu(group: Cgroup, folder: str) -> tuple[float, float]:
    stat = _flat(folder, "cpu.stat")
    throttled = stat.get("throttled_usec", stat.get("throttled_time", 0) // 1000) / 1e6
    account = next((f for f in group.folders if os.path.exists(f"{f}/cpuacct.usage")), "")
    used = (_one(account, "cpuacct.usage") or 0) / 1e9 if account else stat.get("usage_usec", 0) / 1e6
    if not account and not folder:  # version 2 counts it in any case
        used = _flat(group.folders[0], "cpu.stat").get("usage_usec", 0) / 1e6
    return used, throttled


def _io(group: Cgroup) -> tuple[int, int]:
    folder = _folder(group, "io")
    with suppress(FileNotFoundError, ValueError):
        disks = cgroup.nested(cgroup.read(folder, "io.stat")).values() if folder else ()
        return (sum(int(disk.get(key, 0)) for disk in disks) for key in ("rbytes", "wbytes"))  # type: ignore[return-value]
    with suppress(FileNotFoundError):
        lines = [line.split() for line in cgroup.read(folder, "blkio.throttle.io_service_bytes").splitlines()]
        return tuple(sum(int(line[2]) for line in lines if line[1:2] == [word]) for word in ("Read", "Write"))  # type: ignore[return-value]
    return 0, 0


def _pressure(folder: str) -> dict[str, Pressure]:
    """Only version 2 counts it; a hybrid machine does so in its tree of version 2."""
    found = {}
    for name in ("cpu", "memory", "io"):
        with suppress(OSError):  # ENOTSUP where the kernel was started without
            some = cgroup.nested(cgroup.read(folder, f"{name}.pressure"))["some"]
            found[name] = Pressure(float(some["avg10"]), int(some["total"]) / 1e6)
    return found


# ------------------------------------------------------------------------------------------------------------- reached
def reached(group: Cgroup, victim: str = "") -> tuple[Reached, ...]:
    """Which limits have acted in a group so far. `victim` is who is known to have been killed, if only one was."""
    counted, found = Events.of(group), []  # a limit is read only when it has acted: most runs meet none
    if counted.oom_kill:
        memory = group.memory_max
        value = size.shown(memory) if isinstance(memory, int) else "max"
        what = f"the kernel killed {victims(group, counted.oom_kill, victim)}"
        found.append(Reached("memory.max", value, counted.oom_kill, what))
    if counted.pids_max:
        what = f"{_times(counted.pids_max)} a new process was refused"
        found.append(Reached("pids.max", str(group.pids_max), counted.pids_max, what))
    waited = _throttled(group) if counted.throttled else 0.0
    if waited >= 0.1:  # once or twice happens to everybody
        what = f"it had to wait {waited:.1f} s for its next period"
        found.append(Reached("cpu.max", f"{group.cpu_max} cores", counted.throttled, what))
    return tuple(found)


def _throttled(group: Cgroup) -> float:
    return _cpu(group, _folder(group, "cpu"))[1]


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count:,} times")


def victims(group: Cgroup, count: int, known: str) -> str:
    """Who was killed: by name where the kernel's log may be read, else how many."""
    names = killed(group)
    if not names:
        return (known or "a process") if count == 1 else f"{count} processes"
    return ", ".join(names[-count:]) if len(names) <= 3 else f"{len(names)} processes, the last of them {names[-1]}"


def killed(group: Cgroup) -> list[str]:
    """The programs of this group that the kernel's log says were killed for memory; none where it may not be read."""
    tail = f"/{group.groups.name}/{group.path}"
    found = (KILLED.search(line) for line in kernel_log())
    return [match["task"] for match in found if match and (match["group"] + "/").partition(tail + "/")[1]]


def kernel_log() -> list[str]:
    """The records of the kernel's log that are still kept. Empty where it may not be read. See dmesg(1)."""
    try:
        fd = os.open(KERNEL_LOG, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return []
    lines = []
    try:
        while True:
            try:
                lines.append(os.read(fd, 8192).decode(errors="replace"))
            except BrokenPipeError:  # overwritten while we read: the next one is there
                continue
    except OSError:  # EAGAIN: that was the last
        return lines
    finally:
        os.close(fd)
