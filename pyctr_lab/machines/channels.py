"""The host's end of the guest's channels (virtio serial ports): commands go in on one, output comes on two others.

The guest's end is the script `init`, which also describes the messages.
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
LONGEST = 100_000  # bytes of a command: the guest's shell reads a line byte by byte
AGAIN = 0.5  # seconds between two attempts to kill a command: it may not have started at the first


@dataclass
class GuestCommand:
    """A command for the guest. `status` is its exit status in the guest's shell, `signal` its last signal or 0."""

    number: int
    token: str
    command: str
    output: dict[str, bytearray] = field(default_factory=lambda: {"out": bytearray(), "err": bytearray()})
    ended: dict[str, bool] = field(default_factory=lambda: {"out": False, "err": False})
    status: int | None = None
    signal: int = 0

    @property
    def done(self) -> bool:
        """Whether the status and all output have arrived."""
        return self.status is not None and all(self.ended.values())

    @property
    def returncode(self) -> int:
        """The exit status; negative for a signal, as in subprocess."""
        return -self.signal or self.status or 0

    def receive(self, name: str, data: bytes) -> None:
        """Add output of a channel. The token ends it: later output is of a process left in the background."""
        if self.ended[name]:
            return
        output, token = self.output[name], self.token.encode()
        start = max(0, len(output) - len(token))
        output += data
        found = output.find(token, start)
        if found >= 0:
            del output[found:]
            self.ended[name] = True


class Channels:
    """The channels of one guest. Every method raises ConnectionError once the machine has ended."""

    def __init__(self, sockets: Mapping[str, socket.socket]) -> None:
        self._sockets = dict(sockets)
        self._line = bytearray()
        self._count = 0

    def answered(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for the guest's first message; return whether it came."""
        return bool(self._lines(timeout))

    def command(self, argv: Sequence[str]) -> GuestCommand:
        """A command for the guest, not yet sent."""
        self._count += 1
        return GuestCommand(self._count, secrets.token_hex(16), encode_command(argv))

    def begin(self, sent: GuestCommand) -> None:
        """Send a command to the guest, which starts it."""
        self._discard_late_output()
        self._send(f"run {sent.number} {sent.token} {sent.command}")

    def wait(self, sent: GuestCommand, until: float | None) -> bool:
        """Collect output until a command has ended; False if `until` (monotonic clock) comes first."""
        while not sent.done:
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0:
                return False
            for name in self._readable(left):
                self._receive(sent, name)
        return True

    def end(self, sent: GuestCommand, patience: float) -> bool:
        """Kill a command and all of its session; False if it is still running after `patience` seconds."""
        until = time.monotonic() + patience
        while time.monotonic() < until:
            self._send(f"kill {sent.number}")
            if self.wait(sent, min(until, time.monotonic() + AGAIN)):
                return True
        return False

    def power_off(self) -> None:
        """Send the command to power off."""
        self._send("off")

    def _receive(self, sent: GuestCommand, name: str) -> None:
        if name != "ask":
            sent.receive(name, self._read(name))
            return
        for line in self._lines(0):
            number, *found = map(int, line.split())
            if number == sent.number:
                sent.status, sent.signal = found

    def _lines(self, timeout: float) -> list[str]:
        if not self._readable(timeout, "ask"):
            return []
        self._line += self._read("ask")
        *lines, rest = self._line.split(b"\n")
        self._line = bytearray(rest)
        return [line.decode("ascii", "replace") for line in lines]

    def _discard_late_output(self) -> None:
        for name in self._readable(0, "out", "err"):
            self._read(name)

    def _send(self, line: str) -> None:
        try:
            self._sockets["ask"].sendall(line.encode() + b"\n")
        except OSError as why:  # EBADF too: another thread has closed the sockets
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


def encode_command(argv: Sequence[str]) -> str:
    """A command line for the guest's shell, in base64: any character but NUL may be in it."""
    line = os.fsencode(shlex.join(argv))
    if b"\0" in line:
        raise BadInput("a word of a command cannot hold a NUL character")
    if len(line) > LONGEST:
        raise BadInput(f"this command has {len(line)} bytes; a guest takes {LONGEST}")
    return base64.b64encode(line).decode()
