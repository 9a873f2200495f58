"""The control groups of a lab: all are below one of its own, which is not left behind whatever dies."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from errno import EBUSY
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import Harm, Unsupported
from ..kernel import cgroup, proc
from ..kernel.calls import Answer
from ..kernel.delegation import LIMITED, PREFIX, Delegation, Place, delegation
from ..launcher import cgroup_reaper
from ..steps.control_group import ControlGroup, homes, inherited, unfurnished

if TYPE_CHECKING:
    from .cgroup import Cgroup
    from .lab import Lab

HOST = "host"  # the group of the launcher, and of whoever has none of their own
TRIES = 20  # to divide a group up whose processes fork
REST = "pyctr-rest"  # where version 2 wants those who were in the group that we divide up
DELEGATED = ("cgroup.procs", "cgroup.threads", "cgroup.subtree_control", "tasks")
"""What one who may make groups below a group writes in it. See cgroup-v2.rst, "Delegation"."""


class Groups:
    """A lab's own group in each tree, made when the first limit is asked for. A cgroup reaper removes it after the lab.

    Raises Unsupported where nobody has given us a place for it.
    """

    def __init__(self, lab: Lab) -> None:
        self.where = delegation()
        if not self.where.places:
            raise Unsupported("no control group can be made here: nobody has given us one", hint=self.where.grant)
        self._lab = weakref.ref(lab)
        self.name = f"{PREFIX}{lab.launcher.host_pid}"
        self.made: dict[str, Cgroup] = {}
        self.frozen: set[Cgroup] = set()
        self._count = 0
        self._first_uid, self._first_gid = (ids[0].outside for ids in map_of(lab.launcher.host_pid))
        clean()
        try:
            self._begin(lab)
        except OSError as why:
            raise Unsupported(f"no control group can be made here: {why}", hint=self.where.grant) from why

    def _begin(self, lab: Lab) -> None:
        with alone(self.where):
            self._make_all(lab.launcher.host_pid)
        pids = lab.processes()
        try:
            self._move_in(lab, pids)
        except BaseException:  # refused, or interrupted: the next attempt finds all as it was
            self._move_out(pids)
            raise

    def _move_in(self, lab: Lab, pids: set[int]) -> None:
        for place in self.where.everywhere:
            enter(self.folder(place), pids)
        first = self.where.places[0]
        lab.see_groups_from("/" + os.path.relpath(self.folder(first), first.tree.mount))
        for place in self.where.everywhere:
            self.protect(self.folder(place))
            self._divide(place, pids)

    def _move_out(self, pids: set[int]) -> None:
        for place in self.where.everywhere:
            try:
                enter(place.base, pids)
            except OSError:  # version 2, and it has been divided up: then to a leaf
                with suppress(OSError):
                    Path(f"{place.base}/{REST}").mkdir(exist_ok=True)
                    enter(f"{place.base}/{REST}", pids)
        self.reaper.kill()
        self.reaper.wait()
        cgroup_reaper.remove_all([self.folder(place) for place in self.where.everywhere], 1.0)

    def protect(self, folder: str) -> None:
        """Give a group to the lab's reserved id, which no container has: no program in one can lift its limits.

        The launcher, which is root over all ids of the lab, may still write to it. An ordinary user cannot give files
        away: there only version 2's `nsdelegate` protects a group from the processes in it.
        """
        lab = self._lab()
        if os.getuid() == 0 and lab is not None and lab.ids > 1:
            self._give(folder, lab.ids, [entry.path for entry in os.scandir(folder) if entry.is_file()])

    def protect_made(self, answers: Iterable[Answer]) -> None:
        """The folders that the launcher has just made, before a process is in one of them."""
        for answer in answers:
            if answer.name == "mkdirat":
                self.protect(str(answer.call.args[1]))

    def delegate(self, folder: str) -> None:
        """Let the root of the lab's containers make groups below this one, and move its processes to them."""
        if os.getuid() == 0 and self._lab() is not None:
            self._give(folder, 0, [f"{folder}/{file}" for file in DELEGATED if os.path.exists(f"{folder}/{file}")])

    def _give(self, folder: str, owner: int, files: Iterable[str]) -> None:
        for path in (folder, *files):
            os.chown(path, self._first_uid + owner, self._first_gid + owner)

    def _make_all(self, launcher: int) -> None:
        folders = [self.folder(place) for place in self.where.everywhere]
        try:
            for place in self.where.everywhere:
                self._make(place)
            self.reaper = start_cgroup_reaper(launcher, folders)
        except BaseException:
            cgroup_reaper.remove_all(folders, 0)
            raise

    def folder(self, place: Place) -> str:
        """The lab's own group in one tree."""
        return f"{place.base}/{self.name}"

    def fresh_name(self) -> str:
        """A name that no group of the lab has."""
        while True:
            self._count += 1
            name = f"run-{self._count}"
            if name not in self.made:
                return name

    def adopt(self, step: ControlGroup) -> Cgroup:
        """The group that a step has made, or has changed, as an object."""
        from .cgroup import Cgroup

        places = homes(step.limits, self.where)
        if step.name not in self.made:
            self.made[step.name] = Cgroup(self, step.name, places)
            self.made[step.name].stays = False
        group = self.made[step.name]
        group.places += tuple(place for place in places if place not in group.places)
        return group

    def forget(self, group: Cgroup) -> None:
        """It has been removed, and all below it with it."""
        for path, other in list(self.made.items()):
            if other is group or path.startswith(f"{group.path}/"):
                other.removed = True
                self.frozen.discard(other)
                del self.made[path]

    @property
    def lab_lives(self) -> bool:
        """Whether the lab that they belong to is open."""
        lab = self._lab()
        return lab is not None and lab.alive

    def refuse_harm(self, pid: int) -> None:
        """Raise Harm for a process that must not end with a group: the lab's host, and what is not of the lab."""
        lab = self._lab()
        if lab is None:
            return
        if pid in (lab.launcher.host_pid, lab.host.carrier.host_pid):
            raise Harm("the lab's host would end with the group, and the lab with it", hint="make a container for it")
        with suppress(ProcessLookupError):  # it has ended: the move itself reports that
            if lab.launcher.host_pid not in proc.ancestors(pid):
                who = "this notebook itself" if pid == os.getpid() else "not of this lab"
                raise Harm(f"process {pid} is {who}, and would end with the group", hint="make a container for it")

    def wake(self, host_pid: int) -> None:
        """Before a process is killed: one that version 1 has stopped would not die of it."""
        for group in list(self.frozen):
            if host_pid in group.all_pids() and not os.path.exists(f"{group.folders[0]}/cgroup.kill"):
                group.thaw()

    def thaw_all(self) -> None:
        """Before the lab ends: none of its processes would end that version 1 has stopped."""
        if self.frozen:
            cgroup_reaper.thaw_all(self.folder(place) for place in self.where.everywhere)

    @property
    def closed(self) -> bool:
        """Whether the lab has ended, and its groups with it."""
        lab = self._lab()
        return lab is None or lab.closed

    def _make(self, place: Place) -> None:
        for setting in unfurnished(place):
            write(place.base, setting.file, setting.value)
        make(self.folder(place))
        for setting in inherited(place):
            write(self.folder(place), setting.file, setting.value)

    def _divide(self, place: Place, pids: set[int]) -> None:
        """Move the lab's own processes to a leaf, and pass the controllers on.

        Version 2 has processes in leaves only; and who is in a group may show himself, by a cgroup namespace, what is
        below it: no other group shall be there.
        """
        if self.where.style == "v2":
            share_out(place)
        host = f"{self.folder(place)}/{HOST}"
        make(host)
        for setting in inherited(place, self.folder(place)):
            write(host, setting.file, setting.value)
        self.protect(host)
        enter(host, pids)
        if place.tree.version == 2:
            divide(self.folder(place), HOST, place.controllers)
            self.protect(self.folder(place))

    def close(self) -> None:
        """Waits until the cgroup reaper has removed the lab's groups. The lab must have ended."""
        self.reaper.wait()


def map_of(pid: int) -> tuple[Sequence[proc.IdRange], ...]:
    """The id maps of a process's user namespace, as we see them: of users, and of groups."""
    return proc.uid_map(pid), proc.gid_map(pid)


def thaw(pid: int) -> None:
    """Let a process of a lab run that is frozen, by its group or one above: version 1 kills none before that.

    Who has frozen it is asked of the kernel: a container may have, in a group that was delegated to it.
    """
    with suppress(OSError):  # gone meanwhile
        for tree in cgroup.trees(pid):
            file, value = ("cgroup.freeze", "0") if tree.version == 2 else ("freezer.state", "THAWED")
            folder = tree.folder
            while PREFIX in folder and os.path.exists(f"{folder}/{file}"):
                write(folder, file, value)
                folder = os.path.dirname(folder)


@contextmanager
def alone(where: Delegation) -> Iterator[None]:
    """Nobody else makes or cleans labs' groups meanwhile: one just made and not yet locked looks like one left."""
    # a file, not the folder: where a lab is in a lab, that has a cgroup reaper who holds its lock
    fd = os.open(f"{where.places[0].base}/cgroup.procs", os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def make(folder: str) -> None:
    """A folder of a group. Whatever umask we were started with, its owner may remove what is below it."""
    os.mkdir(folder)
    os.chmod(folder, 0o755)


def write(folder: str, file: str, value: str) -> None:
    """Writes a file of a group, with one write(2), as echo does: nothing too. Raises OSError as the kernel says."""
    with open(f"{folder}/{file}", "w", encoding="ascii") as opened:
        opened.write(f"{value}\n")


def enter(folder: str, pids: Iterable[int]) -> None:
    """Moves processes to a group; those that end meanwhile need not come."""
    for pid in sorted(pids):
        with suppress(ProcessLookupError):
            write(folder, "cgroup.procs", str(pid))


def pass_on(folder: str, controllers: tuple[str, ...]) -> None:
    """Gives a group's children the controllers that it has (version 2)."""
    names = [name for name in controllers if name in LIMITED]
    if names:
        write(folder, "cgroup.subtree_control", passed_on(names))


def passed_on(controllers: Iterable[str]) -> str:
    """All of them in one write: some would be accepted where the others are refused, and make it a group of threads."""
    return " ".join(f"+{name}" for name in controllers)


def share_out(place: Place) -> None:
    """Has the group in which we may make others pass its controllers on to them (version 2)."""
    if os.path.exists(f"{place.base}/cgroup.type"):
        divide(place.base, REST, place.controllers)
    else:  # the root of all, which alone may have processes beside groups
        pass_on(place.base, place.controllers)


def divide(folder: str, leaf: str, controllers: tuple[str, ...]) -> None:
    """Moves a group's own processes to a leaf below it, and passes the controllers on: version 2 does not before that.

    Again, if need be: who forks meanwhile may leave a child behind.
    """
    for attempt in range(TRIES):
        if pids := cgroup.read(folder, "cgroup.procs").split():
            Path(f"{folder}/{leaf}").mkdir(exist_ok=True)
            enter(f"{folder}/{leaf}", map(int, pids))
        try:
            pass_on(folder, controllers)
        except OSError as why:
            if why.errno != EBUSY or attempt == TRIES - 1:
                raise
        else:
            return


def start_cgroup_reaper(launcher: int, folders: list[str]) -> subprocess.Popen[bytes]:
    """Starts the cgroup reaper of a lab, and gives it the locks."""
    pidfds = [os.pidfd_open(pid) for pid in (launcher, os.getpid())]
    locks = [lock for folder in folders if (lock := locked(folder)) is not None]
    try:
        command = [sys.executable, "-I", "-S", cgroup_reaper.__file__, *map(str, pidfds), *folders]
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


def locked(folder: str) -> int | None:
    """A descriptor that holds the lock of a lab's group; None where somebody else does, or it is gone."""
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
    """Groups of labs and of engines' rooms, with or without somebody who takes care of them.

    A room has one in each hierarchy, also in those that limit nothing.
    """
    bases = [place.base for place in where.everywhere]
    bases += [each.base for each in cgroup.hierarchies() if each.ours and each.base not in bases]
    for base in bases:
        with suppress(OSError):
            yield from sorted(entry.path for entry in os.scandir(base) if entry.name.startswith(PREFIX))


def clean(patience: float = 0.0) -> tuple[list[str], list[str]]:
    """Remove what labs have left whose cgroup reaper was killed too. Return the folders removed, and those in use.

    Nothing is killed: a lab's processes die with its launcher.
    """
    where = delegation()
    if not where.places:
        return [], []
    with alone(where):
        locks = {folder: lock for folder in leftovers(where) if (lock := locked(folder)) is not None}
        kept = cgroup_reaper.remove_all(locks, patience)
        for lock in locks.values():
            os.close(lock)
    return [folder for folder in locks if folder not in kept], kept
