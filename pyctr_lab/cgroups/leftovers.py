"""Remove control groups when their lab has ended, however it ended: by a cgroup reaper, or by `clean`."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ..launcher import CGROUP_REAPER, cgroup_reaper
from . import v1, v2
from .files import write_file
from .hierarchies import all_trees, trees
from .places import PREFIX, Delegation, delegation


@contextmanager
def alone(where: Delegation) -> Iterator[None]:
    """Lock against concurrent `clean`: a cgroup that is made but not yet locked looks abandoned."""
    # a file, not the folder: where a lab runs in a lab, the outer lab's cgroup reaper holds the folder's lock
    fd = os.open(f"{where.places[0].base}/cgroup.procs", os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def start_cgroup_reaper(launcher: int, folders: list[str]) -> subprocess.Popen[bytes]:
    """Start the cgroup reaper of a lab, which holds the locks of the lab's groups."""
    pidfds = [os.pidfd_open(pid) for pid in (launcher, os.getpid())]
    locks = [lock for folder in folders if (lock := lock_group(folder)) is not None]
    try:
        command = [sys.executable, "-I", "-S", str(CGROUP_REAPER), *map(str, pidfds), *folders]
        return subprocess.Popen(
            command,
            pass_fds=[*pidfds, *locks],
            start_new_session=True,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    finally:
        for fd in (*pidfds, *locks):
            os.close(fd)


def lock_group(folder: str) -> int | None:
    """A descriptor that holds the lock of a lab's group; None where another process holds it, or the group is gone."""
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd


def leftovers(where: Delegation) -> Iterator[str]:
    """Groups of labs and of engines' sandboxes, locked or not.

    A sandbox has one in each hierarchy, also where that limits nothing.
    """
    bases = [place.base for place in where.everywhere]
    bases += [tree.folder for tree in all_trees() if tree.writable and tree.folder not in bases]
    for base in bases:
        with suppress(OSError):
            yield from sorted(entry.path for entry in os.scandir(base) if entry.name.startswith(PREFIX))


def clean(patience: float = 0.0) -> tuple[list[str], list[str]]:
    """Remove what labs have left whose cgroup reaper was killed too. Return the folders removed, and those in use.

    No process is killed: a lab's processes die with its launcher.
    """
    where = delegation()
    if not where.places:
        return [], []
    with alone(where):
        locks = {folder: lock for folder in leftovers(where) if (lock := lock_group(folder)) is not None}
        kept = cgroup_reaper.remove_all(locks, patience)
        for lock in locks.values():
            os.close(lock)
    return [folder for folder in locks if folder not in kept], kept


def thaw(pid: int) -> None:
    """Thaw the groups of a process of a lab, up to the lab's own: version 1 kills no frozen process.

    The kernel's own files say what is frozen: a container may have frozen a group that was delegated to it.
    """
    with suppress(OSError):  # gone meanwhile
        for tree in trees(pid):
            file, value = (v2.FREEZE, "0") if tree.version == 2 else (v1.FREEZER, "THAWED")
            folder = tree.folder
            while PREFIX in folder and os.path.exists(f"{folder}/{file}"):
                write_file(folder, file, value)
                folder = os.path.dirname(folder)
