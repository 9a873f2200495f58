"""util-linux's unshare(1): the system calls, one option each."""

from __future__ import annotations

from collections.abc import Sequence

from .engine import Engine


class Unshare(Engine):
    """All namespaces but time and user; a chroot, no pivot_root."""

    name = "unshare"
    about = "util-linux: namespaces and a chroot"
    commands = ("unshare",)
    package = "util-linux"

    def command(self, argv: Sequence[str]) -> list[str]:
        walls = ["--mount", "--uts", "--ipc", "--net", "--pid", "--fork", "--cgroup", "--kill-child", "--mount-proc"]
        return ["unshare", *walls, f"--root={self.rootfs}", *argv]
