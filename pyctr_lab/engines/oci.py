"""crun, runc and gVisor's runsc: the runtimes below Docker and Podman. They take a *bundle*: a folder with config.json.

See the OCI runtime specification. Each container gets the configuration that the runtime's own `spec` prints, with the
words of its program.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import Unsupported
from .engine import Engine, has_range, root_outside

GROUPS = "/sys/fs/cgroup"
KINDS = ("pid", "network", "ipc", "uts", "mount", "cgroup")


class Oci(Engine):
    """A runtime that takes a bundle."""

    def prepare(self) -> None:
        self.spec = oci_configuration(self.commands[0], self.place, self.rootfs)

    def bundle(self, argv: Sequence[str]) -> Path:
        """A bundle for this program."""
        place = self.place / self.fresh()
        place.mkdir()
        process = {**self.spec["process"], "args": list(argv)}
        (place / "config.json").write_text(json.dumps({**self.spec, "process": process}))
        return place

    def words(self, *more: str) -> list[str]:
        """The runtime's command line, with the folder in which it keeps its state."""
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
        line, covered = super().command(argv), covered_for_crun()
        if not covered:
            return line
        return ["unshare", "-m", "sh", "-c", f'mount -t tmpfs tmpfs {covered}; exec "$@"', "sh", *line]

    def words(self, *more: str) -> list[str]:
        less = ["--cgroup-manager=disabled"] if covered_for_crun() == GROUPS else []
        return super().words(*less, *more)


def covered_for_crun() -> str:
    """What crun must not see, for it refuses a hybrid of both versions: the second's tree; all groups, for a user may
    write to none; "" where there is no hybrid."""
    return "" if not os.path.ismount(f"{GROUPS}/unified") else f"{GROUPS}/unified" if root_outside() else GROUPS


class Gvisor(Oci):
    """A kernel of its own in user space, between the program and ours."""

    name = "gvisor"
    title = "gVisor"
    kind = "sandbox"
    about = "runsc: a kernel in user space answers the system calls"
    commands = ("runsc",)
    package = "runsc"

    def words(self, *more: str) -> list[str]:
        how = ["--platform=ptrace", "--network=none", "--ignore-cgroups"]  # its kvm platform was seen to hang
        if not has_range():  # else runsc changes to the overflow user, which has no id here
            how.append("--rootless")
        return ["runsc", "--root", str(self.place / "state"), *how, *more]

    def command(self, argv: Sequence[str]) -> list[str]:
        place = self.bundle(argv)
        return self.words("run", "-bundle", str(place), place.name)

    def payload(self, pids: object) -> None:
        """It is a process of gVisor's kernel: the host has none."""


def oci_configuration(runtime: str, place: Path, rootfs: Path) -> dict[str, Any]:
    """The runtime's own proposal, without a terminal, with the same namespaces for all; its root is the sandbox's."""
    made = subprocess.run([runtime, "spec"], cwd=place, capture_output=True, text=True, errors="replace", check=False)
    if made.returncode:
        raise Unsupported(f"{runtime} makes no configuration: {made.stderr.strip()[-300:]}")
    proposed = place / "config.json"
    spec: dict[str, Any] = json.loads(proposed.read_text())
    proposed.unlink()
    spec["process"].update(terminal=False)
    spec["root"].update(path=str(rootfs), readonly=True)
    spec["linux"]["namespaces"] = [{"type": kind} for kind in KINDS]
    if not has_range():  # a file can belong to group 5, of terminals, only where there is one
        for mount in spec["mounts"]:
            mount["options"] = [option for option in mount.get("options", ()) if option != "gid=5"]
    return spec
