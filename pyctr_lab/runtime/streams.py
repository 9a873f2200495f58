"""Standard input, output and error of a program: passed as descriptors, fed and drained without a deadlock."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable
from errno import EBADF, EIO, EPIPE
from typing import TypeAlias

from ..errors import BadInput
from ..interrupts import waiting
from ..kernel.arguments import Ref
from ..kernel.calls import Call, dup3, ioctl, setsid
from ..kernel.checks import short_repr
from ..kernel.constants import TIOCSCTTY
from ..kernel.descriptors import open_standard_streams
from .carrier import polled
from .output import CHUNK, Output, drain

Input: TypeAlias = str | bytes | int | None  # what to feed, or a descriptor, or nothing at all
PIPE = 1 << 20  # bytes that a pipe holds at most, see pipe(7)
PAUSE = 0.25  # seconds between two looks at what no event announces


class Streams:
    """The three descriptors that a program gets, and our ends of them.

    `theirs` is closed once the program has them. Output without a descriptor of its own is kept: with `collect` it is
    read by the caller that waits for the program, else by a thread. A `terminal` becomes all three, and the program's
    controlling terminal. An output that is a terminal is not passed on: we copy to it, for a program that had it could
    read what the user types.
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
        open_standard_streams()  # else a pipe of ours would be some program's standard input
        self.theirs: dict[str, int] = {}
        self.kept = {"stdout": Output(), "stderr": Output()}
        self._ours: dict[int, str] = {}  # descriptor -> what comes from it
        self._copied: dict[int, int] = {}  # descriptor -> the terminal to which its output is copied
        self._reading = threading.Lock()
        self._feed = memoryview(b"")
        self._stdin = -1
        self._drained = not collect
        self.terminal = terminal is not None
        try:
            if terminal is not None:
                self.theirs = {name: os.dup(terminal) for name in ("stdin", "stdout", "stderr")}
                return
            self._open_input(stdin)
            for name, given in (("stdout", stdout), ("stderr", stderr)):
                self._open_output(name, given)
        except BaseException:
            self.close()
            raise

    def _open_input(self, stdin: Input) -> None:
        if stdin is None:
            self.theirs["stdin"] = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        elif isinstance(stdin, int) and not isinstance(stdin, bool):
            self.theirs["stdin"] = copy_of(stdin)
        elif isinstance(stdin, str | bytes):
            self._feed = memoryview(encoded(stdin) if isinstance(stdin, str) else stdin)
            self.theirs["stdin"], self._stdin = open_pipe()
            os.set_blocking(self._stdin, False)
        else:
            raise BadInput(f"stdin is text, bytes or a descriptor, not {type(stdin).__name__}")

    def _open_output(self, name: str, given: int | None) -> None:
        if given is not None and not os.isatty(given):
            self.theirs[name] = os.dup(given)
            return
        ours, self.theirs[name] = open_pipe()
        os.set_blocking(ours, False)
        self._ours[ours] = name
        if given is not None:
            self._copied[ours] = given
        elif self._drained:
            drain().add(ours, self._read)

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
        for fd in list(self._ours):
            poll.register(fd, select.POLLIN)
        if self._stdin >= 0:
            poll.register(self._stdin, select.POLLOUT)
        with waiting():
            return {fd for fd, _ in polled(poll, until)}

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
        """One chunk; False when there is nothing to read now. The thread that drains may have been here first."""
        with self._reading:
            if fd not in self._ours:
                return False
            try:
                data = os.read(fd, CHUNK)
            except BlockingIOError:
                return False
            if not data:
                self._close_ours(fd)
            elif fd in self._copied:
                write_all(self._copied[fd], data)
            else:
                self.kept[self._ours[fd]].add(data)
            return bool(data)

    def _close_ours(self, fd: int) -> None:
        del self._ours[fd]
        if self._drained:
            drain().remove(fd)
        os.close(fd)

    def _finish(self) -> None:
        """Read what the pipes hold now, and no more: a background process may write without end."""
        for fd in list(self._ours):
            for _ in range(PIPE // CHUNK):
                if not self._read(fd):
                    break

    def text(self, name: str) -> str:
        """What has been said so far on stdout or stderr, up to a bound: see `Output`."""
        if self._drained:
            self._finish()
        return self.kept[name].text

    def close(self) -> None:
        """Closes all that is still ours; what was kept stays."""
        self.hand_over()
        with self._reading:
            for fd in list(self._ours):
                self._close_ours(fd)
        if self._stdin >= 0:
            os.close(self._stdin)
        self._stdin = -1


def open_pipe() -> tuple[int, int]:
    """A pipe that any user may open again by the name /dev/stdout: a container's root is another user than we are."""
    ours, theirs = os.pipe()
    os.fchmod(ours, 0o666)
    return ours, theirs


def copy_of(fd: int) -> int:
    """A copy of a descriptor. Raises BadInput where there is none."""
    try:
        return os.dup(fd)
    except (OSError, OverflowError) as why:
        if isinstance(why, OSError) and why.errno != EBADF:
            raise
        raise BadInput(f"stdin cannot be {short_repr(fd)}: no descriptor of this process has that number") from None


def encoded(text: str) -> bytes:
    """Text as UTF-8; a byte that was no UTF-8 when it was read is that byte again. See PEP 383."""
    try:
        return text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        raise BadInput(f"stdin must not contain half a surrogate pair: {short_repr(text)}") from None


def write_all(fd: int, data: bytes) -> None:
    """All of it: a terminal that is full is waited for. Raises BrokenPipeError when it is gone."""
    while data:
        try:
            data = data[os.write(fd, data) :]
        except BlockingIOError:
            poll = select.poll()
            poll.register(fd, select.POLLOUT)
            with waiting():
                poll.poll()
        except OSError as why:
            if why.errno != EIO:
                raise
            raise BrokenPipeError(EPIPE, "the terminal is gone") from None


def next_look(until: float | None) -> float:
    """When to look again, by the monotonic clock; not later than `until`."""
    soon = time.monotonic() + PAUSE
    return soon if until is None else min(soon, until)
