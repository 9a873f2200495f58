"""A control group with limits: what a process may use. See cgroups(7) and the kernel's document cgroup-v2.rst."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from errno import EEXIST
from typing import Any

from ..errors import BadInput, Unsupported
from ..kernel import cgroup, size
from ..kernel.arguments import GroupDescriptor, GroupFile, Subject
from ..kernel.calls import Call, mkdirat, write
from ..kernel.cgroup import MAX, Setting
from ..kernel.checks import short_repr as short
from ..kernel.delegation import Delegation, Place, delegation
from .namespaces import put
from .step import Step

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
        self._keep("pids", lambda value: whole(value, "pids", 1, 1 << 22))
        self._keep("cpuset", processors)
        if self.cpu_weight is not None:
            object.__setattr__(self, "cpu_weight", whole(self.cpu_weight, "cpu_weight", 1, 10_000))
        if not isinstance(self.disk, str) or not ("/" in self.disk or DISK.fullmatch(self.disk)):
            raise BadInput(f"disk cannot be {short(self.disk)}", hint='it is a path on it, or its numbers: "254:0"')

    def _keep(self, name: str, parse) -> None:  # type: ignore[no-untyped-def]
        value = getattr(self, name)
        if value is not None and value != MAX:
            object.__setattr__(self, name, parse(value))

    def __repr__(self) -> str:
        said = ((field.name, getattr(self, field.name)) for field in fields(self))
        return (
            f"Limits({', '.join(f'{n}={shown(n, v)}' for n, v in said if v is not None and (n, v) != ('disk', '/'))})"
        )

    def settings(self) -> tuple[Setting, ...]:
        """The files of version 2, and what is written to each."""
        return tuple(self._settings())

    def _settings(self) -> Iterator[Setting]:
        for name, file in PLAIN.items():
            value = getattr(self, name)
            if value is not None:
                yield Setting(file, "" if (name, value) == ("cpuset", MAX) else str(value))
        if self.cpus is not None:
            quota = MAX if isinstance(self.cpus, str) else round(self.cpus * cgroup.PERIOD)
            yield Setting("cpu.max", f"{quota} {cgroup.PERIOD}")
        rates = {"rbps": self.io_read, "wbps": self.io_write}
        said = [f"{key}={rate}" for key, rate in rates.items() if rate is not None]
        if said:
            device = cgroup.device_of(self.disk) if "/" in self.disk else self.disk
            yield Setting("io.max", " ".join([device, *said]))


PLAIN = {
    "memory_high": "memory.high",
    "memory": "memory.max",
    "memory_swap": "memory.swap.max",
    "cpu_weight": "cpu.weight",
    "pids": "pids.max",
    "cpuset": "cpuset.cpus",
}


def shown(name: str, value: object) -> str:
    """As one would write it: memory="64M"."""
    sizes = name.startswith(("memory", "io_"))
    return f'"{size.shown(value)}"' if sizes and isinstance(value, int) else repr(value).replace("'", '"')


def whole(value: object, what: str, least: int, most: int) -> int:
    """A whole number within bounds, as a number or as its digits. Raises BadInput."""
    number = int(value) if isinstance(value, str) and re.fullmatch(r"\d{1,9}", value, re.ASCII) else value
    if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= most:
        raise BadInput(f"{what} cannot be {short(value)}", hint=f"it is a whole number from {least} to {most}")
    return number


def processors(value: object) -> str:
    """A list of processors as the kernel writes it: "0-1" or "0,2". Raises BadInput."""
    if not isinstance(value, str) or not CPUS.fullmatch(value):
        raise BadInput(f"cpuset cannot be {short(value)}", hint='it names processors: "0-1" or "0,2"')
    spans = [list(map(int, span.split("-"))) for span in value.split(",")]
    if any(span != sorted(span) for span in spans):
        raise BadInput(f"cpuset cannot be {short(value)}: a span goes upwards", hint='"0-1" or "0,2"')
    here = os.sysconf("SC_NPROCESSORS_CONF")
    if max(map(max, spans)) >= here:
        raise BadInput(f"cpuset cannot be {short(value)}: the processors here are 0 to {here - 1}")
    return value


def group_name(name: object) -> str:
    """A name that can be a group's. Raises BadInput."""
    if not isinstance(name, str) or not GROUP.fullmatch(name):
        raise BadInput(f"{short(name)} is no name for a control group", hint="up to 63 letters, digits, _ and -")
    if name == "host":
        raise BadInput('"host" is the control group of the lab\'s own processes', hint="take another name")
    return name


def asked(limits: Limits | None, words: dict[str, Any]) -> Limits:
    """Limits as an object, as words, or as both. Raises BadInput for a word that is none."""
    if limits is not None and not isinstance(limits, Limits):
        raise BadInput(f"{short(limits)} are no limits", hint='write memory="64M", cpus=0.5, pids=32')
    unknown = sorted(set(words) - set(Limits.__dataclass_fields__))
    if unknown:
        raise BadInput(
            f"there is no limit {short(unknown[0])}", hint=f"there are {', '.join(Limits.__dataclass_fields__)}"
        )
    return replace(limits or Limits(), **words)


# ------------------------------------------------------------------------------------------------ where it is written
def written(limits: Limits, where: Delegation) -> Iterator[tuple[Place, Setting]]:
    """Each file to be written, in the tree that has its controller. Raises Unsupported for what may not be limited."""
    for setting in limits.settings():
        place = where.place(setting.controller)
        if place is None:
            hint = where.grant if setting.controller in where.offered else "`pyctr-lab doctor` says what is there"
            raise Unsupported(f"{setting.file} cannot be set: {where.why(setting.controller)}", hint=hint)
        if place.tree.version == 2:
            yield place, _allowed(setting, place)
        else:
            yield from ((place, each) for each in cgroup.in_v1(_whole(setting, limits, place)))


def _allowed(setting: Setting, place: Place) -> Setting:
    """Version 2 lets no group with processes forget its processors (ENOSPC): it is told all that there are."""
    if setting.file == "cpuset.cpus" and not setting.value:
        return Setting(setting.file, cgroup.read(place.base, "cpuset.cpus.effective"))
    return setting


def _whole(setting: Setting, limits: Limits, place: Place) -> Setting:
    """What version 1 cannot be told without knowing more: it counts swap with memory, and has no unset cpuset."""
    if setting.file == "cpuset.cpus" and not setting.value:
        return Setting(setting.file, cgroup.read(place.base, setting.file))
    if setting.file == "memory.swap.max" and setting.value != MAX:
        if not isinstance(limits.memory, int):
            raise BadInput("memory_swap needs memory beside it: version 1 counts both together", hint=SWAP)
        return Setting(setting.file, str(limits.memory + int(setting.value)))
    return setting


def homes(limits: Limits, where: Delegation) -> tuple[Place, ...]:
    """The trees that a group with these limits is in."""
    return where.places if limits.cpuset is None else where.everywhere


def inherited(place: Place, parent: str = "") -> Iterator[Setting]:
    """What a fresh group of version 1's cpuset must be told before a process may enter: it begins with nothing."""
    if place.tree.version == 1 and "cpuset" in place.controllers:
        for file in ("cpuset.cpus", "cpuset.mems"):
            yield Setting(file, cgroup.read(parent or place.base, file))


def unfurnished(place: Place) -> Iterator[Setting]:
    """What a folder that we were given in version 1's cpuset lacks, if nobody has told it."""
    above = inherited(place, os.path.dirname(place.base)) if place.base != place.tree.mount else ()
    yield from (setting for setting in above if not cgroup.read(place.base, setting.file))


@dataclass(frozen=True)
class ControlGroup(Step):
    """Put the process into a control group of its own, with limits. Done from outside; needs a delegated group.

    In paths, LAB stands for the lab's own group, below which all of its groups are.
    """

    limits: Limits = Limits()
    name: str = "demo"
    shell_form = "command"

    def __post_init__(self) -> None:
        group_name(self.name)
        if not isinstance(self.limits, Limits):
            raise BadInput(f"{short(self.limits)} are no limits", hint='write Limits(memory="64M", cpus=0.5, pids=32)')

    def calls(self) -> list[Call]:
        return [call.from_outside() for call in (*self.making(), *self.entering())]

    def files(self) -> Iterator[tuple[GroupFile, str]]:
        """What is written before the process enters: file and value."""
        where = delegation()
        for place in homes(self.limits, where):
            yield from ((self.file(place, setting.file), setting.value) for setting in inherited(place))
        for place, setting in written(self.limits, where):
            yield self.file(place, setting.file), setting.value

    def file(self, place: Place, name: str = "") -> GroupFile:
        """A file of the group, or its folder, in one tree."""
        return GroupFile(place.base, self.name, name)

    def places(self) -> tuple[Place, ...]:
        """The trees that the group is in."""
        where = delegation()
        if not where.places:
            raise Unsupported("no control group can be made here: none is delegated to this user", hint=where.grant)
        return homes(self.limits, where)

    def making(self) -> list[Call]:
        """The folder in each tree, and each limit."""
        made = [mkdirat(self.file(place)).accepting(EEXIST) for place in self.places()]
        return made + [call for path, value in self.files() for call in put(path, value)]

    def entering(self) -> list[Call]:
        """The process's number, written to each tree. One that is born for it is there sooner: see `joining`."""
        return [call for place in self.places() for call in put(self.file(place, "cgroup.procs"), Subject())]

    def birthplace(self) -> GroupFile | None:
        """The folder in version 2's tree, where there is one: clone3 can start a process there."""
        return next((self.file(place) for place in self.places() if place.tree.version == 2), None)

    def joining(self) -> list[Call]:
        """What a process that starts in `birthplace` still does: it enters version 1's trees by itself.

        It is given each `tasks` file as a descriptor: a process that could open the file itself could leave the group
        as well. For a process that moves another, the kernel stops all forks and exits, and
        waits (an RCU grace period: 5 to 15 ms). A thread that writes 0 for itself cannot fork or end meanwhile.
        """
        v1 = [place for place in self.places() if place.tree.version == 1]
        return [write(GroupDescriptor(self.file(place, "tasks")), "0") for place in v1]

    def describe(self) -> str:
        said = repr(self.limits).removeprefix("Limits(").removesuffix(")")
        return f"Put it into the control group {self.name}{', with ' + said if said else ''}. Done from outside."

    def shell(self) -> str:
        folders = " ".join(shlex.quote(str(self.file(place))) for place in self.places())
        files = [f"echo {shlex.quote(value)} > {path}" for path, value in self.files()]
        enter = f"for folder in {folders}; do echo $$ > $folder/cgroup.procs; done"
        return " && ".join([f"mkdir -p {folders}", *self._passed_on(), *files, enter])

    def _passed_on(self) -> Iterator[str]:
        """In version 2 a group's children have only the controllers that it passes on."""
        where = delegation()
        names = " ".join(sorted({f"+{setting.controller}" for place, setting in written(self.limits, where)}))
        if names and where.style == "v2":
            base = where.places[0].base
            yield from (f"echo {names} > {folder}/cgroup.subtree_control" for folder in (base, f"{base}/LAB"))

    @property
    def title(self) -> str:
        return f"control group {self.name}"


__all__ = ["ControlGroup", "Limits"]
