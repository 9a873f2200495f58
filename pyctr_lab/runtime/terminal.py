"""A terminal for interactive use: the program gets the far end of a pseudo-terminal, ours is laid over the user's."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager

from .program import Program, Run

CHUNK = 1 << 14


def relay(program: Program, ours: int, stdin: int = 0, stdout: int = 1) -> Run:
    """Carries bytes between the user's terminal and the program's until it ends; returns what became of it.

    `ours` is the near end of the pseudo-terminal. What `stdin` says comes through unchanged, control characters
    included: they are signals only at the far end. A change of the window's size is passed on.
    """
    with raw(stdin), resized(stdin, ours):
        pidfd = os.pidfd_open(program.host_pid)
        poll = select.poll()
        for fd in (pidfd, ours, stdin):
            poll.register(fd, select.POLLIN)
        try:
            _carry(poll, pidfd, ours, stdin, stdout)
        finally:
            os.close(pidfd)
    return program.wait()


def _carry(poll: select.poll, pidfd: int, ours: int, stdin: int, stdout: int) -> None:
    while True:
        ready = {fd for fd, _ in poll.poll()}
        if ours in ready and not _copy(ours, stdout):
            poll.unregister(ours)
        if stdin in ready and not _copy(stdin, ours):
            poll.unregister(stdin)
        if pidfd in ready:
            os.set_blocking(ours, False)
            while _copy(ours, stdout):  # what it said last
                pass
            return


def _copy(source: int, target: int) -> bool:
    """One chunk. False at the end: a pseudo-terminal whose far end is closed says EIO."""
    try:
        data = os.read(source, CHUNK)
    except OSError:
        return False
    while data:
        data = data[os.write(target, data) :]
        if not data:
            return True
    return False


@contextmanager
def raw(fd: int) -> Iterator[None]:
    """The user's terminal passes every key on, and is put back at the end, whatever happens."""
    if not os.isatty(fd):
        yield
        return
    before = termios.tcgetattr(fd)
    tty.setraw(fd)
    try:
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


@contextmanager
def resized(user: int, ours: int) -> Iterator[None]:
    """The program's terminal is as large as the user's, also when that changes."""

    def pass_on(*_: object) -> None:
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
