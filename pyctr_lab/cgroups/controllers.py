"""Enable a group's controllers for the groups below it (version 2), which it can only do without processes of its own.

Source: cgroup-v2.rst, "No Internal Process Constraint".
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from errno import EBUSY
from pathlib import Path

from .files import enter_group, read_file, write_file
from .places import LIMITED, Place

TRIES = 20  # to move processes that fork meanwhile
REST = "pyctr-rest"  # the leaf for the processes of the group that is delegated to us


def enabling(controllers: Iterable[str]) -> str:
    """One write for all: the kernel takes some alone, which would make the group a threaded one."""
    return " ".join(f"+{name}" for name in controllers)


def enable(folder: str, controllers: Iterable[str]) -> None:
    """Enable a group's controllers for its children."""
    names = [name for name in controllers if name in LIMITED]
    if names:
        write_file(folder, "cgroup.subtree_control", enabling(names))


def enable_at_base(place: Place) -> None:
    """Enable the delegated group's controllers for its children."""
    if os.path.exists(f"{place.base}/cgroup.type"):
        enable_behind_leaf(place.base, REST, place.controllers)
    else:  # the root of all, which alone may have processes beside groups
        enable(place.base, place.controllers)


def enable_behind_leaf(folder: str, leaf: str, controllers: Iterable[str]) -> None:
    """Move a group's own processes to a leaf below it, and enable its controllers for its children.

    Try again where a process forks meanwhile: its child stays behind.
    """
    for attempt in range(TRIES):
        if pids := read_file(folder, "cgroup.procs").split():
            Path(f"{folder}/{leaf}").mkdir(exist_ok=True)
            enter_group(f"{folder}/{leaf}", map(int, pids))
        try:
            enable(folder, controllers)
        except OSError as why:
            if why.errno != EBUSY or attempt == TRIES - 1:
                raise
        else:
            return
