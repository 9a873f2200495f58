"""What a control group uses, and which of its limits have acted."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass, field

from ..kernel import size
from .events import Events
from .files import parse_nested, read_file, read_flat, read_number
from .folders import GroupFolders
from .v1 import count_v1_io
from .v2 import count_v2_io

COUNTERS = {1: count_v1_io, 2: count_v2_io}
KERNEL_LOG = "/dev/kmsg"
KILLED = re.compile(r"oom-kill:.*task_memcg=(?P<group>[^,]*),task=(?P<task>[^,]*),pid=(?P<pid>\d+)")


@dataclass(frozen=True)
class Pressure:
    """How long tasks of the group had to wait for a resource. See psi.rst.

    `some` is the share of the last ten seconds, in percent, in which at least one task waited; `total` is seconds.
    """

    some: float
    total: float


@dataclass(frozen=True)
class Usage:
    """What the processes of a group use now, and have used: bytes, seconds, counts. None: the kernel does not count it.

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
def usage(group: GroupFolders) -> Usage:
    """As the kernel counts now."""
    memory, pids = group.counted_in("memory"), group.counted_in("pids")
    seconds, throttled = cpu_time(group)
    place = group.place_of("io")
    read_, wrote = (0, 0) if place is None else COUNTERS[place.tree.version](group.folder_in(place))
    return Usage(
        seconds,
        throttled,
        first_number(memory, "memory.current", "memory.usage_in_bytes"),
        first_number(memory, "memory.peak", "memory.max_usage_in_bytes"),
        read_number(pids, "pids.current"),
        read_number(pids, "pids.peak"),
        read_,
        wrote,
        _pressure(group.folders[0]),
        Events.of(group),
    )


def first_number(folder: str, *files: str) -> int | None:
    """The number in the first of these files that there is."""
    return next((found for file in files if (found := read_number(folder, file)) is not None), None)


def cpu_time(group: GroupFolders) -> tuple[float, float]:
    """Processor time used, and time throttled, in seconds. v1 counts the first in the tree of cpuacct."""
    stat = read_flat(group.counted_in("cpu") or group.folders[0], "cpu.stat")  # v2 counts it in any case
    throttled = stat.get("throttled_usec", stat.get("throttled_time", 0) // 1000) / 1e6
    account = next((folder for folder in group.folders if os.path.exists(f"{folder}/cpuacct.usage")), "")
    used = (read_number(account, "cpuacct.usage") or 0) / 1e9 if account else stat.get("usage_usec", 0) / 1e6
    return used, throttled


def _pressure(folder: str) -> dict[str, Pressure]:
    """Only version 2 counts it; a hybrid machine does so in its tree of version 2."""
    found = {}
    for name in ("cpu", "memory", "io"):
        with suppress(OSError):  # ENOTSUP where the kernel was started without
            some = parse_nested(read_file(folder, f"{name}.pressure"))["some"]
            found[name] = Pressure(float(some["avg10"]), int(some["total"]) / 1e6)
    return found


# ------------------------------------------------------------------------------------------------------------- reached
def reached(group: GroupFolders, victim: str = "") -> tuple[Reached, ...]:
    """Which limits have acted in a group so far. `victim` is the program that was killed, where it is known."""
    counted, found = Events.of(group), []  # a limit is read only when it has acted: most runs meet none
    if counted.oom_kill:
        memory = group.limit_of("memory.max", "number")
        value = size.spell_size(memory) if isinstance(memory, int) else "max"
        what = f"the kernel killed {victims(group, counted.oom_kill, victim)}"
        found.append(Reached("memory.max", value, counted.oom_kill, what))
    if counted.pids_max:
        what = f"{_times(counted.pids_max)} a new process was refused"
        found.append(Reached("pids.max", str(group.limit_of("pids.max", "number")), counted.pids_max, what))
    waited = cpu_time(group)[1] if counted.throttled else 0.0
    if waited >= 0.1:  # once or twice happens to everybody
        what = f"it had to wait {waited:.1f} s for its next period"
        found.append(Reached("cpu.max", f"{group.limit_of('cpu.max', 'cores')} cores", counted.throttled, what))
    return tuple(found)


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count:,} times")


def victims(group: GroupFolders, count: int, known: str) -> str:
    """The OOM victims: by name where the kernel's log may be read_file, else how many."""
    names = killed(group)
    if not names:
        return (known or "a process") if count == 1 else f"{count} processes"
    return ", ".join(names[-count:]) if len(names) <= 3 else f"{len(names)} processes, the last of them {names[-1]}"


def killed(group: GroupFolders) -> list[str]:
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
