"""A terminal for interactive use: the program gets the far end of a pseudo-terminal, ours is laid over the user's."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EIO

from .program import Program, Run
from .streams import write_all

CHUNK = 1 << 14


def relay(program: Program, ours: int, stdin: int = 0, stdout: int = 1) -> Run:
    """Carries bytes between the user's terminal and the program's until it ends; returns what became of it.

    `ours` is the near end of the pseudo-terminal. What `stdin` says comes through unchanged, control characters
    included: they are signals only at the far end. Its end of file is one there, too. A change of the window's size
    is passed on.
    """
    user = next(filter(os.isatty, (stdin, stdout)), stdin)
    os.set_blocking(ours, False)
    with raw(stdin), resized(user, ours):
        pidfd = os.pidfd_open(program.machine_pid)
        try:
            Relay(pidfd, ours, stdin, stdout).carry()
        finally:
            os.close(pidfd)
    return program.wait()


class Relay:
    """Carries bytes in both directions. Neither waits for the other, or a program that talks back would hang."""

    def __init__(self, pidfd: int, ours: int, stdin: int, stdout: int) -> None:
        self.pidfd, self.ours, self.stdin, self.stdout = pidfd, ours, stdin, stdout
        self.typed = b""  # which the program's terminal has not taken yet
        self.middle_of_line = False
        self.sources = {ours, stdin}  # that have not ended

    def carry(self) -> None:
        """Until the program has ended."""
        while True:
            ready = self._ready()
            if ready.get(self.ours, 0) & ~select.POLLOUT and not self._show():
                self.sources.discard(self.ours)
            if ready.get(self.ours, 0) & select.POLLOUT:
                self._type()
            if self.stdin in ready:
                self._listen()
            if self.pidfd in ready:
                while self._show():  # what it said last
                    pass
                return

    def _ready(self) -> dict[int, int]:
        poll = select.poll()
        poll.register(self.pidfd, select.POLLIN)
        if self.ours in self.sources:
            poll.register(self.ours, select.POLLIN | (select.POLLOUT if self.typed else 0))
        if self.stdin in self.sources and not self.typed:
            poll.register(self.stdin, select.POLLIN)
        return dict(poll.poll())

    def _show(self) -> bool:
        """One chunk of what the program says. False at the end: a pseudo-terminal whose far end is closed says EIO."""
        try:
            data = os.read(self.ours, CHUNK)
        except OSError:
            return False
        try:
            write_all(self.stdout, data)
        except OSError as why:
            if why.errno != EIO:  # the user's terminal is gone: SIGHUP says so, and the program may go on without
                raise
        return bool(data)

    def _listen(self) -> None:
        """One chunk of what the user types. A terminal has no end of file, but a character for it."""
        try:
            self.typed = os.read(self.stdin, CHUNK)
        except OSError:  # the user's terminal is gone
            self.typed = b""
        if self.typed:
            self.middle_of_line = not self.typed.endswith((b"\n", b"\r"))
            return
        self.sources.discard(self.stdin)
        end = termios.tcgetattr(self.ours)[6][termios.VEOF]
        self.typed = end * 2 if self.middle_of_line else end  # the first ends a line that was begun

    def _type(self) -> None:
        with suppress(BlockingIOError):
            self.typed = self.typed[os.write(self.ours, self.typed) :]


@contextmanager
def raw(fd: int) -> Iterator[None]:
    """The user's terminal passes every key on, and is put back at the end, whatever happens."""
    if not os.isatty(fd):
        yield
        return
    before = termios.tcgetattr(fd)
    tty.setraw(fd, termios.TCSANOW)
    try:
        yield
    finally:
        with suppress(termios.error):  # it is gone
            termios.tcsetattr(fd, termios.TCSANOW, before)  # not drained first: the reader may have stopped


@contextmanager
def resized(user: int, ours: int) -> Iterator[None]:
    """The program's terminal is as large as the user's, also when that changes."""

    def pass_on(*_: object) -> None:
        with suppress(OSError):  # it is gone
            fcntl.ioctl(ours, termios.TIOCSWINSZ, fcntl.ioctl(user, termios.TIOCGWINSZ, bytes(8)))

    if not os.isatty(user):
        yield
        return
    pass_on()
    before = signal.signal(signal.SIGWINCH, pass_on)
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)
