"""Limits of a control group as attributes: read, they are what the kernel has; assigned to, they are written."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..kernel import cgroup
from ..kernel.cgroup import MAX, Setting

if TYPE_CHECKING:
    from .cgroup import Cgroup

EVERYBODYS = 100  # cpu.weight of a group about which nothing is said


@dataclass(frozen=True)
class Written:
    """A value that was written to a file of a group."""

    path: str
    value: str
    seconds: float

    @property
    def shell(self) -> str:
        """The command that does the same."""
        return f"echo {shlex.quote(self.value)} > {self.path}"

    def __str__(self) -> str:
        return (
            f"{os.path.basename(self.path)} <- {self.value} · {self.seconds * 1e6:.0f} µs · in the shell: {self.shell}"
        )

    def __repr__(self) -> str:
        return f"Written({os.path.basename(self.path)!r}, {self.value!r})"


class LimitFile:
    """An attribute that is a limit: `group.memory_max`, and `group.memory_max = "64M"`."""

    def __init__(self, field: str, file: str, kind: str) -> None:
        self.field, self.file, self.kind = field, file, kind
        self.__doc__ = f"{file}; None where there is no limit."

    def __get__(self, group: Cgroup | None, owner: type | None = None) -> Any:
        return self if group is None else read_limit(group, self.file, self.kind)

    def __set__(self, group: Cgroup, value: Any) -> None:
        nothing = EVERYBODYS if self.field == "cpu_weight" else MAX
        group.limit(**{self.field: nothing if value is None else value})


def read_limit(group: Cgroup, file: str, kind: str) -> Any:
    """A limit as the kernel has it; None where there is none, or the group is not in the tree that could have one."""
    place = group.groups.where.place(Setting(file, "").controller)
    if place is None or place not in group.places:
        return None
    with group.present(), suppress(FileNotFoundError):  # version 2: a child that was not passed the controller on
        return (READERS if place.tree.version == 2 else READERS_V1)[kind](group.folder(place), file)
    return None


def io_max(group: Cgroup) -> dict[str, dict[str, int]]:
    """Bytes and operations a second, by disk: {"254:0": {"wbps": 1048576}}. Only what is limited."""
    folder = group.folder("io")
    if os.path.exists(f"{folder}/io.max"):
        lines = cgroup.nested(cgroup.read(folder, "io.max")).items()
        return {disk: {key: int(rate) for key, rate in pairs.items() if rate != MAX} for disk, pairs in lines}
    found: dict[str, dict[str, int]] = {}
    for key, name in cgroup.IO_KEYS.items():
        for disk, rate in cgroup.flat(cgroup.read(folder, f"blkio.throttle.{name}_device")).items():
            found.setdefault(disk, {})[key] = rate
    return found


def _number(folder: str, file: str) -> int | None:
    return cgroup.number(cgroup.read(folder, file))


def _cores(folder: str, file: str) -> float | None:
    quota, period = cgroup.read(folder, file).split()
    return None if quota == MAX else int(quota) / int(period)


def _text(folder: str, file: str) -> str | None:
    return cgroup.read(folder, file) or None


def _number_v1(folder: str, file: str) -> int | None:
    found = _number(folder, cgroup.V1_NAMES.get(file, file))
    if file == "memory.swap.max" and found is not None:  # version 1 counts memory and swap together
        return found - (_number_v1(folder, "memory.max") or 0)
    return found


def _cores_v1(folder: str, _: str) -> float | None:
    quota = int(cgroup.read(folder, "cpu.cfs_quota_us"))
    return None if quota < 0 else quota / int(cgroup.read(folder, "cpu.cfs_period_us"))


def _weight_v1(folder: str, _: str) -> int:
    return round(int(cgroup.read(folder, "cpu.shares")) * 100 / 1024)


Reader = Callable[[str, str], Any]
READERS: Mapping[str, Reader] = {"number": _number, "cores": _cores, "weight": _number, "text": _text}
READERS_V1: Mapping[str, Reader] = {"number": _number_v1, "cores": _cores_v1, "weight": _weight_v1, "text": _text}
