"""Counters of a control group's limits, and waiting for the next event."""

from __future__ import annotations

import os
import select
import time
from dataclasses import dataclass, fields
from errno import EAGAIN, ENODEV

from ..errors import Gone
from .files import read_flat
from .folders import GroupFolders
from .v1 import count_v1_memory_events
from .v2 import count_v2_memory_events

COUNTERS = {1: count_v1_memory_events, 2: count_v2_memory_events}
LOOK = 0.002  # seconds between looks, where version 1 says that something is happening but not yet what
REFUSALS = 0.02  # seconds between looks at version 1's pids.events, whose readers the kernel does not wake


@dataclass(frozen=True)
class Events:
    """Counters that only grow, here and in groups below.

    `memory_max`: the group was at its limit, and memory had to be taken from it; `oom_kill`: processes killed because
    that was not enough; `pids_max`: forks refused; `throttled`: periods in which it had used up its time.
    """

    memory_max: int = 0
    memory_high: int = 0
    oom_kill: int = 0
    pids_max: int = 0
    throttled: int = 0

    @classmethod
    def of(cls, group: GroupFolders) -> Events:
        """As the kernel counts now. Raises Gone when the group is no more."""
        with group.present():
            return cls._counted(group)

    @classmethod
    def _counted(cls, group: GroupFolders) -> Events:
        place = group.place_of("memory")
        high, most, killed = (0, 0, 0) if place is None else COUNTERS[place.tree.version](group.folder_in(place))
        refused = read_flat(group.counted_in("pids"), "pids.events").get("max", 0)
        throttled = read_flat(group.counted_in("cpu"), "cpu.stat").get("nr_throttled", 0)
        return cls(most, high, killed, refused, throttled)

    def since(self, before: Events) -> Events:
        """What was counted in between."""
        return Events(*(getattr(self, each.name) - getattr(before, each.name) for each in fields(Events)))

    def __bool__(self) -> bool:
        return any(getattr(self, each.name) for each in fields(Events))


class Watch:
    """Waits until a limit of memory or of processes acts, or the last process ends. The kernel wakes it.

    Version 2 says so by the event files themselves (poll(2), POLLPRI), version 1 for memory by an eventfd; for
    refused forks version 1 has no event: its counter is read 50 times a second. What the CPU
    controller does is only counted, without an event. Use it in a `with` block.
    """

    def __init__(self, group: GroupFolders) -> None:
        self.group = group
        self.seen = Events.of(group)
        self._open: list[int] = []
        self._signalled = -1  # version 1's eventfd
        self._every: float | None = None
        self._poll: select.poll | None = select.poll()
        try:
            self._listen()
        except BaseException:
            self.close()
            raise

    def _listen(self) -> None:
        group = self.group
        place = group.groups.where.place("pids")
        self._every = REFUSALS if place is not None and place.tree.version == 1 else None
        memory, pids = (group.counted_in(name) for name in ("memory", "pids"))
        for path in {f"{memory}/memory.events", f"{pids}/pids.events", f"{group.folders[0]}/cgroup.events"}:
            if os.path.exists(path):
                self._register(os.open(path, os.O_RDONLY | os.O_CLOEXEC), select.POLLPRI)
        if memory and os.path.exists(f"{memory}/cgroup.event_control"):
            self._ask_v1(memory)
        for fd in self._open:
            self._hear(fd)

    def _register(self, fd: int, events: int) -> None:
        self._open.append(fd)
        assert self._poll
        self._poll.register(fd, events)

    def _ask_v1(self, folder: str) -> None:
        """See cgroup-v1/memory.rst, section 10: an eventfd, the file it is about, and what tells of it."""
        self._signalled = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._register(self._signalled, select.POLLIN)
        about = os.open(f"{folder}/memory.oom_control", os.O_RDONLY | os.O_CLOEXEC)
        with open(f"{folder}/cgroup.event_control", "w", encoding="ascii") as file:
            file.write(f"{self._signalled} {about}")
        os.close(about)

    def wait(self, timeout: float | None = None) -> Events:
        """Waits for the next event, and returns what was counted since the last; nothing when the time is up.

        The end of the last process wakes it too: then nothing need have been counted.
        """
        woken = self._woken(None if timeout is None else time.monotonic() + max(0.0, timeout))
        for fd, _ in woken:
            self._hear(fd)
        if any(fd == self._signalled for fd, _ in woken):
            self._settle(time.monotonic() + 0.1)
        now = Events.of(self.group)
        since, self.seen = now.since(self.seen), now
        return since

    def _woken(self, until: float | None) -> list[tuple[int, int]]:
        if self._poll is None:
            raise Gone("this watch is closed", hint="with group.watch() as watch: ...")
        while True:
            left = None if until is None else max(0.0, until - time.monotonic())
            slices = [each for each in (left, self._every) if each is not None]
            woken = self._poll.poll(min(slices) * 1000 if slices else None)
            if woken or left == 0 or self._refused():
                return woken

    def _refused(self) -> bool:
        return self._every is not None and Events.of(self.group).pids_max != self.seen.pids_max

    def _settle(self, until: float) -> None:
        """Version 1 tells of an out-of-memory before it has killed."""
        while not Events.of(self.group).since(self.seen).oom_kill and time.monotonic() < until:
            time.sleep(LOOK)

    def _hear(self, fd: int) -> None:
        try:
            os.read(fd, 8) if fd == self._signalled else os.pread(fd, 4096, 0)
        except OSError as why:
            if why.errno not in (EAGAIN, ENODEV):  # nothing new, or the group is gone: `Events.of` says so
                raise

    def close(self) -> None:
        """Listens no more. Twice is fine."""
        self._poll = None
        while self._open:
            os.close(self._open.pop())

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
