"""A root of its own: filled, protected, and made the only one. See pivot_root(2), chroot(2)."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from errno import EEXIST, EINVAL, ENOENT
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
    openat,
    pivot_root,
    symlinkat,
    umount2,
)
from ..kernel.checks import check_path, check_text, short_repr
from ..kernel.constants import MNT_DETACH, MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_REMOUNT
from .mounts import ROOT, Bind, MountStep, Tmpfs, in_new_root, new_file, protected
from .step import Step

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
ETC_SHARED = ("alternatives", "ld.so.cache")  # without these, awk is not found, and every start searches for libraries


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
        made += [*bind_if_there(f"{root}/etc/{ETC_SHARED[0]}", "/etc/" + ETC_SHARED[0], folder=True)]
        made += [*bind_if_there(f"{root}/etc/{ETC_SHARED[1]}", "/etc/" + ETC_SHARED[1], folder=False)]
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
            f" && mkdir {alternatives} && {bind_if_there_shell(ETC_SHARED[0], alternatives)}"
            f" && : > {cache} && {bind_if_there_shell(ETC_SHARED[1], cache)}"
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


def bind_if_there_shell(name: str, place: str) -> str:
    """The shell form of `bind_if_there`."""
    remounted = f"mount -o remount,bind,ro,nosuid,nodev {place}"
    return f"{{ mount --bind /etc/{name} {place} 2>/dev/null && {remounted} || :; }}"


def bind_if_there(place: str, source: str, *, folder: bool) -> list[Call]:
    """Bind for reading only what this host may not have: then an empty one is shown, which is no mount (EINVAL)."""
    made = [mkdirat(place)] if folder else new_file(place)
    bound = mount(source, place, None, MS_BIND).accepting(ENOENT)
    return [*made, bound, *(call.accepting(EINVAL) for call in protected(source, place, recursive=False))]


__all__ = [
    "Chroot",
    "HostTree",
    "MinimalDev",
    "PivotRoot",
    "ReadOnlyRoot",
]
