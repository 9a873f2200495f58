"""Standard input, output and error of a program: passed as descriptors, fed and drained without a deadlock."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from typing import TypeAlias

from ..errors import BadInput
from ..kernel.calls import Call, dup3, ioctl, setsid
from ..kernel.constants import TIOCSCTTY
from ..kernel.spelling import Ref
from .carrier import milliseconds

Input: TypeAlias = str | bytes | int | None  # what to feed, or a descriptor, or nothing at all
CHUNK = 1 << 16
PAUSE = 0.25  # seconds between two looks at what nobody announces


class Streams:
    """The three descriptors that a program gets, and our ends of them.

    `theirs` is closed once the program has them. Output that has no descriptor of its own is collected. A `terminal`
    is a descriptor that becomes all three, and the program's controlling terminal.
    """

    def __init__(
        self,
        stdin: Input = None,
        stdout: int | None = None,
        stderr: int | None = None,
        terminal: int | None = None,
        *,
        collect: bool = True,
    ) -> None:
        self.theirs: dict[str, int] = {}
        self.collected: dict[str, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
        self._ours: dict[int, str] = {}  # descriptor -> what comes from it
        self._feed = memoryview(b"")
        self._stdin = -1
        self._kept: dict[str, int] = {}  # memory files of a program that nobody drains
        self.terminal = terminal is not None
        try:
            if terminal is not None:
                self.theirs = {name: os.dup(terminal) for name in ("stdin", "stdout", "stderr")}
                return
            self._open_input(stdin)
            for name, given in (("stdout", stdout), ("stderr", stderr)):
                self._open_output(name, given, collect)
        except BaseException:
            self.close()
            raise

    def _open_input(self, stdin: Input) -> None:
        if stdin is None:
            self.theirs["stdin"] = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        elif isinstance(stdin, int):
            self.theirs["stdin"] = os.dup(stdin)
        elif isinstance(stdin, str | bytes):
            self.theirs["stdin"], self._stdin = os.pipe()
            os.set_blocking(self._stdin, False)
            self._feed = memoryview(stdin.encode() if isinstance(stdin, str) else stdin)
        else:
            raise BadInput(f"stdin is text, bytes or a descriptor, not {type(stdin).__name__}")

    def _open_output(self, name: str, given: int | None, collect: bool) -> None:
        if given is not None:
            self.theirs[name] = os.dup(given)
        elif collect:
            ours, self.theirs[name] = os.pipe()
            os.set_blocking(ours, False)
            self._ours[ours] = name
        else:
            self._kept[name] = os.memfd_create(name, os.MFD_CLOEXEC)
            self.theirs[name] = os.dup(self._kept[name])

    def calls(self) -> list[Call]:
        """The calls with which a process makes these its own 0, 1 and 2."""
        lead = [setsid(), ioctl(Ref("stdin"), TIOCSCTTY, 0)] if self.terminal else []
        return [*lead, *(dup3(Ref(name), number) for number, name in enumerate(("stdin", "stdout", "stderr")))]

    def hand_over(self) -> None:
        """The program has its ends: ours of those are closed, or its end of file would never come."""
        for fd in self.theirs.values():
            os.close(fd)
        self.theirs = {}

    def pump(self, pidfd: int, timeout: float | None = None, meanwhile: Callable[[], None] | None = None) -> bool:
        """Feeds and collects until the process has ended; False when `timeout` seconds were over first.

        What a process left in the background keeps open is not waited for. `meanwhile` is called now and then.
        """
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            ready = self._ready(pidfd, until if meanwhile is None else next_look(until))
            if not ready and (meanwhile is None or (until is not None and time.monotonic() >= until)):
                return False
            if not ready and meanwhile is not None:
                meanwhile()
            for fd in ready - {pidfd}:
                self._write() if fd == self._stdin else self._read(fd)
            if pidfd in ready:
                self._finish()
                return True

    def _ready(self, pidfd: int, until: float | None) -> set[int]:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        for fd in self._ours:
            poll.register(fd, select.POLLIN)
        if self._stdin >= 0:
            poll.register(self._stdin, select.POLLOUT)
        return {fd for fd, _ in poll.poll(None if until is None else milliseconds(until - time.monotonic()))}

    def _write(self) -> None:
        try:
            self._feed = self._feed[os.write(self._stdin, self._feed[:CHUNK]) :] if self._feed else self._feed
        except BlockingIOError:
            return
        except BrokenPipeError:  # the program does not want to hear more
            self._feed = memoryview(b"")
        if not self._feed:
            os.close(self._stdin)
            self._stdin = -1

    def _read(self, fd: int) -> bool:
        try:
            data = os.read(fd, CHUNK)
        except BlockingIOError:
            return False
        self.collected[self._ours[fd]] += data
        if not data:
            del self._ours[fd]
            os.close(fd)
        return bool(data)

    def _finish(self) -> None:
        for fd in list(self._ours):
            while fd in self._ours and self._read(fd):
                pass

    def text(self, name: str) -> str:
        """What has been said so far on stdout or stderr."""
        if name in self._kept:
            size = os.fstat(self._kept[name]).st_size
            return os.pread(self._kept[name], size, 0).decode(errors="replace")
        return self.collected[name].decode(errors="replace")

    def close(self) -> None:
        """Closes all that is still ours; what was collected stays."""
        for name in list(self._kept):
            self.collected[name] = bytearray(self.text(name).encode())
            os.close(self._kept.pop(name))
        self.hand_over()
        for fd in [*self._ours, *([self._stdin] if self._stdin >= 0 else [])]:
            os.close(fd)
        self._ours, self._stdin = {}, -1


def next_look(until: float | None) -> float:
    """When to look again, by the monotonic clock; not later than `until`."""
    soon = time.monotonic() + PAUSE
    return soon if until is None else min(soon, until)
