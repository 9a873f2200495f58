"""A control group as folders: one in each tree that it is in."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from ..errors import NEW_LAB, BadInput, Gone, Unsupported
from ..kernel import proc
from ..kernel.checks import short_repr
from . import v1, v2
from .files import Setting, read_file
from .lab_groups import LabGroups
from .places import ACCOUNTED, LIMITED, Place


class GroupFolders:
    """Where a control group of a lab is: its folder in each tree, and what is read there."""

    def __init__(self, groups: LabGroups, path: str, places: Sequence[Place]) -> None:
        self._groups = weakref.ref(groups)
        self.path = path  # below the lab's own group: "web", "web/worker"
        self.places = tuple(places)
        self.removed = False

    @property
    def groups(self) -> LabGroups:
        """All of the lab's groups. Raises Gone when this one, or the lab, is no more."""
        groups = self._groups()
        if groups is None or not self.is_there:
            raise self.gone()
        return groups

    @property
    def is_there(self) -> bool:
        """Whether it has not been removed."""
        groups = self._groups()
        return groups is not None and not self.removed and not groups.closed

    def gone(self) -> Gone:
        """The error for a group that has been removed, or has ended with its lab."""
        groups = self._groups()
        if groups is None or not groups.lab_lives:
            return Gone(f"the control group {self.path} has ended with its lab", hint=NEW_LAB)
        return Gone(f"the control group {self.path} is no more", hint=f'lab.cgroup("{self.name}") makes a fresh one')

    @contextmanager
    def present(self) -> Iterator[None]:
        """Raise Gone if the cgroup is removed while the block reads its files: the lab may be killed meanwhile."""
        folder = self.folders[0]
        try:
            yield
        except OSError:
            if os.path.exists(folder):
                raise
        if not os.path.exists(folder):
            raise self.gone()

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]

    def folder(self, where: Place | str) -> str:
        """Its folder: in one tree, or in the tree that has a controller ("memory")."""
        if isinstance(where, Place):
            return self.folder_in(where)
        if not isinstance(where, str) or where not in {*LIMITED, *ACCOUNTED}:
            raise BadInput(f"there is no controller {short_repr(where)}", hint=f"there are {', '.join(LIMITED)}")
        place = self.place_of(where)
        if place is None:
            delegated = self.groups.where
            raise Unsupported(f"{self.path} has no {where}: {delegated.why(where)}", hint=delegated.grant)
        return self.folder_in(place)

    def folder_in(self, place: Place) -> str:
        """Its folder in one tree. Raises Gone when the group is no more."""
        return f"{self.groups.folder(place)}/{self.path}"

    def place_of(self, controller: str) -> Place | None:
        """The tree that has a controller, if the group is in it."""
        place = self.groups.where.place(controller)
        return place if place in self.places else None

    def counted_in(self, controller: str) -> str:
        """Its folder in the tree that has a controller; empty where the group is not in it."""
        place = self.place_of(controller)
        return self.folder_in(place) if place is not None else ""

    @property
    def folders(self) -> tuple[str, ...]:
        """Its folder in each tree. Version 2 has one tree."""
        return tuple(map(self.folder_in, self.places))

    def limit_of(self, file: str, kind: str) -> object:
        """A limit as the kernel reports it; None without a limit, or the group is not in the tree that has the file."""
        place = self.place_of(Setting(file, "").controller)
        if place is None:
            return None
        with self.present(), suppress(FileNotFoundError):  # version 2: the parent does not enable the controller
            return (v2.READERS if place.tree.version == 2 else v1.READERS_V1)[kind](self.folder_in(place), file)
        return None

    def all_pids(self) -> list[int]:
        """Its processes and those of groups below, without zombies."""
        found = []
        for path, _, _ in os.walk(self.folders[0]):
            with suppress(OSError):  # gone meanwhile: ENOENT, or ENODEV while it is read
                found += read_file(path, "cgroup.procs").split()
        return [pid for pid in map(int, found) if not proc.has_ended(pid)]
