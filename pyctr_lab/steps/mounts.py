"""What the process sees as its files. See mount(2), mount_namespaces(7), pivot_root(2)."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from errno import EEXIST, EINVAL, ENOENT
from pathlib import PurePath
from posixpath import normpath

from ..errors import BadInput
from ..kernel.arguments import Ref
from ..kernel.calls import (
    Call,
    chdir,
    chroot,
    close,
    fchdir,
    mkdirat,
    mount,
    mount_setattr,
    openat,
    pivot_root,
    symlinkat,
    umount2,
    write,
)
from ..kernel.checks import check_path, check_text, short_repr
from ..kernel.constants import (
    AT_RECURSIVE,
    MNT_DETACH,
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
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
DEVICE_LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2", "ptmx": "pts/ptmx"}
USR_LINKS = ("bin", "sbin", "lib", "lib64")  # since Debian 12 these are links into /usr everywhere
ETC = {
    "passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n",
    "group": "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n",
    "hosts": "127.0.0.1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}
FOLDERS = ("etc", "root", "run", "proc", "sys", "dev", "tmp")
READ_ONLY = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV
ETC_SHARED = ("alternatives", "ld.so.cache")  # without these, awk is not found, and every start searches for libraries


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


@dataclass(frozen=True)
class MinimalDev(MountStep):
    """Make a /dev with the few devices that every program expects; each is bound, for no container may create one."""

    target: str = "/dev"
    console: str = ""  # a terminal below the host's /dev, for a program that runs in one: it finds it as /dev/console

    def __post_init__(self) -> None:
        check_path(self.target, "a mount point")
        if self.console and not check_text(self.console, "a terminal").startswith("/dev/"):
            raise BadInput(f"a terminal is a file below /dev, not {short_repr(self.console)}")

    @property
    def devices(self) -> dict[str, str]:
        """Which device of the host's /dev stands under which name."""
        return {**{name: name for name in DEVICES}, **({"console": self.console[5:]} if self.console else {})}

    @property
    def hides(self) -> bool:
        """Whether it covers the devices that it is to show. Then they are named from within the folder below."""
        return normpath(self.target) == "/dev"

    @property
    def needs(self) -> frozenset[str]:
        return super().needs | {"files of the host", *in_new_root(self.target)}

    def calls(self) -> list[Call]:
        here, source = Ref("here"), "" if self.hides else "/dev/"
        made = [openat(".").named("here"), chdir("/dev")] if self.hides else []
        made += [
            mkdirat(self.target).accepting(EEXIST),
            mount("tmpfs", self.target, "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=755,size=64k"),
        ]
        for name, device in self.devices.items():
            place = f"{self.target}/{name}"
            made += [*new_file(place), mount(f"{source}{device}", place, None, MS_BIND)]
        made += [fchdir(here), close(here)] if self.hides else []
        made += [symlinkat(target, f"{self.target}/{name}") for name, target in DEVICE_LINKS.items()]
        terminals = f"{self.target}/pts"
        options = "newinstance,ptmxmode=0666,mode=0620"
        made += [mkdirat(terminals), mount("devpts", terminals, "devpts", MS_NOSUID | MS_NOEXEC, options)]
        return [*made, mkdirat(f"{self.target}/shm"), *Tmpfs(f"{self.target}/shm", mode="1777").calls()]

    def shell(self) -> str:
        dev, source = shlex.quote(self.target), "-c --bind " if self.hides else "--bind /dev/"
        bound = ((name, f"{source}{shlex.quote(device)}") for name, device in self.devices.items())
        files = " && ".join(f": > {dev}/{name} && mount {device} {dev}/{name}" for name, device in bound)
        links = " && ".join(f"ln -s {target} {dev}/{name}" for name, target in DEVICE_LINKS.items())
        filled = f"mkdir -p {dev} && mount -t tmpfs -o nosuid,noexec,mode=755,size=64k tmpfs {dev} && {files}"
        return (
            f"{f'(cd /dev && {filled})' if self.hides else filled} && {links}"
            f" && mkdir {dev}/pts"
            f" && mount -t devpts -o nosuid,noexec,newinstance,ptmxmode=0666,mode=0620 devpts {dev}/pts"
            f" && mkdir {dev}/shm && {Tmpfs(f'{self.target}/shm', mode='1777').shell()}"
        )

    @property
    def title(self) -> str:
        return "minimal /dev"


@dataclass(frozen=True)
class HostTree(MountStep):
    """Fill a new root with a read-only view of the host's /usr, an /etc of a few lines, and a /tmp for writing."""

    target: str = ROOT

    def __post_init__(self) -> None:
        check_path(self.target, "a new root")

    @property
    def needs(self) -> frozenset[str]:
        return super().needs | {"files of the host"}

    def calls(self) -> list[Call]:
        root = self.target
        made = [*Tmpfs(root, mode="755").calls(), *Bind("/usr", f"{root}/usr").calls()]
        made += [symlinkat(f"usr/{name}", f"{root}/{name}") for name in USR_LINKS]
        made += [mkdirat(f"{root}/{name}", 0o755) for name in FOLDERS]
        made += [call for name, text in ETC.items() for call in new_file(f"{root}/etc/{name}", text)]
        made += [*shown(f"{root}/etc/{ETC_SHARED[0]}", "/etc/" + ETC_SHARED[0], folder=True)]
        made += [*shown(f"{root}/etc/{ETC_SHARED[1]}", "/etc/" + ETC_SHARED[1], folder=False)]
        return [*made, *Tmpfs(f"{root}/tmp", mode="1777").calls()]

    def shell(self) -> str:
        root = shlex.quote(self.target)
        links = " && ".join(f"ln -s usr/{name} {root}/{name}" for name in USR_LINKS)
        folders = " ".join(f"{root}/{name}" for name in FOLDERS)
        texts = " && ".join(f"printf %s {shlex.quote(text)} > {root}/etc/{name}" for name, text in ETC.items())
        alternatives, cache = (f"{root}/etc/{name}" for name in ETC_SHARED)
        return (
            f"{Tmpfs(self.target, mode='755').shell()} && {Bind('/usr', f'{self.target}/usr').shell()} && {links}"
            f" && mkdir {folders} && {texts}"
            f" && mkdir {alternatives} && {bound_if_there(ETC_SHARED[0], alternatives)}"
            f" && : > {cache} && {bound_if_there(ETC_SHARED[1], cache)}"
            f" && {Tmpfs(f'{self.target}/tmp', mode='1777').shell()}"
        )

    def describe(self) -> str:
        return f"Fill {self.target} with the host's /usr for reading only, a small /etc, and a /tmp of its own."

    @property
    def title(self) -> str:
        return "file system of its own"


@dataclass(frozen=True)
class ReadOnlyRoot(MountStep):
    """Let nothing be written at the top of a new root; what is mounted below keeps its own rule."""

    target: str = ROOT

    def __post_init__(self) -> None:
        check_path(self.target, "a mount point")

    @property
    def needs(self) -> frozenset[str]:
        return super().needs | ({"new root to protect"} if self.target == ROOT else set())

    def calls(self) -> list[Call]:
        return [mount(None, self.target, None, MS_RDONLY | MS_NOSUID | MS_NODEV | MS_REMOUNT | MS_BIND)]

    def shell(self) -> str:
        return f"mount -o remount,bind,ro,nosuid,nodev {shlex.quote(self.target)}"

    @property
    def title(self) -> str:
        return "root for reading only"


@dataclass(frozen=True)
class PivotRoot(MountStep):
    """Make the new root the only one: swap it with the old one, and let the old one go."""

    new: str = ROOT

    def __post_init__(self) -> None:
        check_path(self.new, "a new root")

    @property
    def needs(self) -> frozenset[str]:
        return super().needs | {"unshared root", f"mount at {self.new}"}

    @property
    def provides(self) -> frozenset[str]:
        return super().provides | {"pivot_root", *(["new root is /"] if self.new == ROOT else [])}

    def calls(self) -> list[Call]:
        return [chdir(self.new), pivot_root(".", "."), umount2(".", MNT_DETACH), chdir("/")]

    def shell(self) -> str:
        return f"cd {shlex.quote(self.new)} && pivot_root . . && umount -l . && cd /"

    @property
    def title(self) -> str:
        return "pivot_root"


@dataclass(frozen=True)
class Chroot(Step):
    """Look up absolute names from another folder on. No wall: the old root is still there."""

    new: str = ROOT
    touches = ("mnt",)
    shell_form = "wrapper"

    def __post_init__(self) -> None:
        check_path(self.new, "a new root")

    @property
    def needs(self) -> frozenset[str]:
        return frozenset({"privilege"})

    @property
    def provides(self) -> frozenset[str]:
        return frozenset({"chroot"})

    def calls(self) -> list[Call]:
        return [chroot(self.new), chdir("/")]

    def shell(self) -> str:
        return f"chroot {shlex.quote(self.new)}"

    @property
    def title(self) -> str:
        return f"chroot to {self.new}"


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


def bound_if_there(name: str, place: str) -> str:
    """The shell form of `shown`."""
    remounted = f"mount -o remount,bind,ro,nosuid,nodev {place}"
    return f"{{ mount --bind /etc/{name} {place} 2>/dev/null && {remounted} || :; }}"


def shown(place: str, source: str, *, folder: bool) -> list[Call]:
    """Bind for reading only what this host may not have: then an empty one is shown, which is no mount (EINVAL)."""
    made = [mkdirat(place)] if folder else new_file(place)
    bound = mount(source, place, None, MS_BIND).accepting(ENOENT)
    return [*made, bound, *(call.accepting(EINVAL) for call in protected(source, place, recursive=False))]


__all__ = [
    "ROOT",
    "Bind",
    "Chroot",
    "HostTree",
    "MinimalDev",
    "MountStep",
    "PivotRoot",
    "PrivatePropagation",
    "Proc",
    "ReadOnlyRoot",
    "Sysfs",
    "Tmpfs",
]
