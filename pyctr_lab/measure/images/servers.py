"""Servers on loopback: Debian's docker-registry, and a relay before it that counts the bytes on the wire."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock, Thread

from ...errors import LabError
from ...kernel.checks import short_repr

HERE = "127.0.0.1"
SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")


def find_tool(name: str) -> str:
    """The path of a program, in an administrator's folders too. Raises LabError."""
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *SBIN]))
    if found is None:
        raise LabError("not installed", hint="`./lab packages test` installs it")
    return found


@contextmanager
def new_registry(folder: Path) -> Iterator[str]:
    """A registry with its storage in a folder; its address. It ends with the block, and with this process."""
    storage = {"filesystem": {"rootdirectory": str(folder / "storage")}}
    path = folder / "registry.json"  # JSON is YAML
    path.write_text(json.dumps({"version": "0.1", "storage": storage, "http": {"addr": f"{HERE}:0"}}))
    command = [find_tool("setpriv"), "--pdeathsig", "KILL", find_tool("docker-registry"), "serve", str(path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stderr
            said: deque[str] = deque(maxlen=1)
            for line in server.stderr:
                said.append(line)
                if found := re.search(r"listening on (127[\d.:]+)", line):
                    break
            else:
                raise LabError(f"docker-registry does not start: {short_repr(''.join(said))}")
            Thread(target=deque, args=(server.stderr, 0), daemon=True).start()  # read on, or it would block
            yield found[1]
        finally:
            server.kill()


class CountingRelay:
    """Passes connections on to an address; `sent` and `received` are all bytes from and to the clients."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self.target = (host, int(port))
        self.sent = self.received = 0
        self._lock = Lock()
        self._server = socket.create_server((HERE, 0))
        Thread(target=self._serve, daemon=True).start()

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"{HERE}:{self._server.getsockname()[1]}"

    def close(self) -> None:
        """Take no more connections."""
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._server.close()

    def __enter__(self) -> CountingRelay:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _serve(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client = self._server.accept()[0]
                registry = socket.create_connection(self.target)
                for words in ((client, registry, "sent"), (registry, client, "received")):
                    Thread(target=self._pass_on, args=words, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, name: str) -> None:
        with suppress(OSError):  # cut
            while data := source.recv(1 << 16):
                with self._lock:
                    setattr(self, name, getattr(self, name) + len(data))
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
