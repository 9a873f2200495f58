"""The host's end of the guest's ports: commands go in on one, and what they say comes out on two others.

The guest's end is our init, which also describes what goes over them.
"""

from __future__ import annotations

import base64
import os
import secrets
import select
import shlex
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..errors import BadInput
from ..runtime.carrier import milliseconds

CHUNK = 1 << 16
LONGEST = 100_000  # bytes of a command: the guest's shell reads its line byte by byte
AGAIN = 0.5  # seconds between two attempts to end a command: it may not have begun when the first comes


@dataclass
class Asked:
    """A command on its way. `status` is the guest's shell's, `signal` the number of what ended it, or 0."""

    number: int
    token: str
    command: str
    said: dict[str, bytearray] = field(default_factory=lambda: {"out": bytearray(), "err": bytearray()})
    ended: dict[str, bool] = field(default_factory=lambda: {"out": False, "err": False})
    status: int | None = None
    signal: int = 0

    @property
    def done(self) -> bool:
        """Whether all has been said."""
        return self.status is not None and all(self.ended.values())

    @property
    def returncode(self) -> int:
        """As subprocess has it: negative for a signal."""
        return -self.signal or self.status or 0

    def hear(self, name: str, data: bytes) -> None:
        """What came from a port. Behind the token only a process left in the background may still speak."""
        if self.ended[name]:
            return
        said, token = self.said[name], self.token.encode()
        start = max(0, len(said) - len(token))
        said += data
        found = said.find(token, start)
        if found >= 0:
            del said[found:]
            self.ended[name] = True


class Ports:
    """The ports of one guest. Every call raises ConnectionError once the machine has ended."""

    def __init__(self, sockets: Mapping[str, socket.socket]) -> None:
        self._sockets = dict(sockets)
        self._line = bytearray()
        self._asked = 0

    def answered(self, timeout: float) -> bool:
        """Whether the guest has said its first word; waits `timeout` seconds for it."""
        return bool(self._lines(timeout))

    def ask(self, argv: Sequence[str]) -> Asked:
        """A command for the guest, not yet begun."""
        self._asked += 1
        return Asked(self._asked, secrets.token_hex(16), encoded(argv))

    def begin(self, asked: Asked) -> None:
        """Has the guest begin it."""
        self._forget_what_was_left()
        self._send(f"run {asked.number} {asked.token} {asked.command}")

    def wait(self, asked: Asked, until: float | None) -> bool:
        """Collects what a command says until it has ended; False when it is `until` (monotonic clock) first."""
        while not asked.done:
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0:
                return False
            for name in self._readable(left):
                self._hear(asked, name)
        return True

    def end(self, asked: Asked, patience: float) -> bool:
        """Ends a command and all of its session; False if it is still there after `patience` seconds."""
        until = time.monotonic() + patience
        while time.monotonic() < until:
            self._send(f"kill {asked.number}")
            if self.wait(asked, min(until, time.monotonic() + AGAIN)):
                return True
        return False

    def power_off(self) -> None:
        """Asks the guest to switch itself off."""
        self._send("off")

    def _hear(self, asked: Asked, name: str) -> None:
        if name != "ask":
            asked.hear(name, self._read(name))
            return
        for line in self._lines(0):
            number, *found = map(int, line.split())
            if number == asked.number:
                asked.status, asked.signal = found

    def _lines(self, timeout: float) -> list[str]:
        if not self._readable(timeout, "ask"):
            return []
        self._line += self._read("ask")
        *lines, rest = self._line.split(b"\n")
        self._line = bytearray(rest)
        return [line.decode("ascii", "replace") for line in lines]

    def _forget_what_was_left(self) -> None:
        for name in self._readable(0, "out", "err"):
            self._read(name)

    def _send(self, line: str) -> None:
        try:
            self._sockets["ask"].sendall(line.encode() + b"\n")
        except OSError as why:  # EBADF too: another thread has hung up
            raise ConnectionResetError("the machine has ended") from why

    def _read(self, name: str) -> bytes:
        try:
            data = self._sockets[name].recv(CHUNK)
        except OSError:
            data = b""
        if not data:
            raise ConnectionResetError("the machine has ended")
        return data

    def _readable(self, timeout: float | None, *names: str) -> list[str]:
        numbers = {self._sockets[name].fileno(): name for name in names or self._sockets}
        if -1 in numbers:
            raise ConnectionResetError("the machine has ended")
        poll = select.poll()
        for fd in numbers:
            poll.register(fd, select.POLLIN)
        return [numbers[fd] for fd, _ in poll.poll(None if timeout is None else milliseconds(timeout))]


def encoded(argv: Sequence[str]) -> str:
    """A command as the guest's shell reads it, in base64: it may hold any character but NUL."""
    line = os.fsencode(shlex.join(argv))
    if b"\0" in line:
        raise BadInput("a word of a command cannot hold a NUL character")
    if len(line) > LONGEST:
        raise BadInput(f"this command has {len(line)} bytes; a guest takes {LONGEST}")
    return base64.b64encode(line).decode()
