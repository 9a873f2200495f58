"""What a program says: kept up to a bound, and read in time, so that the program never waits for us."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable

CHUNK = 1 << 16
HALF = 32 << 20  # bytes: so much is kept of the beginning, and so much of the end


class Output:
    """All that came up to 64 MiB; of more, the first and the last 32 MiB, with a line between them that says so."""

    def __init__(self) -> None:
        self._head, self._tail = bytearray(), bytearray()
        self._cut = 0

    def add(self, data: bytes) -> None:
        """What came next."""
        room = HALF - len(self._head)
        self._head += data[:room]
        self._tail += data[room:] if room else data
        if len(self._tail) >= 2 * HALF:
            self._cut += len(self._tail) - HALF
            del self._tail[:-HALF]

    @property
    def text(self) -> str:
        """As text; what is no UTF-8 is replaced."""
        over = max(0, len(self._tail) - HALF)
        cut = self._cut + over
        said = f"\n[{cut} bytes cut here: {2 * HALF >> 20} MiB of an output are kept]\n".encode() if cut else b""
        return b"".join([self._head, said, memoryview(self._tail)[over:]]).decode(errors="replace")


class Drain:
    """A thread that reads pipes as soon as they are readable. Other threads may read them too."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._read: dict[int, Callable[[int], object]] = {}
        self._pid = os.getpid()
        threading.Thread(target=self._work, name="drain", daemon=True).start()

    def add(self, fd: int, read: Callable[[int], object]) -> None:
        """Have `read(fd)` called whenever there is something to read. It must not block."""
        self._read[fd] = read
        self._epoll.register(fd, select.EPOLLIN)

    def remove(self, fd: int) -> None:
        """Before the descriptor is closed. In a forked child, which has no such thread, nothing happens."""
        if self._read.pop(fd, None) and self._pid == os.getpid():
            self._epoll.unregister(fd)

    def _work(self) -> None:
        while True:
            for fd, _ in self._epoll.poll():
                if read := self._read.get(fd):
                    read(fd)


_drain: Drain | None = None
_making = threading.Lock()


def drain() -> Drain:
    """The thread of this process, made when the first program needs it."""
    global _drain
    with _making:
        if _drain is None or _drain._pid != os.getpid():
            _drain = Drain()
        return _drain
