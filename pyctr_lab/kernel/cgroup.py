"""Control groups as files: where their trees are, and what is read from and written to them.

Names and values are those of version 2; `in_v1` says what they are called where a controller is only on version 1.
Sources: cgroups(7), the kernel's documents cgroup-v2.rst and cgroup-v1/.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..errors import BadInput
from . import proc

PERIOD = 100_000  # microseconds: of each, a group with a quota may compute so many
MAX = "max"  # no limit, as version 2 writes it


class Setting(NamedTuple):
    """A file of a group, and what is written to it."""

    file: str
    value: str

    @property
    def controller(self) -> str:
        """The part of the kernel that acts on it: "memory" for memory.max."""
        return self.file.partition(".")[0]


@dataclass(frozen=True)
class Tree:
    """One tree of groups. Version 1 has one for each controller (or a few), version 2 one for all."""

    version: int
    controllers: tuple[str, ...]
    mount: str  # where it is mounted
    own: str  # the group of the process asked about, as a path below `mount`

    @property
    def folder(self) -> str:
        """The folder of that process's group."""
        return self.mount + self.own.rstrip("/")


def trees(pid: int | str = "self") -> tuple[Tree, ...]:
    """The trees that are mounted here, version 2 first, with the group of a process in each."""
    mounts = {key(mounted): mounted for mounted in reversed(proc.mountinfo("self")) if mounted.kind in KINDS}
    found = []
    for line in proc.text_of(pid, "cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        mounted = mounts.get(controllers)
        if mounted is not None and not controllers.startswith("name="):  # a named tree controls nothing
            names = tuple(controllers.split(",")) if controllers else _offered(mounted.target)
            own = _below(path, mounted.root) if ".." not in mounted.root else _found(pid, mounted.target, path)
            found.append(Tree(1 if controllers else 2, names, mounted.target, own))
    return tuple(sorted(found, key=lambda tree: (-tree.version, tree.mount)))


KINDS = ("cgroup", "cgroup2")
NOT_CONTROLLERS = ("rw", "ro", "xattr", "clone_children", "noprefix", "cpuset_v2_mode")


def key(mounted: proc.Mount) -> str:
    """As /proc/PID/cgroup names the tree: its controllers, or nothing for version 2."""
    if mounted.kind == "cgroup2":
        return ""
    named = [option for option in mounted.super_options if option.startswith("name=")]
    return ",".join(
        named or (word for word in mounted.super_options if word not in NOT_CONTROLLERS and "=" not in word)
    )


@dataclass(frozen=True)
class Hierarchy:
    """A hierarchy of control groups that is mounted here; engines use those too that limit nothing."""

    mount: str
    words: str  # what it is mounted with; empty for version 2
    base: str  # the folder of our own group in it

    @property
    def ours(self) -> bool:
        """Whether we may have groups in it."""
        return os.access(self.base, os.W_OK) and os.access(f"{self.base}/cgroup.procs", os.W_OK)


def hierarchies() -> list[Hierarchy]:
    """All of them, in the order of /proc/self/cgroup. See cgroups(7)."""
    mounts = {key(mounted): mounted for mounted in proc.mountinfo("self") if mounted.kind in KINDS}
    found = []
    for line in proc.text_of("self", "cgroup").splitlines():
        _, words, path = line.split(":", 2)
        if words in mounts:
            mounted = mounts[words]
            below = "" if ".." in path else os.path.relpath(path, mounted.root)
            found.append(Hierarchy(mounted.target, words, os.path.normpath(f"{mounted.target}/{below}")))
    return found


def _offered(folder: str) -> tuple[str, ...]:
    with open(f"{folder}/cgroup.controllers", encoding="ascii") as file:
        return tuple(file.read().split())


def _below(path: str, root: str) -> str:
    return path if root == "/" else "/" + os.path.relpath(path, root).removeprefix(".")


def _found(pid: int | str, mount: str, path: str) -> str:
    """Where a namespace shows less than its mount, a group has no name that we are told: it is looked for."""
    wanted = str(os.getpid() if pid == "self" else pid)
    for folder, _, _ in os.walk(mount):
        try:
            if wanted in read(folder, "cgroup.procs").split():
                return folder.removeprefix(mount) or "/"
        except OSError:  # gone meanwhile, or not to be read
            continue
    return path


def style(found: Sequence[Tree]) -> str:
    """Which versions a machine has: "v2", "v1", "hybrid" (both), or "none"."""
    versions = {tree.version for tree in found}
    return "hybrid" if len(versions) == 2 else {1: "v1", 2: "v2"}.get(max(versions, default=0), "none")


# ------------------------------------------------------------------------------------------- two names for one thing
V1_NAMES = {
    "memory.max": "memory.limit_in_bytes",
    "memory.swap.max": "memory.memsw.limit_in_bytes",
    "cpu.max": "cpu.cfs_quota_us",
    "cpu.weight": "cpu.shares",
    "pids.max": "pids.max",
    "io.max": "blkio.throttle.write_bps_device",
    "cpuset.cpus": "cpuset.cpus",
    "memory.current": "memory.usage_in_bytes",
    "memory.peak": "memory.max_usage_in_bytes",
    "memory.events": "memory.oom_control",
    "pids.current": "pids.current",
    "pids.peak": "pids.peak",
    "pids.events": "pids.events",
    "cpu.stat": "cpu.stat",
    "cgroup.procs": "cgroup.procs",
}
V1_CONTROLLER = {"io": "blkio"}
IO_KEYS = {"rbps": "read_bps", "wbps": "write_bps", "riops": "read_iops", "wiops": "write_iops"}


def in_v1(setting: Setting) -> tuple[Setting, ...]:
    """What version 1 wants instead. Raises BadInput for what it has no file for."""
    file, value = setting
    if file == "cpu.max":
        quota, _, period = value.partition(" ")
        quota = "-1" if quota == MAX else quota
        return (Setting("cpu.cfs_period_us", period or str(PERIOD)), Setting("cpu.cfs_quota_us", quota))
    if file == "cpu.weight":
        return (Setting("cpu.shares", str(max(2, int(value) * 1024 // 100))),)
    if file == "io.max":
        device, *rates = value.split()
        pairs = (rate.split("=") for rate in rates)
        return tuple(
            Setting(f"blkio.throttle.{IO_KEYS[key]}_device", f"{device} {0 if rate == MAX else rate}")
            for key, rate in pairs
        )
    if file.startswith("memory."):
        value = "-1" if value == MAX else value
    if file not in V1_NAMES:
        raise BadInput(f"version 1 of control groups has no {file}", hint="machines with version 2 have it")
    return (Setting(V1_NAMES[file], value),)


# ------------------------------------------------------------------------------------------------- what files say
def read(folder: str, file: str) -> str:
    """The text of a group's file. Raises FileNotFoundError where group or file is not there."""
    with open(f"{folder}/{file}", encoding="ascii") as opened:
        return opened.read().strip()


def number(text: str) -> int | None:
    """One number; None where there is no limit. Version 1 writes no limit as -1, or as a number beyond all memory."""
    value = None if text == MAX else int(text)
    return None if value is None or value < 0 or value >= 1 << 62 else value


def flat(text: str) -> dict[str, int]:
    """A line each: a name and a number (memory.events, cpu.stat)."""
    pairs = (line.split() for line in text.splitlines())
    return {name: int(value) for name, value in pairs}


def nested(text: str) -> dict[str, dict[str, str]]:
    """A line each: a key and name=value pairs (io.stat, io.max, memory.pressure).

    Of several keys before the pairs the last one counts: io.stat names disks without figures in the same line.
    """
    found = {}
    for words in map(str.split, text.splitlines()):
        keys = [word for word in words if "=" not in word]
        if keys:
            found[keys[-1]] = dict(word.split("=", 1) for word in words if "=" in word)
    return found


def device_of(path: str) -> str:
    """The disk under a path, as io.max wants it: "254:0". Raises BadInput where it is on none."""
    try:
        number = os.stat(path).st_dev
    except OSError as why:
        raise BadInput(f"{path} is on no disk: {os.strerror(why.errno or 0)}") from why
    name = f"{os.major(number)}:{os.minor(number)}"
    if not os.path.exists(f"/sys/dev/block/{name}"):
        raise BadInput(f"{path} is on no disk that could be limited")
    part = os.path.realpath(f"/sys/dev/block/{name}")
    if os.path.exists(f"{part}/partition"):  # limits are for whole disks
        with open(f"{os.path.dirname(part)}/dev", encoding="ascii") as file:
            return file.read().strip()
    return name
