"""No wall at all but chroot: what every start costs, and what everything is compared with."""

from __future__ import annotations

from collections.abc import Sequence

from .engine import Engine


class Plain(Engine):
    """A process of the host that sees the same files."""

    name = "exec"
    title = "bare process"
    kind = "process"
    about = "a process, no walls: what every start costs"
    commands = ("chroot",)
    package = "coreutils"

    def command(self, argv: Sequence[str]) -> list[str]:
        return ["chroot", str(self.rootfs), *argv]
