"""LXC, lxc-execute(1): what Docker began with, until 2014."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .engine import Engine, root_outside

COMMON = Path("/usr/share/lxc/config/common.conf")  # the distribution's usual limits: a filter of system calls, ...


class Lxc(Engine):
    """A container for one program, by a configuration file of a few lines."""

    name = "lxc"
    title = "LXC"
    about = "what Docker began with"
    commands = ("lxc-execute",)
    package = "lxc"
    needs_range = True  # it gives up all supplementary groups, which is denied to a user with one id

    def prepare(self) -> None:
        self.books = self.place / "lxc"
        self.books.mkdir()
        self.configuration = self.place / "config"
        # it has rules for devices, which are set in control groups: as a user, lxc-execute fails on them
        common = [f"lxc.include = {COMMON}"] if COMMON.exists() and root_outside() else []
        lines = [f"lxc.rootfs.path = dir:{self.rootfs}", "lxc.uts.name = sandbox", "lxc.net.0.type = empty"]
        mounts = ["lxc.mount.auto = proc:mixed sys:ro", "lxc.rootfs.options = ro"]
        self.configuration.write_text("\n".join([*common, *lines, *mounts, ""]))

    def command(self, argv: Sequence[str]) -> list[str]:
        return ["lxc-execute", "-P", str(self.books), "-n", self.fresh(), "-f", str(self.configuration), "--", *argv]
