"""The way out of a network: a proxy of the notebook's, behind a socket that was made in the lab. See RFC 9110, CONNECT.

Off unless a network is made with `internet=True`: a lab's network namespace has no way to any other.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import weakref
from pathlib import Path

from ..interrupts import uninterrupted
from ..kernel.arguments import Ref
from ..kernel.constants import AF_INET, SOCK_STREAM
from ..kernel.sockets import bind, listen
from ..runtime.outer_world import OuterWorld
from ..runtime.sockets import fetch_socket_of

PROGRAM = Path(__file__).with_name("programs") / "proxy.py"
PORT = 3128
MOST = 1000  # targets that are remembered


class WayOut:
    """The proxy of one network: containers reach it at the bridge's address, port 3128."""

    def __init__(self, world: OuterWorld, router: str) -> None:
        self.address = f"http://{router}:{PORT}"
        self._seen: list[str] = []
        self._rest = b""
        calls = [bind(Ref("fd"), router, PORT), listen(Ref("fd"), 64)]
        with fetch_socket_of(world, world.machine_pid, AF_INET, SOCK_STREAM, before_fetch=calls) as listening:
            self._process = start_proxy(listening)
        self._finalizer = weakref.finalize(self, end_proxy, self._process)

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which programs find it."""
        return dict.fromkeys(("https_proxy", "HTTPS_PROXY"), self.address)

    @property
    def opened(self) -> tuple[str, ...]:
        """The targets that containers have connected to, `name:port` each, in their order."""
        assert self._process.stdout is not None
        while self._finalizer.alive and (more := self._process.stdout.read(1 << 16)):
            *lines, self._rest = (self._rest + more).split(b"\n")
            self._seen += [str(json.loads(line)["connect"]) for line in lines]
            del self._seen[:-MOST]
        return tuple(self._seen)

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._finalizer.alive and self._process.poll() is None

    @uninterrupted(firm=True)
    def end(self) -> None:
        """Close the way out. Twice is fine."""
        self._finalizer()


def start_proxy(listening: socket.socket) -> subprocess.Popen[bytes]:
    """Start the proxy where the notebook is; it ends with the notebook."""
    fd = listening.fileno()
    command = [sys.executable, "-I", "-S", str(PROGRAM), str(fd)]
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        command, bufsize=0, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, pass_fds=[fd], cwd="/",
        start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    return process


def end_proxy(process: subprocess.Popen[bytes]) -> None:
    """End it, and wait for its end."""
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
