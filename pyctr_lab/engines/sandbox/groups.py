"""The cgroups of a sandbox: one in each hierarchy, and a process that removes them after it. See cgroups(7)."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import nullcontext
from fcntl import LOCK_EX

from ...cgroups import Tree, controllers, files, leftovers
from ...cgroups.lab_groups import HOST, missing_settings
from ...cgroups.places import PREFIX, delegation
from ...kernel.arguments import Ref
from ...kernel.calls import Call, dup3, execve, flock, mkdirat, setsid
from ...kernel.constants import AT_FDCWD, O_DIRECTORY
from ...launcher import CGROUP_REAPER, cgroup_reaper
from ...runtime.carrier import Carrier

PIDFDS = (100, 101)  # descriptors of the reaper: numbers beyond all that the carrier has open


def folders_for(pid: int, trees: Iterable[Tree]) -> list[str]:
    """Where a sandbox gets a cgroup: in each hierarchy in which one is delegated to us, or our own is writable."""
    delegated = {place.tree.mount: place.base for place in delegation().everywhere}
    bases = [delegated.get(each.mount, each.folder) for each in trees if each.mount in delegated or each.writable]
    return [f"{base}/{PREFIX}{pid}" for base in bases]


def make_sandbox_groups(launcher: Carrier, folders: list[str]) -> None:
    """Make the folders, and move the launcher to them."""
    where, pid = delegation(), launcher.find_machine_pid()
    with leftovers.alone(where) if where.places else nullcontext():
        for place in where.everywhere:
            for setting in missing_settings(place):
                files.write_file(place.base, setting.file, setting.value)
            if where.style == "v2":
                controllers.enable_at_base(place)
        start_reaper(launcher, folders)
        for place in where.everywhere:
            for setting in place.inherited:
                files.write_file(f"{place.base}/{PREFIX}{pid}", setting.file, setting.value)
    for folder in folders:
        files.enter_group(folder, [pid])


def start_reaper(launcher: Carrier, folders: list[str]) -> None:
    """Have a child of the launcher make the folders, lock them, and become their reaper, all in one list of calls.

    A list is carried out to its end even when we are killed meanwhile, so no folder is left without its reaper. The
    child is given our end of its channel too: it would end if it could not answer.
    """
    pidfds = [os.pidfd_open(pid) for pid in (launcher.find_machine_pid(), os.getpid())]
    _, child = launcher.fork()
    try:
        answers = child.ask(reaper(folders), {"launcher": pidfds[0], "holder": pidfds[1], "peer": child.ours.fileno()})
    finally:
        child.close()
        for fd in pidfds:
            os.close(fd)
    if answers[-1].failed:
        cgroup_reaper.remove_all(folders, 0)
        raise answers[-1].error(answers)


def reaper(folders: list[str]) -> list[Call]:
    """Its calls. A lock goes with its descriptor, which exec must not close: so it is opened without O_CLOEXEC."""
    calls = [setsid(), dup3(1, 2)]
    for lock, folder in enumerate(folders):
        opened = Call("openat", (AT_FDCWD, folder, O_DIRECTORY), result=f"lock{lock}")
        calls += [mkdirat(folder), opened, flock(Ref(f"lock{lock}"), LOCK_EX)]
    calls += [dup3(Ref(name), fd) for name, fd in zip(("launcher", "holder"), PIDFDS, strict=True)]
    return [*calls, execve([sys.executable, "-I", "-S", str(CGROUP_REAPER), *map(str, PIDFDS), *folders], {})]


def leave_to_children(folder: str, pid: int) -> None:
    """Move the sandbox's processes to a leaf: v2 lets a cgroup have limits only where no process is in its parent."""
    if os.path.exists(f"{folder}/cgroup.subtree_control"):
        os.mkdir(f"{folder}/{HOST}")
        files.enter_group(f"{folder}/{HOST}", [pid])
        controllers.enable(folder, files.read_file(folder, "cgroup.controllers").split())
