"""systemd-nspawn(1): a container as systemd sees it, a machine without hardware."""

from __future__ import annotations

import os
from collections.abc import Sequence

from .engine import Engine


class Nspawn(Engine):
    """Without D-Bus and systemd-machined, so that no trace of it is outside the sandbox."""

    name = "nspawn"
    about = "systemd's own"
    commands = ("systemd-nspawn",)
    package = "systemd-container"
    needs_root = True

    def prepare(self) -> None:
        # Else it copies its group from one version to the other, by a folder in /tmp that stays when it is killed.
        os.environ["SYSTEMD_NSPAWN_UNIFIED_HIERARCHY"] = "1"

    def command(self, argv: Sequence[str]) -> list[str]:
        files = ["-D", str(self.rootfs), "--read-only", "--timezone=off", "--link-journal=no"]
        alone = ["--register=no", "--keep-unit", "--private-network", "--console=pipe"]
        return ["systemd-nspawn", "-q", "-M", self.fresh(), *files, *alone, *argv]
