"""Podman: Docker's command line without a daemon."""

from __future__ import annotations

from collections.abc import Sequence

from ..cgroups.places import delegation
from .engine import Available, Engine


class Podman(Engine):
    """With all of its folders in the sandbox."""

    name = "podman"
    title = "Podman"
    about = "Docker's words, no daemon"
    commands: tuple[str, ...] = ("podman",)
    package = "podman runc crun"
    needs_range = True  # its terminals belong to group 5

    def available(self) -> Available:
        self.commands = ("podman", self.runtime)
        return super().available()

    @property
    def runtime(self) -> str:
        """runc needs a delegated cgroup; without one use crun."""
        return "runc" if delegation().places else "crun"

    def command(self, argv: Sequence[str]) -> list[str]:
        folders = [f"--{name}={self.place / name}" for name in ("root", "runroot", "tmpdir")]
        # limits of its own that equal the hard ones fail on setrlimit
        less = ["--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"]
        run = ["--rm", "--network=none", f"--name={self.fresh()}", *less, "--rootfs", f"{self.rootfs}:O", *argv]
        how = [*folders, "--cgroup-manager=cgroupfs", "--events-backend=file", f"--runtime={self.runtime}"]
        if self.runtime == "runc":
            return ["podman", *how, "run", *run]
        # crun does without where it sees no hierarchy
        hidden = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs tmpfs /sys/fs/cgroup; exec "$@"', "sh"]
        return [*hidden, "podman", *how, "run", "--cgroups=disabled", *run]
