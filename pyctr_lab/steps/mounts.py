"""What the process sees as its files. See mount(2), mount_namespaces(7), pivot_root(2)."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from errno import EEXIST
from pathlib import PurePath

from ..errors import BadInput
from ..kernel.arguments import Ref
from ..kernel.calls import (
    Call,
    close,
    mkdirat,
    mount,
    mount_setattr,
    openat,
    write,
)
from ..kernel.checks import check_path, check_text
from ..kernel.constants import (
    AT_RECURSIVE,
    MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_RDONLY,
    MS_BIND,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_PRIVATE,
    MS_RDONLY,
    MS_REC,
    MS_REMOUNT,
    O_CREAT,
    O_WRONLY,
)
from ..kernel.proc import Mount, mountinfo
from ..kernel.syscall_numbers import kernel_has
from .step import Step

ROOT = "/mnt"  # where a new root is put together; the mount namespace is the container's own
READ_ONLY = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV


class MountStep(Step):
    """A step that changes the mounts of a mount namespace, which must be the container's own."""

    touches = ("mnt",)
    changes = "mnt"

    @property
    def needs(self) -> frozenset[str]:
        target = getattr(self, "target", "")
        place = {"new root's folder"} if target == ROOT or target.startswith(f"{ROOT}/") else set()
        return super().needs | {"mounting"} | place

    @property
    def provides(self) -> frozenset[str]:
        target = getattr(self, "target", "")
        return super().provides | {"mount", f"mount at {target}", *(["new root"] if target == ROOT else [])}


def in_new_root(target: str) -> list[str]:
    """The word for a step whose target is a folder that it makes in the new root."""
    return ["folder in the new root"] if target.startswith(f"{ROOT}/") else []


@dataclass(frozen=True)
class PrivatePropagation(MountStep):
    """Let no mount made from here on be seen outside, nor the other way round."""

    @property
    def needs(self) -> frozenset[str]:
        return frozenset({"privilege", "own mnt", "no mount yet"})

    @property
    def provides(self) -> frozenset[str]:
        return frozenset({"change", "private mounts"})

    def calls(self) -> list[Call]:
        return [mount(None, "/", None, MS_REC | MS_PRIVATE)]

    def shell(self) -> str:
        return "mount --make-rprivate /"

    @property
    def title(self) -> str:
        return "private mounts"


@dataclass(frozen=True)
class Tmpfs(MountStep):
    """Mount an empty file system that lives in memory."""

    target: str
    size: str = "64m"
    mode: str = "755"

    def __post_init__(self) -> None:
        check_path(self.target, "a mount point")
        for value in (check_text(self.size, "a size"), check_text(self.mode, "a mode")):
            if not value.isalnum():  # a comma would be another option
                raise BadInput(f"a size is written as 64m, a mode as 755; not {value[:40]!r}")

    @property
    def options(self) -> str:
        """The mount options as mount(8) takes them."""
        return f"mode={self.mode},size={self.size}"

    def calls(self) -> list[Call]:
        return [mount("tmpfs", self.target, "tmpfs", MS_NOSUID | MS_NODEV, self.options)]

    def describe(self) -> str:
        return f"Mount an empty file system that lives in memory on {self.target}."

    def shell(self) -> str:
        return f"mount -t tmpfs -o nosuid,nodev,{self.options} tmpfs {shlex.quote(self.target)}"

    @property
    def title(self) -> str:
        return f"tmpfs on {self.target}"


@dataclass(frozen=True)
class Bind(MountStep):
    """Show a folder at a second place, for reading only unless asked otherwise."""

    source: str
    target: str
    readonly: bool = True

    def __post_init__(self) -> None:
        check_path(self.source, "what is bound")
        check_path(self.target, "a mount point")

    def calls(self) -> list[Call]:
        made = [mkdirat(self.target).accepting(EEXIST), mount(self.source, self.target, None, MS_BIND | MS_REC)]
        return [*made, *protected(self.source, self.target)] if self.readonly else made

    def describe(self) -> str:
        return f"Show {self.source} at {self.target}" + (", for reading only." if self.readonly else ".")

    def shell(self) -> str:
        source, target = shlex.quote(self.source), shlex.quote(self.target)
        made = f"mkdir -p {target} && mount --rbind {source} {target}"
        return f"{made} && mount -o remount,bind,ro,nosuid,nodev {target}" if self.readonly else made

    @property
    def title(self) -> str:
        return f"{self.source} at {self.target}"


@dataclass(frozen=True)
class Proc(MountStep):
    """Mount /proc, which shows the processes of the PID namespace it is mounted from."""

    target: str = "/proc"

    def __post_init__(self) -> None:
        check_path(self.target, "a mount point")

    @property
    def needs(self) -> frozenset[str]:
        return super().needs | {"PID namespace to show", "old proc and sys", *in_new_root(self.target)}

    def calls(self) -> list[Call]:
        flags = MS_NOSUID | MS_NODEV | MS_NOEXEC
        return [mkdirat(self.target).accepting(EEXIST), mount("proc", self.target, "proc", flags)]

    def shell(self) -> str:
        target = shlex.quote(self.target)
        return f"mkdir -p {target} && mount -t proc -o nosuid,nodev,noexec proc {target}"

    @property
    def title(self) -> str:
        return "new /proc"


@dataclass(frozen=True)
class Sysfs(MountStep):
    """Mount /sys, for reading only: the devices and settings that the network namespace may see."""

    target: str = "/sys"

    def __post_init__(self) -> None:
        check_path(self.target, "a mount point")

    @property
    def needs(self) -> frozenset[str]:
        return super().needs | {"network namespace to show", "old proc and sys", *in_new_root(self.target)}

    def calls(self) -> list[Call]:
        flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC
        return [mkdirat(self.target).accepting(EEXIST), mount("sysfs", self.target, "sysfs", flags)]

    def shell(self) -> str:
        target = shlex.quote(self.target)
        return f"mkdir -p {target} && mount -t sysfs -o ro,nosuid,nodev,noexec sysfs {target}"

    @property
    def title(self) -> str:
        return "new /sys"


def protected(source: str, target: str, *, recursive: bool = True, readonly: bool = True) -> list[Call]:
    """Let no setuid program or device count below a bind of `source`, and unless `readonly` is False no write.

    Without mount_setattr (Linux 5.12) each mount is remounted, with the flags that it has and that may not be cleared.
    What a container has mounted there by itself is not known here, and stays writable.
    """
    if kernel_has("mount_setattr"):
        attributes = READ_ONLY if readonly else READ_ONLY & ~MOUNT_ATTR_RDONLY
        return [mount_setattr(target, AT_RECURSIVE if recursive else 0, attributes)]
    mounts = {mounted.target: locked_flags(mounted) for mounted in mountinfo("self")}
    above = (mounts[folder] for folder in (source, *map(str, PurePath(source).parents)) if folder in mounts)
    start = source.rstrip("/")
    inside = [place for place in mounts if place.startswith(f"{start}/")] if recursive else []
    below = {target + place[len(start) :]: mounts[place] for place in inside}
    flags = MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV | (MS_RDONLY if readonly else 0)
    return [mount(None, place, None, flags | kept) for place, kept in {target: next(above, 0), **below}.items()]


def locked_flags(mounted: Mount) -> int:
    """The flags of a mount that a user namespace may not clear: see mount_namespaces(7)."""
    return (MS_NOEXEC if "noexec" in mounted.options else 0) | (MS_RDONLY if mounted.readonly else 0)


def new_file(place: str, content: str = "") -> list[Call]:
    """Makes a small file."""
    fd = Ref("fd")
    return [openat(place, O_WRONLY | O_CREAT, 0o644), *([write(fd, content)] if content else []), close(fd)]


__all__ = [
    "ROOT",
    "Bind",
    "MountStep",
    "PrivatePropagation",
    "Proc",
    "Sysfs",
    "Tmpfs",
]
