"""A control group: what its processes may use, what they do use, and what happened at its limits.

Names and meanings are those of version 2. On a machine that has a controller only on version 1, the same object reads
and writes the files of version 1. Sources: cgroups(7), the kernel's documents cgroup-v2.rst and cgroup-v1/.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from errno import EBUSY, EINVAL, ENODEV
from typing import Any, Protocol, runtime_checkable

from ..errors import BadInput, Busy, Gone, GroupError
from ..interrupts import uninterrupted, waiting
from ..kernel import proc
from ..kernel.checks import check_timeout, short_repr
from ..launcher import cgroup_reaper
from .controllers import enabling
from .events import Events, Watch
from .files import MAX, Setting, enter_group, make_group, parse_flat, parse_number, read_file, write_file
from .folders import GroupFolders
from .lab_groups import LabGroups, inherited
from .limit_attributes import DEFAULT_WEIGHT, LimitFile, Written
from .limits import Limits, check_group_name, merge_limits, places_of, settings_in
from .places import Place
from .usage import Reached, Usage, reached, usage
from .v1 import SWAPPED, read_v1_io_max
from .v2 import read_v2_io_max

PATIENCE = 10.0  # seconds for killed processes to leave


@runtime_checkable
class Mover(Protocol):
    """A process that keeps the group it was moved to: a container."""

    def moved_to(self, group: Cgroup) -> None:
        """Take note that it is in a group of its own."""


class Cgroup(GroupFolders):
    """A control group of a lab: `lab.cgroup("web", memory="64M")`. It ends with the lab at the latest.

    In a `with` block it is removed at the end, with all that is in it.
    """

    memory_max = LimitFile("memory", "memory.max", "number")
    memory_high = LimitFile("memory_high", "memory.high", "number")
    memory_swap_max = LimitFile("memory_swap", "memory.swap.max", "number")
    cpu_max = LimitFile("cpus", "cpu.max", "cores")
    cpu_weight = LimitFile("cpu_weight", "cpu.weight", "weight")
    pids_max = LimitFile("pids", "pids.max", "number")
    cpuset = LimitFile("cpuset", "cpuset.cpus", "text")

    def __init__(self, groups: LabGroups, path: str, places: Sequence[Place]) -> None:
        super().__init__(groups, path, places)
        self.written: list[Written] = []
        self.stays = True  # until it is removed; one that a step has made ends with the last process in it

    # --- made
    @classmethod
    def make(cls, groups: LabGroups, path: str, limits: Limits) -> Cgroup:
        """Make the group in each tree, and write its limits. Raises Unsupported for what may not be limited here."""
        tuple(settings_in(limits, groups.where))  # refused before anything has happened
        group = cls(groups, path, groups.where.places)
        groups.made[path] = group
        try:
            for place in group.places:
                group._make_in(place)
            group.limit(limits)
        except FileNotFoundError:  # the folder above is gone: the lab was killed, and the cgroup reaper has been here
            raise group.gone() from None
        except BaseException:
            group.remove()
            raise
        return group

    def _make_in(self, place: Place) -> None:
        folder = self.folder_in(place)
        make_group(folder)
        for setting in inherited(place, os.path.dirname(folder)):
            write_file(folder, setting.file, setting.value)
        self.groups.protect(folder)

    @uninterrupted()
    def child(self, name: str, limits: Limits | None = None, /, **words: Any) -> Cgroup:
        """A group in this one: its processes have the limits of both.

        In version 2 a group that enables controllers for its children has no processes: move them to a child first.
        """
        limits = merge_limits(limits, words)
        path = f"{self.path}/{check_group_name(name)}"
        if any(os.path.exists(f"{folder}/{name}") for folder in self.folders):
            raise BadInput(f"there is a control group {path} already", hint=".remove() it first, or take another name")
        if limits != Limits():
            self.pass_on()
        for place in places_of(limits, self.groups.where):
            self._join(place)
        return Cgroup.make(self.groups, path, limits)

    def delegate(self) -> Cgroup:
        """Delegate the group to the lab's root: containers with its ids may make groups below it, within its limits.

        One of the default recipe has ids of its own: `recipe.with_shared_ids()` is the same with the lab's.
        A group that is not delegated cannot be written to from a container.
        """
        for folder in self.folders:
            self.groups.delegate(folder)
        return self

    def pass_on(self) -> None:
        """Enable its controllers for its children. In version 1 they have them anyway."""
        for place in self.places:
            names = read_file(self.folder(place), "cgroup.controllers").split() if place.tree.version == 2 else []
            if names:
                self._write(self.folder(place), Setting("cgroup.subtree_control", enabling(names)))

    # --- limits
    @uninterrupted()
    def limit(self, limits: Limits | None = None, /, **words: Any) -> tuple[Written, ...]:
        """Write the limits that are given: `group.limit(memory="64M", cpus=0.5)`. Return what was written where."""
        limits = merge_limits(limits, words)
        wanted = list(settings_in(limits, self.groups.where))
        for place in places_of(limits, self.groups.where):
            self._join(place)
        if any(not os.path.exists(f"{self.folder(place)}/{setting.file}") for place, setting in wanted):
            self._ask_parent()
        before = len(self.written)
        for place, setting in self._in_order(wanted):
            self._write(self.folder(place), setting)
        return tuple(self.written[before:])

    def _in_order(self, wanted: list[tuple[Place, Setting]]) -> list[tuple[Place, Setting]]:
        """v1 refuses memory above memory + swap: when raising both, write the sum first."""
        both = [index for index, (_, setting) in enumerate(wanted) if setting.file in SWAPPED]
        if len(both) == 2:
            first, second = both
            now, then = self.memory_max, parse_number(wanted[first][1].value)
            if now is not None and (then is None or then > now):
                wanted[first], wanted[second] = wanted[second], wanted[first]
        return wanted

    def _ask_parent(self) -> None:
        """In version 2 a group has the files of the controllers that its parent enables."""
        parent = self.groups.made.get(self.path.rpartition("/")[0])
        if isinstance(parent, Cgroup):
            parent.pass_on()

    def _join(self, place: Place) -> None:
        """Join version 1's cpuset, which a group is in only when a limit needs it."""
        if place not in self.places:
            pids = self.pids
            self.places += (place,)
            if not os.path.exists(self.folder(place)):
                self._make_in(place)
            self._enter(self.folder(place), pids)

    def _write(self, folder: str, setting: Setting) -> None:
        path, start = f"{folder}/{setting.file}", time.perf_counter()
        if not os.path.exists(folder):
            raise self.gone()
        try:
            write_file(folder, setting.file, setting.value)
        except OSError as why:
            if not os.path.exists(folder):  # the lab was killed, and the cgroup reaper has removed it
                raise self.gone() from None
            raise GroupError(path, setting.value, why.errno or 0, hint=self._hint(setting, why)) from why
        self.written.append(Written(path, setting.value, time.perf_counter() - start))

    def _hint(self, setting: Setting, why: OSError) -> str:
        if why.errno == EBUSY and setting.file == "cgroup.subtree_control":
            return f"{self.path} has processes of its own: move them to a child first, inner.add(*group.pids)"
        if why.errno == EBUSY and setting.controller == "memory":
            return "its processes use more than that, and the kernel could not take it from them"
        if why.errno == ENODEV:
            return "there is no such disk"
        if why.errno == EINVAL and setting.file == "cpu.cfs_quota_us":
            return "version 1 lets no group have more of a core than the one above it, or less than one inside it"
        if why.errno == EINVAL and setting.file in SWAPPED:
            return "memory and swap together cannot be less than memory"
        return ""

    @property
    def io_max(self) -> dict[str, dict[str, int]]:
        """Bytes and operations a second, by disk: {"254:0": {"wbps": 1048576}}. Only what is limited."""
        folder = self.folder("io")
        return (read_v2_io_max if os.path.exists(f"{folder}/io.max") else read_v1_io_max)(folder)

    @property
    def limits(self) -> Limits:
        """What is limited now, read from the kernel."""
        values = {each.field: getattr(self, name) for name, each in vars(Cgroup).items() if isinstance(each, LimitFile)}
        if values["cpu_weight"] == DEFAULT_WEIGHT:
            values["cpu_weight"] = None
        return Limits(**values)

    # --- processes
    @property
    def pids(self) -> tuple[int, ...]:
        """Its processes (not those of groups below), by their numbers as the notebook sees them."""
        with self.present():
            return tuple(map(int, read_file(self.folders[0], "cgroup.procs").split()))

    @uninterrupted()
    def add(self, *processes: Any) -> Cgroup:
        """Move processes of the lab here: containers, programs, or numbers as the notebook sees them.

        Children to come follow. What they use already stays on the bill of their old group. They end with the group at
        the latest: so the lab's host, and a process that is not of the lab, are refused with Harm. Raises Gone for a
        process that has ended.
        """
        pids = list(map(number_of, processes))
        for pid in pids:
            self.groups.refuse_harm(pid)
        for folder in self.folders:
            self._enter(folder, pids)
        self._gather(set(pids))
        for process in processes:
            if isinstance(process, Mover):
                process.moved_to(self)
        return self

    def _gather(self, known: set[int]) -> None:
        """v1 has many trees: a child forked during the move is in some of them only, the first among them."""
        while len(self.folders) > 1 and (late := set(self.pids) - known):
            known |= late
            for folder in self.folders[1:]:
                enter_group(folder, late)

    def _enter(self, folder: str, pids: Iterable[int]) -> None:
        for pid in pids:
            try:
                self._write(folder, Setting("cgroup.procs", str(pid)))
            except GroupError as why:
                if isinstance(why.__cause__, ProcessLookupError) or proc.has_ended(pid):
                    raise Gone(f"process {pid} has ended, and cannot be moved to {self.path}") from None
                raise

    # --- seen
    def stat(self) -> Usage:
        """What its processes use, and have used, as data. Takes about 0.2 ms."""
        with self.present():
            return usage(self)

    @property
    def events(self) -> Events:
        """How often a limit has acted."""
        return Events.of(self)

    def watch(self) -> Watch:
        """Wait for events: see `Watch`."""
        return Watch(self)

    def reached(self, victim: str = "") -> tuple[Reached, ...]:
        """Which limits have acted, and how. `victim` names the OOM victim, where the kernel's log may not be read."""
        return reached(self, victim)

    # --- frozen, killed, removed
    @uninterrupted()
    def freeze(self, timeout: float | None = 5.0) -> None:
        """Freeze all of its processes until `thaw`. They do not notice. Wait until all are frozen."""
        within = check_timeout(timeout)
        self.groups.frozen.add(self)
        self._set_frozen(True, within)

    def thaw(self, timeout: float | None = 5.0) -> None:
        """Thaw its processes: they go on."""
        self._set_frozen(False, check_timeout(timeout))
        self.groups.frozen.discard(self)

    def _set_frozen(self, frozen: bool, timeout: float | None) -> None:
        folder = self.folders[0]
        if os.path.exists(f"{folder}/cgroup.freeze"):
            self._write(folder, Setting("cgroup.freeze", str(int(frozen))))
        else:
            folder = next(f for f in self.folders if os.path.exists(f"{f}/freezer.state"))
            self._write(folder, Setting("freezer.state", "FROZEN" if frozen else "THAWED"))
        until = None if timeout is None else time.monotonic() + timeout
        while self.frozen != frozen:
            if until is not None and time.monotonic() > until:
                raise Busy(f"{self.path} had not come to rest after {timeout} s")
            with waiting():
                time.sleep(0.001)

    @property
    def frozen(self) -> bool:
        """Whether its processes are frozen."""
        with self.present():
            for folder in self.folders:
                if os.path.exists(f"{folder}/cgroup.freeze"):
                    return parse_flat(read_file(folder, "cgroup.events"))["frozen"] == 1
                if os.path.exists(f"{folder}/freezer.state"):
                    return read_file(folder, "freezer.state") == "FROZEN"
        return False

    @uninterrupted(firm=True)
    def kill(self) -> None:
        """Kill all processes here and in groups below, forks meanwhile included, and wait for their end."""
        folder = self.folders[0]
        if os.path.exists(f"{folder}/cgroup.kill"):
            self._write(folder, Setting("cgroup.kill", "1"))
            with self.present():
                self._until_empty(lambda _: write_file(folder, "cgroup.kill", "1"))
            return
        if self.frozen:  # v1: a frozen process does not die
            self.thaw()
        with self._without_forks():
            self._until_empty(kill_each)

    def _until_empty(self, kill: Callable[[list[int]], None]) -> None:
        """Kill until none is left: a process that forks during the kill may leave a child.

        List twice: a child forked during the first listing appears only in the second.
        """
        until = time.monotonic() + PATIENCE
        while pids := self.all_pids() or self.all_pids():
            if time.monotonic() > until:
                said = f"{len(pids)} processes of {self.path} had not ended"
                raise Busy(f"{said} {PATIENCE:.0f} s after they were killed")
            kill(pids)
            time.sleep(0.002)

    @contextmanager
    def _without_forks(self) -> Iterator[None]:
        """v1 has no cgroup.kill: set pids.max to 0 so that nothing can fork while we kill one by one."""
        place = self.groups.where.place("pids")
        folder = self.folder_in(place) if place is not None and place in self.places else ""
        before = ""
        with suppress(OSError):  # gone meanwhile, or not counted here
            before = read_file(folder, "pids.max")
            write_file(folder, "pids.max", "0")
        try:
            yield
        finally:
            with suppress(OSError):
                write_file(folder, "pids.max", before or MAX)

    @uninterrupted(firm=True)
    def remove(self) -> None:
        """Kill what is in it, and remove it and the groups below. Twice is fine."""
        if not self.is_there:
            return
        with suppress(Gone):  # the cgroup reaper has been here
            self.kill()
        left = cgroup_reaper.remove_all(self.folders)
        if left:
            raise Busy(f"{left[0]} is still in use")
        self.groups.forget(self)

    @uninterrupted(firm=True)
    def leave(self) -> None:
        """Remove it if it need not stay, and has no processes."""
        if not self.stays and self.is_there and all(map(cgroup_reaper.remove, self.folders)):
            self.groups.forget(self)

    def __enter__(self) -> Cgroup:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def __repr__(self) -> str:
        return f"Cgroup({self.path!r}, {self.limits!r})" if self.is_there else f"Cgroup({self.path!r}, removed)"


def adopt(groups: LabGroups, name: str, limits: Limits) -> Cgroup:
    """The group of this name that the launcher makes, or has changed, as an object; it ends with its last process."""
    places = places_of(limits, groups.where)
    group = groups.made.get(name)
    if not isinstance(group, Cgroup):
        group = groups.made[name] = Cgroup(groups, name, places)
        group.stays = False
    group.places += tuple(place for place in places if place not in group.places)
    return group


def number_of(process: object) -> int:
    """The number of a process as the notebook sees it. Raises BadInput for what stands for no process."""
    number = getattr(process, "machine_pid", process)
    if isinstance(number, bool) or not isinstance(number, int) or not 0 < number < 1 << 31:
        hint = "a container, a program, or the number of a process"
        raise BadInput(f"{short_repr(process)} is no process", hint=hint)
    return number


def kill_each(pids: Iterable[int]) -> None:
    """Kill processes by their numbers; ended ones are passed over."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
