"""A folder of the host's, shown in a container. See mount(2), mount_setattr(2)."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from errno import EEXIST
from posixpath import dirname

from ..kernel.calls import Call, mkdirat, mount
from ..kernel.checks import check_path
from ..kernel.constants import MS_BIND, MS_REC
from .mounts import MountStep, protected


@dataclass(frozen=True)
class Volume(MountStep):
    """Show a folder at a second place, for writing too: its programs get no other id, its devices stay shut.

    Folders on the way to the target are made. Nothing in the folder changes its owner by this.
    """

    source: str
    target: str
    readonly: bool = False

    def __post_init__(self) -> None:
        check_path(self.source, "what is bound")
        check_path(self.target, "a mount point")

    @property
    def folders(self) -> list[str]:
        """The target, and the folders on the way to it."""
        found = [self.target]
        while dirname(found[0]) not in ("/", "", found[0]):
            found.insert(0, dirname(found[0]))
        return found

    def calls(self) -> list[Call]:
        made = [mkdirat(folder).accepting(EEXIST) for folder in self.folders]
        bound = mount(self.source, self.target, None, MS_BIND | MS_REC)
        return [*made, bound, *protected(self.source, self.target, readonly=self.readonly)]

    def describe(self) -> str:
        return f"Show {self.source} at {self.target}" + (", for reading only." if self.readonly else ".")

    def shell(self) -> str:
        source, target = shlex.quote(self.source), shlex.quote(self.target)
        options = "remount,bind,nosuid,nodev" + (",ro" if self.readonly else "")
        return f"mkdir -p {target} && mount --rbind {source} {target} && mount -o {options} {target}"

    @property
    def title(self) -> str:
        return f"volume {self.source}"


__all__ = ["Volume"]
