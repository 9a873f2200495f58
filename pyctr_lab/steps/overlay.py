"""The layers of an image as one tree: overlayfs. See the kernel's document overlayfs.rst, and mount(8)."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from ..errors import BadInput
from ..kernel.calls import Call, chdir, mkdirat, mount
from ..kernel.checks import check_list, check_number, check_path, check_text
from ..kernel.constants import MS_NODEV, MS_NOSUID
from .mounts import ROOT, MountStep

MOST_LOWERS = 500  # the kernel takes no more (EINVAL)
SCRATCH = "scratch"  # an empty folder of the store, on which a container mounts a tmpfs of its own


@dataclass(frozen=True)
class Overlay(MountStep):
    """Stack the layers of an image, for reading only, below an empty folder that takes all writes.

    `layers` are folders of `store`, the topmost first. The folder that takes the writes lies in memory, and goes with
    the container. `mode` is that of the root.
    """

    layers: tuple[str, ...]
    target: str = ROOT
    store: str = ROOT
    mode: int = 0o755

    def __post_init__(self) -> None:
        for layer in check_list(self.layers, "layers"):
            check_path(layer, "a layer")
        if not 1 <= len(self.layers) <= MOST_LOWERS:
            raise BadInput(f"overlayfs stacks 1 to {MOST_LOWERS} layers, not {len(self.layers)}")
        check_path(self.target, "a mount point")
        check_path(self.store, "the folder of the layers")
        check_number(self.mode, "a mode", most=0o7777)
        check_text(self.options, "mount options")

    @property
    def needs(self) -> frozenset[str]:
        return super().needs | {"files of the host"}

    @property
    def options(self) -> str:
        """The mount options: `userxattr`, without which a user's mount cannot hide a folder of a layer."""
        lower = ":".join(map(escaped, self.layers))
        return f"userxattr,lowerdir={lower},upperdir={SCRATCH}/upper,workdir={SCRATCH}/work"

    def calls(self) -> list[Call]:
        """Names are relative to the store: all options must fit into one page, or the kernel cuts them.

        The store stays the working directory: volumes with a name are in it, and no path leads there any more.
        """
        return [
            chdir(self.store),
            mount("tmpfs", SCRATCH, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755"),
            mkdirat(f"{SCRATCH}/upper", self.mode),
            mkdirat(f"{SCRATCH}/work"),
            mount("overlay", self.target, "overlay", 0, self.options),
        ]

    def shell(self) -> str:
        target = shlex.quote(self.target)
        return (
            f"cd {shlex.quote(self.store)} && mount -t tmpfs -o nosuid,nodev,mode=755 tmpfs {SCRATCH}"
            f" && mkdir -m {self.mode:o} {SCRATCH}/upper && mkdir {SCRATCH}/work"
            f" && mount -t overlay -o {shlex.quote(self.options)} overlay {target}"
        )

    @property
    def title(self) -> str:
        count = len(self.layers)
        return f"{count} layer{'s' * (count != 1)} on {self.target}"


def escaped(name: str) -> str:
    """A folder's name as overlayfs reads it: it separates layers by colons, and mount(2) options by commas."""
    for sign in ("\\", ":", ","):
        name = name.replace(sign, f"\\{sign}")
    return name


__all__ = ["Overlay"]
