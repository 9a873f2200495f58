"""The calls that make a sandbox: the machine read-only, and a /dev, /proc, /run and cgroup mounts of its own.

Engines may be really root: an inode that they can change, one of them does change. No mount gets out.
See mount_setattr(2), mount_namespaces(7), cgroup_namespaces(7).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from errno import EACCES, ENOENT

from ...cgroups import Tree
from ...kernel import constants as k
from ...kernel.arguments import Ref
from ...kernel.calls import (
    Call,
    chdir,
    close,
    dup3,
    execve,
    mkdirat,
    mknodat,
    mount,
    mount_setattr,
    openat,
    prctl,
    sethostname,
    symlinkat,
    umask,
    umount2,
)
from ...steps import LoopbackUp
from ...steps.mounts import new_file
from ...steps.roots import DEVICE_LINKS, DEVICES

WORK = "/run/pyctr-lab"  # a tmpfs of the sandbox: engines keep all their files below it
HOME, SCRATCH, DEV = f"{WORK}/home", f"{WORK}/tmp", f"{WORK}/dev"
NODES = (*DEVICES, "fuse", "kmsg", "kvm", "net/tun")  # what programs and engines open, where the machine has it
HARMLESS = k.MS_NOSUID | k.MS_NODEV | k.MS_NOEXEC
SIG_DFL, SIG_IGN = 0, 1  # of signal(2)
NULL = [openat("/dev/null", k.O_RDWR).named("null")]
Choice = tuple[list[Call], ...]
"""Lists of calls of which the first that works is enough; where the last is empty, none has to work."""


def furnish_sandbox(found: Iterable[Tree], writable: str) -> list[Choice]:
    """All that PID 1 of a sandbox does. Of the machine's folders only `writable` can still be changed."""
    return [
        (first_calls(),),
        (read_only(writable), []),  # ENOSYS before Linux 5.12
        ([mount("proc", "/proc", "proc", HARMLESS)], []),  # in a container that covers parts of /proc a user may not
        *(choice for each in found for choice in own_hierarchy(each)),
        (work_folders(),),
        *(own_device(name) for name in NODES if os.path.exists(f"/dev/{name}")),
        (last_calls(),),
    ]


def first_calls() -> list[Call]:
    """Die with the launcher, have the kernel reap orphans, and let no mount out."""
    die = [prctl(k.PR_SET_PDEATHSIG, k.SIGKILL), Call("signal", (k.SIGCHLD, SIG_IGN))]
    quiet = [*NULL, dup3(Ref("null"), 2), close(Ref("null"))]
    return [*die, *quiet, umask(0), mount(None, "/", None, k.MS_REC | k.MS_PRIVATE)]


def read_only(writable: str) -> list[Call]:
    """Make all mounts read-only, but for one folder if it is there. Devices can still be used."""
    calls = [mount_setattr("/", k.AT_RECURSIVE, k.MOUNT_ATTR_RDONLY)]
    if os.path.isdir(writable):
        calls += [mount(writable, writable, None, k.MS_BIND), mount_setattr(writable, 0, 0, k.MOUNT_ATTR_RDONLY)]
    return calls


def own_hierarchy(each: Tree) -> list[Choice]:
    """Mount a hierarchy anew: seen from the sandbox's cgroup namespace, it begins at the sandbox's cgroup.

    Over itself it cannot be mounted (EBUSY). Root takes the machine's mount away; a user may not, and covers it.
    """
    words = f"none,{each.words}" if each.words.startswith("name=") else each.words
    own = mount("cgroup", each.mount, "cgroup" if words else "cgroup2", HARMLESS, words or None)
    return [([umount2(each.mount, k.MNT_DETACH)], [mount("tmpfs", each.mount, "tmpfs", HARMLESS)]), ([own], [])]


def work_folders() -> list[Call]:
    """Make the folders in which engines work, and one in which a new /dev is put together."""
    work = [mkdirat(WORK), mkdirat(HOME), mkdirat(SCRATCH, 0o1777), mkdirat(DEV)]
    dev = [mkdirat(f"{DEV}/{name}") for name in ("net", "pts", "shm")]
    run = mount("tmpfs", "/run", "tmpfs", k.MS_NOSUID | k.MS_NODEV, "mode=755")
    return [run, *work, mount("tmpfs", DEV, "tmpfs", k.MS_NOSUID, "mode=755"), *dev]


def own_device(name: str) -> Choice:
    """Make a device anew: runtimes change the owner of their standard streams. A user may not, and binds it."""
    found, place = os.stat(f"/dev/{name}"), f"{DEV}/{name}"
    bound = [*new_file(place), mount(f"/dev/{name}", place, None, k.MS_BIND)]
    return [mknodat(place, found.st_mode, found.st_rdev)], bound


def last_calls() -> list[Call]:
    """Move the new /dev over the machine's, and give the sandbox a loopback device and a name."""
    terminals = "newinstance,ptmxmode=0666,mode=0620"
    return [
        *(symlinkat(target, f"{DEV}/{name}") for name, target in DEVICE_LINKS.items()),
        mount("tmpfs", f"{DEV}/shm", "tmpfs", k.MS_NOSUID | k.MS_NODEV, "mode=1777"),  # Podman keeps its locks there
        mount("devpts", f"{DEV}/pts", "devpts", k.MS_NOSUID | k.MS_NOEXEC, terminals),
        mount(DEV, "/dev", None, k.MS_MOVE),
        *LoopbackUp().calls(),
        sethostname("sandbox"),
        umask(0o022),
    ]


def become_worker(command: list[str], environment: Mapping[str, str]) -> list[Call]:
    """Become the sandbox's program: the sandbox's own null is its input, the descriptors "out" and "err" the others."""
    waited_for = Call("signal", (k.SIGCHLD, SIG_DFL))  # else exec would keep PID 1's SIG_IGN
    streams = [waited_for, *NULL, dup3(Ref("null"), 0), dup3(Ref("out"), 1), dup3(Ref("err"), 2)]
    return [*streams, chdir(os.readlink("/proc/self/cwd")).accepting(EACCES, ENOENT), execve(command, environment)]
