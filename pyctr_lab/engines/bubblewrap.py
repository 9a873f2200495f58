"""bubblewrap, bwrap(1): what Flatpak starts its programs with."""

from __future__ import annotations

from collections.abc import Sequence

from .engine import Engine


class Bubblewrap(Engine):
    """All namespaces but time; its program is PID 2."""

    name = "bubblewrap"
    about = "small and without a daemon; what Flatpak uses"
    commands = ("bwrap",)
    package = "bubblewrap"

    def command(self, argv: Sequence[str]) -> list[str]:
        files = ["--ro-bind", str(self.rootfs), "/", "--proc", "/proc", "--dev", "/dev"]
        return ["bwrap", "--unshare-all", "--unshare-user", *files, "--die-with-parent", *argv]
