"""Capture the packets of a network namespace of the lab, as tcpdump does."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable

from ..errors import NEW_LAB, BadInput, Gone
from ..interrupts import uninterrupted
from ..kernel.checks import check_count, check_each, check_kind, check_seconds, check_timeout
from ..kernel.descriptors import enough_descriptors
from ..kernel.sockets import ifreq
from ..runtime.process import CarriedProcess
from .pcap import Captured, write_pcap
from .ring import Ring, slot_size

MOST_MEMORY = 1 << 28  # bytes of all slots
DOUBLE = 50_000_000  # nanoseconds within which a frame passes all interfaces of a host


class Capture:
    """The packets that are seen from the start of a `with` block to its end. Made by `capture`.

    `packets` can be read during the block and after it. `dropped` counts the packets beyond `most`.
    """

    def __init__(self, process: CarriedProcess, interface: str | None, seconds: float | None, ring: tuple[int, int]):
        self.process, self.interface, self.seconds = process, interface, seconds
        self.most, self.size = ring
        self._seen: list[Captured] = []
        self._dropped = 0
        self._ring: Ring | None = None
        self._begun = 0  # nanoseconds of the clock by which packets are stamped

    @enough_descriptors()
    @uninterrupted(firm=True)
    def __enter__(self) -> Capture:
        if self._ring is not None:
            raise BadInput("this capture has begun already", hint="capture(...) makes another")
        self._seen, self._dropped, self._begun = [], 0, time.time_ns()
        self._ring = Ring(self.process, self.interface, self.most, self.size)
        return self

    @uninterrupted(firm=True)
    def __exit__(self, *_: object) -> None:
        self._read()
        if self._ring is not None:
            self._ring.close()
            self._ring = None

    @property
    def packets(self) -> tuple[Captured, ...]:
        """What was seen until now, in order."""
        self._read()
        return tuple(self._seen)

    @property
    def dropped(self) -> int:
        """How many packets came and were not kept."""
        self._read()
        return self._dropped

    @uninterrupted(firm=True)
    def _read(self) -> None:
        if self._ring is None:
            return
        for seen in self._ring.take():
            if self.seconds is not None and seen.time_ns > self._begun + self.seconds * 1e9:
                continue
            if len(self._seen) < self.most:
                self._seen.append(seen)
            else:
                self._dropped += 1
        self._dropped += self._ring.dropped()

    @enough_descriptors()
    @uninterrupted()
    def wait(self, count: int | None = None, timeout: float | None = None) -> tuple[Captured, ...]:
        """Wait until `count` packets were seen, `most` without it, or the time is over; return what was seen.

        The time is over after `timeout` seconds, and when the capture's own are. Raises Gone when the process ends.
        """
        wanted = self.most if count is None else check_count(count, "a number of packets", most=self.most)
        until = self._end_of_wait(check_timeout(timeout))
        while self._ring is not None and len(self.packets) < wanted:
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0:
                break
            self._await_packet(self._ring, left)
        return self.packets

    def _end_of_wait(self, timeout: float | None) -> float | None:
        """The earlier end of two times, by the clock that never steps."""
        lefts = [] if timeout is None else [timeout]
        if self.seconds is not None:
            lefts.append(self.seconds - (time.time_ns() - self._begun) / 1e9)
        return time.monotonic() + min(lefts) if lefts else None

    def _await_packet(self, ring: Ring, left: float | None) -> None:
        if not self.process.alive:
            raise self._gone()
        try:
            pidfd = os.pidfd_open(self.process.machine_pid)
        except ProcessLookupError:  # another thread has ended it: the next look says so
            return
        try:
            ended = ring.wait(pidfd, left)
        finally:
            os.close(pidfd)
        if ended and not self.process.alive:  # else it goes on in a child, behind a `pid` step
            raise self._gone()

    def _gone(self) -> Gone:
        hint = "`.packets` has what was seen" if self.process.world.alive else NEW_LAB
        return Gone(f"{self.process.name} has ended: there is nothing more to see", hint=hint)

    def write(self, file: str | os.PathLike[str]) -> None:
        """Write what was seen into a pcap file, for tcpdump -r or Wireshark."""
        write_pcap(file, self.packets)

    def __repr__(self) -> str:
        return f"Capture({len(self.packets)} packets, {self.dropped} dropped)"


def capture(
    process: CarriedProcess,
    interface: str | None = None,
    *,
    seconds: float | None = None,
    most: int = 1000,
    size: int = 1600,
) -> Capture:
    """Capture in the network namespace of `lab.host` or a container: `with capture(lab.host, "br0") as seen: ...`.

    It keeps the first `most` packets, and `size` bytes of each; with `seconds`, only those of so long. On loopback a
    packet is seen twice, out and in; without `interface`, at each interface that it passes: see `without_doubles`.
    """
    check_kind(process, CarriedProcess, "a process", hint="lab.host, or a container")
    if interface is not None:
        ifreq(interface)
    if seconds is not None:
        seconds = check_seconds(seconds, "the time of a capture")
    check_count(most, "a number of packets", most=1_000_000)
    check_count(size, "a number of bytes", least=64, most=1 << 17)
    if most * slot_size(size) > MOST_MEMORY:
        raise BadInput(
            f"{most} packets of {size} bytes take more than {MOST_MEMORY >> 20} MiB", hint="fewer, or smaller"
        )
    return Capture(process, interface, seconds, (most, size))


def without_doubles(packets: Iterable[Captured]) -> tuple[Captured, ...]:
    """Each frame where it was seen first: not again on its way through the other interfaces of a host, or loopback."""
    kept: list[Captured] = []
    places: dict[bytes, tuple[int, set[tuple[str, str]]]] = {}  # of each frame, since when, and where it was seen
    for seen in check_each(packets, Captured, "packets"):
        since, where = places.get(seen.packet.frame, (seen.time_ns - DOUBLE, set()))
        place = (seen.interface, seen.direction)
        if place in where or seen.time_ns - since >= DOUBLE:
            kept.append(seen)
            since, where = seen.time_ns, set()
        places[seen.packet.frame] = since, where | {place}
    return tuple(kept)
