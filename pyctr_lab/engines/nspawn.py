"""systemd-nspawn(1): a container as systemd sees it, a machine without hardware."""

from __future__ import annotations

import os
from collections.abc import Sequence

from .engine import Available, Engine


class Nspawn(Engine):
    """Without the bus, and without being registered with systemd-machined: nothing of it is outside the room."""

    name = "nspawn"
    about = "systemd's own"
    commands = ("systemd-nspawn",)
    package = "systemd-container"

    def available(self) -> Available:
        if root_outside():
            return super().available()
        return Available(False, "systemd-nspawn wants to be root", "it can be measured as root, or in ./lab vm")

    def prepare(self) -> None:
        # Else it copies its group from one version to the other, by a folder in /tmp that stays when it is killed.
        os.environ["SYSTEMD_NSPAWN_UNIFIED_HIERARCHY"] = "1"

    def command(self, argv: Sequence[str]) -> list[str]:
        files = ["-D", str(self.rootfs), "--read-only", "--timezone=off", "--link-journal=no"]
        alone = ["--register=no", "--keep-unit", "--private-network", "--console=pipe"]
        return ["systemd-nspawn", "-q", "-M", self.fresh(), *files, *alone, *argv]


def root_outside() -> bool:
    """Whether we are root of the machine itself, not of a user namespace."""
    with open("/proc/self/uid_map", encoding="ascii") as file:
        return os.getuid() == 0 and file.read().split()[:2] == ["0", "0"]
