"""A folder of the host's, shown in a container. See open_tree(2), move_mount(2), mount_setattr(2)."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from errno import EEXIST
from posixpath import basename, normpath

from ..kernel.arguments import Ref
from ..kernel.calls import (
    Call,
    close,
    fchdir,
    mkdirat,
    move_mount,
    open_tree,
    openat,
    openat2,
    tree_setattr,
)
from ..kernel.checks import check_path
from ..kernel.constants import MOUNT_ATTR_RDONLY, O_DIRECTORY, O_PATH, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS
from ..kernel.syscall_numbers import kernel_has
from .mounts import READ_ONLY, ROOT, MountStep, protected

FOLDER = O_PATH | O_DIRECTORY


@dataclass(frozen=True)
class Volume(MountStep):
    """Show a folder at a second place, for writing too: its programs get no other id, its devices stay shut.

    Folders on the way to the target are made. Nothing in the folder changes its owner by this. A link on the way never
    leads out of the new root, whatever an image has planted there: see openat2(2), RESOLVE_IN_ROOT. A relative source
    starts from the working directory.
    """

    source: str
    target: str
    readonly: bool = False

    def __post_init__(self) -> None:
        check_path(self.source, "what is bound")
        check_path(self.target, "a mount point")

    @property
    def top(self) -> str:
        """The root in which the target lies."""
        return ROOT if self.target.startswith(f"{ROOT}/") else "/"

    @property
    def folders(self) -> list[str]:
        """The target, and the folders on the way to it, from the top on."""
        parts = normpath(self.target.removeprefix(self.top)).strip("/").split("/")
        return ["/".join(parts[: place + 1]) for place in range(len(parts))]

    def calls(self) -> list[Call]:
        tree, top = Ref("tree"), Ref("top")
        made = [open_tree(self.source), openat(self.top, FOLDER).named("top")]
        opened = [top]
        for place, folder in enumerate(self.folders):
            made += [mkdirat(basename(folder), at=opened[-1]).accepting(EEXIST), open_from_top(folder, f"place{place}")]
            opened.append(Ref(f"place{place}"))
        mounted = move_mount(tree, opened[-1])
        if kernel_has("mount_setattr"):
            attributes = READ_ONLY if self.readonly else READ_ONLY & ~MOUNT_ATTR_RDONLY
            made += [tree_setattr(tree, attributes), mounted]
        else:
            here, inside = Ref("here"), Ref("inside")
            made += [mounted, openat(".", FOLDER).named("here"), open_from_top(self.folders[-1], "inside")]
            made += [fchdir(inside), *protected(self.source, ".", readonly=self.readonly), fchdir(here)]
            opened += [here, inside]
        return [*made, *map(close, [*opened, tree])]

    def describe(self) -> str:
        return f"Show {self.source} at {self.target}" + (", for reading only." if self.readonly else ".")

    def shell(self) -> str:
        source, target = shlex.quote(self.source), shlex.quote(self.target)
        options = "remount,bind,nosuid,nodev" + (",ro" if self.readonly else "")
        return f"mkdir -p {target} && mount --rbind {source} {target} && mount -o {options} {target}"

    @property
    def title(self) -> str:
        return f"volume {self.source}"


def open_from_top(folder: str, name: str) -> Call:
    """Open a folder below the top, whatever its links say."""
    return openat2(Ref("top"), folder, FOLDER, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS).named(name)


__all__ = ["Volume"]
