"""The control groups of a lab: all are below one of its own, which is removed whatever dies."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from ..errors import Harm, Unsupported
from ..kernel import proc
from ..kernel.calls import Answer
from ..launcher import cgroup_reaper
from .controllers import REST, enable_at_base, enable_behind_leaf
from .files import Setting, enter_group, make_group, read_file, write_file
from .leftovers import alone, clean, start_cgroup_reaper
from .places import PREFIX, Place, delegation

HOST = "host"  # the leaf of the launcher, and of processes without a group of their own
DELEGATED = ("cgroup.procs", "cgroup.threads", "cgroup.subtree_control", "tasks")
"""The files of a group to which its delegate writes. See cgroup-v2.rst, "Delegation"."""


class Owner(Protocol):
    """A lab, as its control groups see it."""

    @property
    def machine_pid(self) -> int:
        """The number of its PID 1, as we see it."""

    @property
    def ids(self) -> int:
        """How many user ids its containers may have; the next one is reserved, if there are several."""

    @property
    def alive(self) -> bool:
        """Whether it is open, and its PID 1 lives."""

    @property
    def closed(self) -> bool:
        """Whether it has been closed."""

    def processes(self) -> set[int]:
        """All of its processes."""

    def essential(self) -> set[int]:
        """Processes that must not end with a group."""

    def see_groups_from(self, path: str) -> None:
        """Make the cgroup namespace anew, in which `path` is `/`."""


class Made(Protocol):
    """A group below the lab's own."""

    path: str
    removed: bool

    @property
    def folders(self) -> tuple[str, ...]:
        """Its folder in each tree."""

    @property
    def frozen(self) -> bool:
        """Whether its processes are frozen."""

    def all_pids(self) -> list[int]:
        """Its processes and those of groups below."""

    def thaw(self) -> None:
        """Let its processes go on."""


class LabGroups:
    """A lab's own group in each tree, made when the first limit is asked for. A cgroup reaper removes it after the lab.

    Raises Unsupported where no group is delegated to us.
    """

    def __init__(self, owner: Owner) -> None:
        self.where = delegation()
        if not self.where.places:
            raise Unsupported(
                "no control group can be made here: none is delegated to this user", hint=self.where.grant
            )
        self._owner = weakref.ref(owner)
        self.name = f"{PREFIX}{owner.machine_pid}"
        self.made: dict[str, Made] = {}
        self.frozen: set[Made] = set()
        self._count = 0
        maps = proc.uid_map(owner.machine_pid), proc.gid_map(owner.machine_pid)
        self._first_uid, self._first_gid = (ids[0].outside for ids in maps)
        clean()
        try:
            self._begin(owner)
        except OSError as why:
            raise Unsupported(f"no control group can be made here: {why}", hint=self.where.grant) from why

    def _begin(self, owner: Owner) -> None:
        with alone(self.where):
            self._make_all(owner.machine_pid)
        pids = owner.processes()
        try:
            self._move_in(owner, pids)
        except BaseException:  # refused, or interrupted: the next attempt finds all as it was
            self._move_out(pids)
            raise

    def _make_all(self, launcher: int) -> None:
        folders = [self.folder(place) for place in self.where.everywhere]
        try:
            for place in self.where.everywhere:
                self._make(place)
            self.reaper = start_cgroup_reaper(launcher, folders)
        except BaseException:
            cgroup_reaper.remove_all(folders, 0)
            raise

    def _make(self, place: Place) -> None:
        for setting in missing_settings(place):
            write_file(place.base, setting.file, setting.value)
        make_group(self.folder(place))
        for setting in inherited(place, place.base):
            write_file(self.folder(place), setting.file, setting.value)

    def _move_in(self, owner: Owner, pids: set[int]) -> None:
        for place in self.where.everywhere:
            enter_group(self.folder(place), pids)
        first = self.where.places[0]
        owner.see_groups_from("/" + os.path.relpath(self.folder(first), first.tree.mount))
        for place in self.where.everywhere:
            self.protect(self.folder(place))
            self._move_to_leaf(place, pids)

    def _move_to_leaf(self, place: Place, pids: set[int]) -> None:
        """Move the lab's own processes to a leaf, and enable the controllers for the groups beside it.

        v2 has processes in leaves only; on v1 too a process could make a cgroup namespace in which all that is below
        its group is visible: no other group shall be there.
        """
        if self.where.style == "v2":
            enable_at_base(place)
        host = f"{self.folder(place)}/{HOST}"
        make_group(host)
        for setting in inherited(place, self.folder(place)):
            write_file(host, setting.file, setting.value)
        self.protect(host)
        enter_group(host, pids)
        if place.tree.version == 2:
            enable_behind_leaf(self.folder(place), HOST, place.controllers)
            self.protect(self.folder(place))

    def _move_out(self, pids: set[int]) -> None:
        for place in self.where.everywhere:
            try:
                enter_group(place.base, pids)
            except OSError:  # v2, and its controllers are enabled for its children: then to a leaf
                with suppress(OSError):
                    Path(f"{place.base}/{REST}").mkdir(exist_ok=True)
                    enter_group(f"{place.base}/{REST}", pids)
        self.reaper.kill()
        self.reaper.wait()
        cgroup_reaper.remove_all([self.folder(place) for place in self.where.everywhere], 1.0)

    # --- ownership
    def protect(self, folder: str) -> None:
        """Give a group to the lab's reserved id, which no container has: no program in one can lift its limits.

        The launcher, which is root over all ids of the lab, may still write to it. An ordinary user cannot give files
        away: there only version 2's `nsdelegate` protects a group from the processes in it.
        """
        owner = self._owner()
        if os.getuid() == 0 and owner is not None and owner.ids > 1:
            self._give(folder, owner.ids, [entry.path for entry in os.scandir(folder) if entry.is_file()])

    def protect_made(self, answers: Iterable[Answer]) -> None:
        """Protect the folders that the launcher has just made, before a process is in one of them."""
        for answer in answers:
            if answer.name == "mkdirat":
                self.protect(str(answer.call.args[1]))

    def delegate(self, folder: str) -> None:
        """Let the root of the lab's containers make groups below this one, and move its processes to them."""
        if os.getuid() == 0 and self._owner() is not None:
            self._give(folder, 0, [f"{folder}/{file}" for file in DELEGATED if os.path.exists(f"{folder}/{file}")])

    def _give(self, folder: str, owner: int, files: Iterable[str]) -> None:
        for path in (folder, *files):
            os.chown(path, self._first_uid + owner, self._first_gid + owner)

    def refuse_harm(self, pid: int) -> None:
        """Raise Harm for a pid that must survive a group: the lab's host, this process, and what is not of the lab."""
        owner = self._owner()
        if owner is None:
            return
        if pid in owner.essential():
            raise Harm("the lab's host would end with the group, and the lab with it", hint="make a container for it")
        with suppress(ProcessLookupError):  # it has ended: the move itself reports that
            if owner.machine_pid not in proc.ancestors(pid):
                who = "this notebook itself" if pid == os.getpid() else "not of this lab"
                raise Harm(f"process {pid} is {who}, and would end with the group", hint="make a container for it")

    # --- the groups below
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

    def forget(self, group: Made) -> None:
        """Take note that a group has been removed, and all below it."""
        for path, other in list(self.made.items()):
            if other is group or path.startswith(f"{group.path}/"):
                other.removed = True
                self.frozen.discard(other)
                del self.made[path]

    def has_frozen(self, machine_pid: int) -> bool:
        """Whether a process is in a control group that was frozen, or in one below it."""
        return any(group.frozen and machine_pid in group.all_pids() for group in list(self.frozen))

    def wake(self, machine_pid: int) -> None:
        """Thaw the group of a process that is about to be killed: on v1 a frozen one does not die."""
        for group in list(self.frozen):
            if machine_pid in group.all_pids() and not os.path.exists(f"{group.folders[0]}/cgroup.kill"):
                group.thaw()

    # --- the lab's end
    @property
    def lab_lives(self) -> bool:
        """Whether the lab that they belong to is open."""
        owner = self._owner()
        return owner is not None and owner.alive

    @property
    def closed(self) -> bool:
        """Whether the lab has ended, and its groups with it."""
        owner = self._owner()
        return owner is None or owner.closed

    def thaw_all(self) -> None:
        """Thaw all groups before the lab ends: on v1 a frozen process would not end."""
        if self.frozen:
            cgroup_reaper.thaw_all(self.folder(place) for place in self.where.everywhere)

    def close(self) -> None:
        """Wait until the cgroup reaper has removed the lab's groups. The lab must have ended."""
        self.reaper.wait()


def inherited(place: Place, parent: str) -> Iterator[Setting]:
    """Settings of a v1 cpuset that a fresh group below `parent` needs before a process may enter."""
    yield from (Setting(setting.file, read_file(parent, setting.file)) for setting in place.inherited)


def missing_settings(place: Place) -> Iterator[Setting]:
    """Settings that a delegated v1 cpuset still misses."""
    if place.base != place.tree.mount:
        yield from (setting for setting in place.inherited if not read_file(place.base, setting.file))
