"""Podman: Docker's command line without a daemon."""

from __future__ import annotations

from collections.abc import Sequence

from ..kernel.delegation import delegation
from .engine import Engine


class Podman(Engine):
    """With all of its folders in the room."""

    name = "podman"
    about = "Docker's words, no daemon"
    commands = ("podman", "runc", "crun")
    package = "podman runc crun"

    def command(self, argv: Sequence[str]) -> list[str]:
        folders = [f"--{name}={self.place / name}" for name in ("root", "runroot", "tmpdir")]
        # limits of its own that equal the hard ones fail on setrlimit
        less = ["--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"]
        run = ["--rm", "--network=none", f"--name={self.fresh()}", *less, "--rootfs", f"{self.rootfs}:O", *argv]
        if delegation().places:
            return ["podman", *folders, *HOW, "--runtime=runc", "run", *run]
        # nobody has given us control groups: only crun does without, where it sees none
        hidden = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs tmpfs /sys/fs/cgroup; exec "$@"', "sh"]
        return [*hidden, "podman", *folders, *HOW, "--runtime=crun", "run", "--cgroups=disabled", *run]


HOW = ("--cgroup-manager=cgroupfs", "--events-backend=file")
