"""The layers of an image as one tree: overlayfs. See the kernel's document overlayfs.rst, and mount(8)."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from errno import EEXIST, EINVAL

from ..errors import BadInput
from ..kernel.calls import Call, chdir, mkdirat, mount
from ..kernel.checks import check_list, check_number, check_path, check_text, short_repr
from ..kernel.constants import MS_NODEV, MS_NOSUID
from .mounts import ROOT, MountStep
from .step import Resource

MOST_LOWERS = 500  # the kernel takes no more (EINVAL)
SCRATCH = "scratch"  # an empty folder of the store, on which a container mounts a tmpfs of its own
UPPERS = "uppers"  # a folder of the store
NAME = re.compile(r"[a-zA-Z0-9]{1,32}")


@dataclass(frozen=True)
class UpperFolder(Resource):
    """A folder of the store that takes the writes of an overlay, and overlayfs's own folder beside it, as data."""

    name: str
    store: str = ROOT
    mode: int = 0o755

    @property
    def path(self) -> str:
        """Where it is in the store."""
        return f"{UPPERS}/{self.name}"

    @property
    def place(self) -> str:
        """Where the launcher sees it."""
        return f"{self.store}/{self.path}"

    def calls(self) -> list[Call]:
        """Make the folders."""
        made = [mkdirat(self.place), mkdirat(f"{self.place}/upper", self.mode), mkdirat(f"{self.place}/work")]
        return [call.accepting(EEXIST).from_outside() for call in made]


@dataclass(frozen=True)
class Overlay(MountStep):
    """Stack the layers of an image, for reading only, below an empty folder that takes all writes.

    `layers` are folders of `store`, the topmost first. The folder that takes the writes lies in memory, or with a name
    for it, `upper`, on the store's disk; it goes with the container. `mode` is that of the root.
    """

    layers: tuple[str, ...]
    target: str = ROOT
    store: str = ROOT
    mode: int = 0o755
    upper: str = ""

    def __post_init__(self) -> None:
        for layer in check_list(self.layers, "layers"):
            check_path(layer, "a layer")
        if not 1 <= len(self.layers) <= MOST_LOWERS:
            raise BadInput(f"overlayfs stacks 1 to {MOST_LOWERS} layers, not {len(self.layers)}")
        check_path(self.target, "a mount point")
        check_path(self.store, "the folder of the layers")
        check_number(self.mode, "a mode", most=0o7777)
        if check_text(self.upper, "an upper folder") and not NAME.fullmatch(self.upper):
            raise BadInput(f"{short_repr(self.upper)} is no name for an upper folder", hint="letters and digits")
        check_text(self.options, "mount options")

    @property
    def needs(self) -> frozenset[str]:
        return super().needs | {"files of the host"}

    @property
    def options(self) -> str:
        """The mount options: `userxattr`, without which a user's mount cannot hide a folder of a layer."""
        lower = ":".join(map(escaped, self.layers))
        writes = f"{UPPERS}/{self.upper}" if self.upper else SCRATCH
        return f"userxattr,lowerdir={lower},upperdir={writes}/upper,workdir={writes}/work"

    def resources(self) -> tuple[Resource, ...]:
        return (UpperFolder(self.upper, self.store, self.mode),) if self.upper else ()

    def calls(self) -> list[Call]:
        """Names are relative to the store: all options must fit into one page, or the kernel cuts them.

        The store stays the working directory: volumes with a name are in it, and no path leads there any more.
        """
        in_memory = [
            mount("tmpfs", SCRATCH, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755"),
            mkdirat(f"{SCRATCH}/upper", self.mode),
            mkdirat(f"{SCRATCH}/work"),
        ]
        stacked = mount("overlay", self.target, "overlay", 0, self.options)
        return [chdir(self.store), *([] if self.upper else in_memory), stacked]

    def advice(self, errno: int) -> str:
        if errno == EINVAL and self.upper:
            return "the store's file system may be an overlay itself: PYCTR_LAB_IMAGES names a folder elsewhere"
        return ""

    def shell(self) -> str:
        writes = f"{UPPERS}/{self.upper}" if self.upper else SCRATCH
        made = f"mkdir -p {writes}" if self.upper else f"mount -t tmpfs -o nosuid,nodev,mode=755 tmpfs {SCRATCH}"
        return (
            f"cd {shlex.quote(self.store)} && {made}"
            f" && mkdir -m {self.mode:o} {writes}/upper && mkdir {writes}/work"
            f" && mount -t overlay -o {shlex.quote(self.options)} overlay {shlex.quote(self.target)}"
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


__all__ = ["Overlay", "UpperFolder"]
