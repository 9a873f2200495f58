"""Docker: a daemon of its own in the sandbox's network and folders. The machine's daemon is not used."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress

from ..errors import Unsupported
from ..kernel.calls import mount, umount2
from ..kernel.constants import MNT_DETACH, MS_NODEV, MS_NOSUID
from .engine import Engine, kill_new_processes, processes
from .sandbox import make_calls

PATIENCE = 60.0  # seconds until the daemon must answer
IMAGE = "pyctr-lab:1"
KEYS = "/etc/docker"


class Docker(Engine):
    """The client, and behind it dockerd, containerd, a shim for each container, and runc."""

    name = "docker"
    title = "Docker"
    about = "a client, and a daemon that does the work"
    commands = ("dockerd", "docker")
    package = "docker.io"
    needs_root = True
    driver = "overlay2"

    def prepare(self) -> None:
        if os.path.isdir(KEYS):  # else it writes a key to the machine's own
            make_calls(mount("tmpfs", KEYS, "tmpfs", MS_NOSUID | MS_NODEV))
            self.stack.callback(make_calls, umount2(KEYS, MNT_DETACH))
        before = processes()
        self.stack.callback(kill_new_processes, before)
        self.log = self.place / "log"
        folders = {"data-root": "data", "exec-root": "run", "pidfile": "pid"}
        words = [f"--{word}={self.place / name}" for word, name in folders.items()]
        with self.log.open("wb") as log:
            self.daemon = subprocess.Popen(
                ["dockerd", *words, f"--host={self.host}", f"--storage-driver={self.driver}", "--iptables=false"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.stack.callback(self._end)
        self._wait_until_it_answers()
        with subprocess.Popen(["tar", "-C", self.rootfs, "-c", "."], stdout=subprocess.PIPE) as tree:
            subprocess.run([*self.client, "import", "-", IMAGE], stdin=tree.stdout, check=True, capture_output=True)

    @property
    def host(self) -> str:
        """Where the daemon listens."""
        return f"unix://{self.place}/docker.sock"

    @property
    def client(self) -> list[str]:
        """The client's words."""
        return ["docker", "--host", self.host]

    def _wait_until_it_answers(self) -> None:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and self.daemon.poll() is None:
            if not subprocess.run([*self.client, "version"], capture_output=True, check=False).returncode:
                return
            time.sleep(0.02)
        said = self.log.read_text(errors="replace").strip().splitlines()[-3:]
        raise Unsupported(f"dockerd did not come up: {' / '.join(said) or 'it said nothing'}")

    def _end(self) -> None:
        """Stop it as an init system does: dockerd stops its containerd itself."""
        self.daemon.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.daemon.wait(10)
        self.daemon.kill()
        self.daemon.wait()

    def command(self, argv: Sequence[str]) -> list[str]:
        return [*self.client, "run", "--rm", "--network=none", f"--name={self.fresh()}", IMAGE, *argv]
