"""What became of the calls that the loop of machine code made, and when.

Read from the memory that it wrote to, as `spawner.py` returns it. For most starts it is never asked for.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from errno import EACCES
from functools import cached_property
from itertools import takewhile

from ...launcher.layout import LOOKED_PAST


class SpawnTrace:
    """A list of calls, as far as it was carried out; the first is the clone3 that the process came from.

    The last call is an execve. There may be several of it, one for each folder that the program was looked for in.
    """

    def __init__(self, clock: bytes, results: bytes, times: bytes, *written: bytes) -> None:
        """`times` is what a clock of its own said after each call; `clock` when it began, and how fast it goes."""
        self.began, ticks, nanoseconds, self.searched = struct.unpack("<4q", clock)
        self.tick = nanoseconds / max(1, ticks)
        self.results, self._times, self._written = words(results), words(times), written

    @cached_property
    def made(self) -> int:
        """How many calls came back: what stands behind them is of an earlier start."""
        return len(list(takewhile(lambda now: now > self.began, self._times)))

    @property
    def own(self) -> int:
        """How many calls there are before the execve."""
        return len(self.results) - int(self.searched)

    def lines(self) -> list[str]:
        """A line for each call that came back, as the launcher tells its own: result, errno, nanoseconds, buffers."""
        lines = list(self._lines())
        return lines[: self.own] + found(lines[self.own :], self.searched)

    def _lines(self) -> Iterator[str]:
        written: dict[int, list[str]] = {}
        for each in self._written:
            written.setdefault(int.from_bytes(each[:8], "little"), []).append(each[8:].hex())
        before = self.began
        for entry, now in enumerate(self._times[: self.made]):
            raw, took = self.results[entry], int((now - before) * self.tick)
            errno = -raw if -4096 < raw < 0 else 0
            yield " ".join([str(-1 if errno else raw), str(errno), str(max(0, took)), *written.get(entry, [])])
            before = now


def words(memory: bytes) -> tuple[int, ...]:
    """Machine words, with a sign."""
    return struct.unpack(f"<{len(memory) // 8}q", memory)


def found(lines: list[str], folders: int) -> list[str]:
    """What a search came to, as one line; none if it has become a program. See execvpe(3) for EACCES."""
    if not lines:
        return []
    errnos = [int(line.split(" ")[1]) for line in lines]
    if len(lines) < folders and errnos[-1] in LOOKED_PAST:
        return []
    errno = EACCES if EACCES in errnos and errnos[-1] in LOOKED_PAST else errnos[-1]
    return [f"-1 {errno} {sum(int(line.split(' ')[2]) for line in lines)}"]
