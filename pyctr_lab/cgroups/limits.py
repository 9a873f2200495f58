"""What a group may use, and the files in which that is written. See cgroups(7) and cgroup-v2.rst."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

from ..errors import BadInput, Unsupported
from ..kernel import size
from ..kernel.checks import short_repr
from .files import MAX, PERIOD, Setting, device_of
from .places import Delegation, Place
from .v1 import in_v1

PAGE = 4096  # bytes: the kernel counts memory in pages, and a group with less than one has nothing
SWAP = 'say memory="64M", memory_swap="0"'
DISK = re.compile(r"\d{1,4}:\d{1,7}", re.ASCII)
GROUP = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,62}", re.ASCII)  # without dots: the kernel's own files have them
CPUS = re.compile(r"\d{1,4}(-\d{1,4})?(,\d{1,4}(-\d{1,4})?)*", re.ASCII)


@dataclass(frozen=True)
class Limits:
    """What a group may use. None: nothing is said about it; "max": no limit.

    `memory`, `memory_high`, `memory_swap` are bytes or "64M"; `cpus` is cores, 0.5 or "50%"; `cpu_weight` is its share
    when others want the core too, 1 to 10,000 (100 where nothing is said); `pids` counts processes and threads;
    `io_read`, `io_write` are bytes a second on `disk` ("254:0", or any path on it); `cpuset` names processors: "0-1".
    """

    memory: int | str | None = None
    cpus: float | str | None = None
    pids: int | str | None = None
    memory_high: int | str | None = None
    memory_swap: int | str | None = None
    cpu_weight: int | None = None
    io_read: int | str | None = None
    io_write: int | str | None = None
    disk: str = "/"
    cpuset: str | None = None

    def __post_init__(self) -> None:
        for name, least in (("memory", PAGE), ("memory_high", PAGE), ("io_read", 1), ("io_write", 1)):
            self._keep(name, lambda value, name=name, least=least: size.parse(value, what=name, least=least))
        self._keep("memory_swap", lambda value: size.parse(value, what="memory_swap", least=0))
        self._keep("cpus", size.parse_cores)
        self._keep("pids", lambda value: check_whole(value, "pids", 1, 1 << 22))
        self._keep("cpuset", check_processors)
        if self.cpu_weight is not None:
            object.__setattr__(self, "cpu_weight", check_whole(self.cpu_weight, "cpu_weight", 1, 10_000))
        if not isinstance(self.disk, str) or not ("/" in self.disk or DISK.fullmatch(self.disk)):
            hint = 'it is a path on it, or its numbers: "254:0"'
            raise BadInput(f"disk cannot be {short_repr(self.disk)}", hint=hint)
        if (self.io_read, self.io_write) != (None, None):
            assert self.device  # looked up now: `settings` asks the machine nothing

    def _keep(self, name: str, parse) -> None:  # type: ignore[no-untyped-def]
        value = getattr(self, name)
        if value is not None and value != MAX:
            object.__setattr__(self, name, parse(value))

    def __repr__(self) -> str:
        values = ((field.name, getattr(self, field.name)) for field in fields(self))
        said = (f"{name}={spell_limit(name, v)}" for name, v in values if v is not None and (name, v) != ("disk", "/"))
        return f"Limits({', '.join(said)})"

    def settings(self) -> tuple[Setting, ...]:
        """The files of version 2, and what is written to each."""
        return tuple(self._settings())

    def _settings(self) -> Iterator[Setting]:
        for name, file in PLAIN.items():
            value = getattr(self, name)
            if value is not None:
                yield Setting(file, "" if (name, value) == ("cpuset", MAX) else str(value))
        if self.cpus is not None:
            quota = MAX if isinstance(self.cpus, str) else round(self.cpus * PERIOD)
            yield Setting("cpu.max", f"{quota} {PERIOD}")
        rates = {"rbps": self.io_read, "wbps": self.io_write}
        said = [f"{key}={rate}" for key, rate in rates.items() if rate is not None]
        if said:
            yield Setting("io.max", " ".join([self.device, *said]))

    @cached_property
    def device(self) -> str:
        """The disk's numbers, as io.max wants them: "254:0". Found when the limits are made, if I/O is limited."""
        return device_of(self.disk) if "/" in self.disk else self.disk


PLAIN = {
    "memory_high": "memory.high",
    "memory": "memory.max",
    "memory_swap": "memory.swap.max",
    "cpu_weight": "cpu.weight",
    "pids": "pids.max",
    "cpuset": "cpuset.cpus",
}


def spell_limit(name: str, value: object) -> str:
    """As one would write it: memory="64M"."""
    sizes = name.startswith(("memory", "io_"))
    return f'"{size.spell_size(value)}"' if sizes and isinstance(value, int) else repr(value).replace("'", '"')


def check_whole(value: object, what: str, least: int, most: int) -> int:
    """A whole number within bounds, as a number or as its digits. Raises BadInput."""
    number = int(value) if isinstance(value, str) and re.fullmatch(r"\d{1,9}", value, re.ASCII) else value
    if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= most:
        raise BadInput(f"{what} cannot be {short_repr(value)}", hint=f"it is a whole number from {least} to {most}")
    return number


def check_processors(value: object) -> str:
    """A list of processors as the kernel writes it: "0-1" or "0,2". Raises BadInput."""
    if not isinstance(value, str) or not CPUS.fullmatch(value):
        raise BadInput(f"cpuset cannot be {short_repr(value)}", hint='it names processors: "0-1" or "0,2"')
    spans = [list(map(int, span.split("-"))) for span in value.split(",")]
    if any(span != sorted(span) for span in spans):
        raise BadInput(f"cpuset cannot be {short_repr(value)}: a span goes upwards", hint='"0-1" or "0,2"')
    here = os.sysconf("SC_NPROCESSORS_CONF")
    if max(map(max, spans)) >= here:
        raise BadInput(f"cpuset cannot be {short_repr(value)}: the processors here are 0 to {here - 1}")
    return value


def check_group_name(name: object) -> str:
    """A name that can be a group's. Raises BadInput."""
    if not isinstance(name, str) or not GROUP.fullmatch(name):
        raise BadInput(f"{short_repr(name)} is no name for a control group", hint="up to 63 letters, digits, _ and -")
    if name == "host":
        raise BadInput('"host" is the control group of the lab\'s own processes', hint="take another name")
    return name


def merge_limits(limits: Limits | None, words: dict[str, Any]) -> Limits:
    """Limits given as an object, as words, or as both. Raises BadInput for an unknown word."""
    if limits is not None and not isinstance(limits, Limits):
        raise BadInput(f"{short_repr(limits)} are no limits", hint='write memory="64M", cpus=0.5, pids=32')
    unknown = sorted(set(words) - set(Limits.__dataclass_fields__))
    if unknown:
        raise BadInput(
            f"there is no limit {short_repr(unknown[0])}", hint=f"there are {', '.join(Limits.__dataclass_fields__)}"
        )
    return replace(limits or Limits(), **words)


def settings_in(limits: Limits, where: Delegation) -> Iterator[tuple[Place, Setting]]:
    """Each file to be written, in the tree that has its controller. Raises Unsupported for what may not be limited."""
    for setting in limits.settings():
        place = where.place(setting.controller)
        if place is None:
            hint = where.grant if setting.controller in where.offered else "`pyctr-lab doctor` says what is there"
            raise Unsupported(f"{setting.file} cannot be set: {where.why(setting.controller)}", hint=hint)
        if place.tree.version == 2:
            yield place, _allowed(setting, place)
        else:
            yield from ((place, each) for each in in_v1(_whole(setting, limits, place)))


def _allowed(setting: Setting, place: Place) -> Setting:
    """v2 lets no group with processes forget its processors (ENOSPC): all that there are is written instead."""
    return Setting(setting.file, place.cpus) if setting == Setting("cpuset.cpus", "") else setting


def _whole(setting: Setting, limits: Limits, place: Place) -> Setting:
    """v1 counts swap together with memory, and has no unset cpuset."""
    if setting == Setting("cpuset.cpus", ""):
        return Setting(setting.file, place.cpus)
    if setting.file == "memory.swap.max" and setting.value != MAX:
        if not isinstance(limits.memory, int):
            raise BadInput("memory_swap needs memory beside it: version 1 counts both together", hint=SWAP)
        return Setting(setting.file, str(limits.memory + int(setting.value)))
    return setting


def places_of(limits: Limits, where: Delegation) -> tuple[Place, ...]:
    """The trees that a group with these limits is in. Raises Unsupported where there is none."""
    if not where.places:
        raise Unsupported("no control group can be made here: none is delegated to this user", hint=where.grant)
    return where.places if limits.cpuset is None else where.everywhere
