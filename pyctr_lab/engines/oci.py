"""crun and runc: what runs below Docker and Podman. Both take a *bundle*, a folder with a config.json.

See the OCI runtime specification. Each container gets the same configuration, made once by `runc spec`'s defaults,
with the words of its program put in.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .engine import Engine

KINDS = ("pid", "network", "ipc", "uts", "mount", "cgroup")


class Oci(Engine):
    """A runtime that takes a bundle."""

    kind = "container"

    def prepare(self) -> None:
        self.spec = configuration(self.rootfs)

    def bundle(self, argv: Sequence[str]) -> Path:
        """A bundle for this program."""
        place = self.place / self.fresh()
        place.mkdir()
        process = {**self.spec["process"], "args": list(argv)}
        (place / "config.json").write_text(json.dumps({**self.spec, "process": process}))
        return place

    def words(self, *more: str) -> list[str]:
        """The runtime's own words: where it keeps its books."""
        return [*self.commands, "--root", str(self.place / "state"), *more]

    def command(self, argv: Sequence[str]) -> list[str]:
        place = self.bundle(argv)
        return self.words("run", "-b", str(place), place.name)


class Runc(Oci):
    """The one that Docker began with, in Go."""

    name = "runc"
    about = "what Docker and containerd run, in Go"
    commands = ("runc",)
    package = "runc"


class Crun(Oci):
    """The same in C."""

    name = "crun"
    about = "the same interface, in C"
    commands = ("crun",)
    package = "crun"

    def command(self, argv: Sequence[str]) -> list[str]:
        line = super().command(argv)
        if not os.path.ismount("/sys/fs/cgroup/unified"):
            return line
        # it refuses a hybrid of both versions: so it does not see the second tree, or (a user may not unmount it) none
        script = (
            "umount -l /sys/fs/cgroup/unified 2>/dev/null ||"
            ' { mount -t tmpfs tmpfs /sys/fs/cgroup; set -- --cgroup-manager=disabled "$@"; }; exec crun "$@"'
        )
        return ["unshare", "-m", "sh", "-c", script, "sh", *line[1:]]


class Gvisor(Oci):
    """A kernel of its own in user space, between the program and ours."""

    name = "gvisor"
    kind = "sandbox"
    about = "runsc: a kernel in user space answers the system calls"
    commands = ("runsc",)
    package = "runsc"

    def words(self, *more: str) -> list[str]:
        how = ["--platform=ptrace", "--network=none", "--ignore-cgroups"]
        return ["runsc", "--root", str(self.place / "state"), *how, *more]

    def command(self, argv: Sequence[str]) -> list[str]:
        place = self.bundle(argv)
        return self.words("run", "-bundle", str(place), place.name)

    def payload(self, pids: object) -> None:
        """It is a process of gVisor's kernel: the host has none."""


def configuration(rootfs: Path) -> dict[str, Any]:
    """`runc spec`'s defaults, where they are not about a terminal; root inside is root of the room."""
    made = subprocess.run(["runc", "spec", "-b", "/run"], capture_output=True, check=False)
    made.check_returncode()
    spec: dict[str, Any] = json.loads(Path("/run/config.json").read_text())
    Path("/run/config.json").unlink()
    spec["process"].update(terminal=False)
    spec["root"].update(path=str(rootfs), readonly=True)
    spec["linux"]["namespaces"] = [{"type": kind} for kind in KINDS]
    return spec
