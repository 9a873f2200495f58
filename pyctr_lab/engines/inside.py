"""What a room is made of, from the inside: `python -m pyctr_lab.engines.inside MODULE:FUNCTION ARGUMENTS`.

Three processes. The first has control groups made for the room, with a guard, and waits. The second is PID 1 of the
room's namespaces: it furnishes them, and reaps. The third does the work, and tells it on standard output, a JSON line
each. See namespaces(7), pid_namespaces(7), cgroup_namespaces(7).
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import select
import signal
import stat
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

from ..cgroups import Tree, controllers, files, leftovers
from ..cgroups.hierarchies import all_trees
from ..cgroups.lab_groups import HOST, lacking
from ..cgroups.places import PREFIX, Place, delegation
from ..errors import LabError
from ..kernel.constants import (
    AT_FDCWD,
    AT_RECURSIVE,
    CLONE_NEWCGROUP,
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUSER,
    CLONE_NEWUTS,
    MNT_DETACH,
    MOUNT_ATTR_RDONLY,
    MS_BIND,
    MS_MOVE,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_PRIVATE,
    MS_REC,
    PR_SET_DUMPABLE,
    PR_SET_PDEATHSIG,
    SIGKILL,
    SUID_DUMP_USER,
)
from ..kernel.descriptors import open_standard_streams
from ..machines import cache
from ..runtime import world
from ..steps.mounts import DEVICE_LINKS, DEVICES

WORK = "/run/pyctr-lab"  # a tmpfs of the room: engines keep all that is theirs below it
HOME, SCRATCH = f"{WORK}/home", f"{WORK}/tmp"
ROOM = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP
NODES = (*DEVICES, "fuse", "kmsg", "kvm", "net/tun")  # what programs and engines open, where the machine has it
MOUNT_SETATTR = 442  # on all architectures; glibc has it since 2.36 only
HARMLESS = MS_NOSUID | MS_NODEV | MS_NOEXEC
libc = ctypes.CDLL(None, use_errno=True)


def tell(kind: str, content: Any) -> None:
    """One line to whoever opened the room."""
    print(json.dumps([kind, content]), flush=True)


def call(name: str, *args: Any) -> None:
    """A system call by libc's wrapper. Raises OSError."""
    words = [os.fsencode(arg) if isinstance(arg, str) else arg for arg in args]
    if getattr(libc, name)(*words) == -1:
        raise OSError(ctypes.get_errno(), f"{name}{args}: {os.strerror(ctypes.get_errno())}")


def die_with(parent: int) -> None:
    """Killed by the kernel when the parent ends. See PR_SET_PDEATHSIG(2const); it may have ended before."""
    call("prctl", PR_SET_PDEATHSIG, SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


# ------------------------------------------------------------------------------------------------- the first process
def take_groups(all_: list[Tree]) -> list[str]:
    """Control groups for the room, as far as somebody has given us any; a guard removes them. See `runtime/groups`."""
    where = delegation()
    places = {place.tree.mount: place for place in where.everywhere}
    bases = {each.mount: places[each.mount].base if each.mount in places else each.folder for each in all_}
    folders = [f"{bases[each.mount]}/{PREFIX}{os.getpid()}" for each in all_ if each.mount in places or each.writable]
    if not folders:
        return []
    with leftovers.alone(where) if where.places else nullcontext():
        for place in where.everywhere:
            make_ready(place, whole=where.style == "v2")
        for folder in folders:
            os.mkdir(folder)
        for place in where.everywhere:
            for setting in place.inherited:
                files.write(f"{place.base}/{PREFIX}{os.getpid()}", setting.file, setting.value)
    if folders:
        leftovers.start_cgroup_reaper(os.getpid(), folders)
    for folder in folders:
        files.enter(folder, [os.getpid()])
    return folders


def make_ready(place: Place, *, whole: bool) -> None:
    """So that groups below it can have what it has."""
    for setting in lacking(place):
        files.write(place.base, setting.file, setting.value)
    if whole:
        controllers.enable_at_base(place)


def own_world(folders: list[str]) -> int:
    """The room's namespaces; PID 1 of them is forked last, and its number returned. In it, 0 is returned."""
    if os.getuid():
        as_root_of_its_own()
    call("unshare", ROOM)
    for folder in folders:
        leave_to_children(folder)
    alive, held = os.pipe()
    pid = os.fork()
    if pid:
        os.close(alive)
        return pid
    os.close(held)
    die_with(0)  # which is its parent's number, seen from the new namespace
    if select.select([alive], [], [], 0)[0]:  # that may have ended before we asked
        os._exit(1)
    os.close(alive)
    return 0


def as_root_of_its_own() -> None:
    """A user becomes root in a user namespace; the ids are written by a helper that has stayed outside."""
    here, there = os.pipe()
    parent = os.getpid()
    helper = os.fork()
    if not helper:
        os.close(there)
        os.read(here, 1)
        world.map_ids(parent)
        os._exit(0)
    call("unshare", CLONE_NEWUSER)
    os.close(there)
    os.close(here)
    if os.waitpid(helper, 0)[1]:
        raise OSError("no ids were given to the engines' room")
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    call("prctl", PR_SET_DUMPABLE, SUID_DUMP_USER)  # else its /proc files would be root's
    die_with(os.getppid())  # forgotten by a change of ids


def leave_to_children(folder: str) -> None:
    """Version 2 has processes in leaves only: so the room's own go to one, and its engines' groups can have limits."""
    if os.path.exists(f"{folder}/cgroup.subtree_control"):
        os.mkdir(f"{folder}/{HOST}")
        files.enter(f"{folder}/{HOST}", [os.getpid()])
        controllers.enable(folder, files.read(folder, "cgroup.controllers").split())


# ------------------------------------------------------------------------------------------------------ its PID 1
def furnish(all_: list[Tree]) -> None:
    """A /dev, /proc, /run and control groups of the room's own; of the machine's files only our cache can be changed.

    Engines may be really root: whatever they can change, one of them changes. No mount gets out.
    """
    call("mount", None, "/", None, MS_REC | MS_PRIVATE, None)
    os.environ.setdefault("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
    with suppress(OSError):  # ENOSYS before Linux 5.12
        make_read_only(str(cache.cache_folder()))
    with suppress(OSError):  # in a container that covers parts of /proc a user may mount none
        call("mount", "proc", "/proc", "proc", HARMLESS, None)
    for each in all_:
        show_own(each)
    call("mount", "tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
    for folder in (WORK, HOME, SCRATCH):
        os.mkdir(folder)
    os.chmod(SCRATCH, 0o1777)
    make_devices(Path(WORK, "dev"))
    os.environ.update(HOME=HOME, XDG_RUNTIME_DIR=HOME, TMPDIR=SCRATCH)  # what a killed compiler leaves goes with it
    with suppress(FileNotFoundError):
        subprocess.run(["ip", "link", "set", "lo", "up"], check=False, stderr=subprocess.DEVNULL)
    call("sethostname", "room", 4)


def make_read_only(but: str) -> None:
    """Make all mounts read-only, but for one folder if it is there; devices can still be used. See mount_setattr(2)."""
    set_attributes("/", AT_RECURSIVE, MOUNT_ATTR_RDONLY, 0)
    if os.path.isdir(but):
        call("mount", but, but, None, MS_BIND, None)
        set_attributes(but, 0, 0, MOUNT_ATTR_RDONLY)


def set_attributes(path: str, flags: int, on: int, off: int) -> None:
    """mount_setattr(2)."""
    attributes = struct.pack("4Q", on, off, 0, 0)
    call("syscall", MOUNT_SETATTR, AT_FDCWD, path, flags, attributes, len(attributes))


def make_devices(place: Path) -> None:
    """Put a /dev together at `place`, move it over the machine's, and take its null as standard input."""
    place.mkdir()
    call("mount", "tmpfs", str(place), "tmpfs", MS_NOSUID, "mode=755")
    for name in ("net", "pts", "shm"):
        (place / name).mkdir()
    for name in filter(os.path.exists, (f"/dev/{name}" for name in NODES)):
        make_device(name, place / os.path.relpath(name, "/dev"))
    for name, target in DEVICE_LINKS.items():
        (place / name).symlink_to(target)
    call("mount", "tmpfs", f"{place}/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")  # Podman keeps its locks there
    call("mount", "devpts", f"{place}/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620")
    call("mount", str(place), "/dev", None, MS_MOVE, None)
    os.dup2(null := os.open("/dev/null", os.O_RDWR), 0)
    os.close(null)


def make_device(original: str, node: Path) -> None:
    """Make a device anew: runtimes change the owner of their standard streams. A user may not, and binds it."""
    found = os.stat(original)
    try:
        os.mknod(node, found.st_mode, found.st_rdev)
        node.chmod(stat.S_IMODE(found.st_mode))
    except PermissionError:
        node.touch()
        call("mount", original, str(node), None, MS_BIND, None)


def show_own(each: Tree) -> None:
    """Mounts a hierarchy anew: seen from a cgroup namespace of its own, it begins at the room's group.

    Over itself it cannot be mounted (EBUSY). Root takes the machine's mount away; a user may not, and covers it.
    """
    words = f"none,{each.words}" if each.words.startswith("name=") else each.words
    try:
        call("umount2", each.mount, MNT_DETACH)
    except OSError:
        call("mount", "tmpfs", each.mount, "tmpfs", HARMLESS, None)
    with suppress(OSError):
        call("mount", "cgroup", each.mount, "cgroup" if words else "cgroup2", HARMLESS, words or None)


def init(work: Callable[[], None]) -> int:
    """PID 1: has the work done, and reaps whatever else ends meanwhile. Returns the worker's status."""
    worker = os.fork()
    if not worker:
        work()
        os._exit(0)
    while True:
        pid, status = os.wait()
        if pid == worker:
            return os.waitstatus_to_exitcode(status) & 0xFF


# ------------------------------------------------------------------------------------------------------- the worker
def work(target: str, arguments: dict[str, Any]) -> None:
    """Tells all that the generator yields."""
    module, _, name = target.partition(":")
    try:
        rows: Iterator[Any] = getattr(importlib.import_module(module), name)(**arguments)
        for row in rows:
            tell("row", row)
        tell("end", None)
    except LabError as why:
        tell("error", [why.message, why.hint])


def main(target: str, arguments: dict[str, Any]) -> int:
    """The room, from its first process on. Who is ended between a control group and its guard would leave the group."""
    open_standard_streams()
    opener = os.getppid()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    all_ = list(all_trees())
    folders = take_groups(all_)
    die_with(opener)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    tell("groups", folders)
    pid = own_world(folders)
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 0xFF
    furnish(all_)
    return init(lambda: work(target, arguments))


if __name__ == "__main__":
    os._exit(main(sys.argv[1], json.loads(sys.argv[2])))
