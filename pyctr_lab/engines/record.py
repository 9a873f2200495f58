"""The walls of a running container, read from /proc alone, so that engines can be compared."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ..cgroups import trees
from ..kernel import proc
from ..kernel.constants import KIND_FLAGS
from ..runtime.view import capability_names

NO_CONTENT = ("tmpfs", "devtmpfs")  # what masks: an empty folder, /dev/null
WHOLE = 1 << 32  # a map that leaves every id what it is


@dataclass(frozen=True)
class Record:
    """The walls of one container. `own` and `shared` are kinds of namespaces, compared with the engine's surroundings.

    `cgroup` is its program's, if a hierarchy is mounted; `limits` are its limits there, by the kernel's file names.
    `seccomp`: 0 none, 2 filters (prctl(2)); `filters` is how many, 0 where the kernel does not report it.
    `capabilities` are effective; `bounding`, `inheritable` and `ambient` the other sets. `covered` are parts of /proc
    and /sys with a mount of their own: of these `masked` cannot be read, and `read_only` not written; `targets` are all
    places where something is mounted. `uid_map`: "full" (every id is mapped to itself), "one id", "a range", or "none".
    `rlimits` are its resource limits, where they are others than those of the sandbox: "Max open files 1024"; `profile`
    is AppArmor's, if it is confined.
    """

    own: tuple[str, ...]
    shared: tuple[str, ...]
    cgroup: str
    limits: tuple[str, ...]
    capabilities: tuple[str, ...]
    seccomp: int
    no_new_privs: bool
    mounts: int
    covered: tuple[str, ...]
    uid_map: str
    processes: int  # that belong to it, helpers too
    filters: int = 0
    bounding: tuple[str, ...] = ()
    inheritable: tuple[str, ...] = ()
    ambient: tuple[str, ...] = ()
    masked: tuple[str, ...] = ()
    read_only: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    root_read_only: bool = False
    rlimits: tuple[str, ...] = ()
    profile: str = ""

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Record:
        """The record of its fields, as `asdict` and JSON write them: with lists for tuples."""
        words: dict[str, Any] = {name: tuple(each) if isinstance(each, list) else each for name, each in data.items()}
        return cls(**words)


def record_of(pid: int, processes: int = 1) -> Record:
    """The record of a process of the sandbox. Raises ProcessLookupError when it has ended."""
    namespaces, status = proc.namespaces(pid), proc.status(pid)
    here = proc.namespaces("self")
    kinds = [kind for kind in KIND_FLAGS if kind in namespaces]
    mounts = proc.mountinfo(pid)
    over = [mount for mount in mounts if covers_proc_or_sys(mount.target)]
    return Record(
        own=tuple(kind for kind in kinds if namespaces[kind] != here[kind]),
        shared=tuple(kind for kind in kinds if namespaces[kind] == here[kind]),
        cgroup=cgroup_path(pid),
        limits=limits_on(pid),
        capabilities=sorted_names(status["CapEff"]),
        seccomp=int(status.get("Seccomp", "0")),
        no_new_privs=status.get("NoNewPrivs") == "1",
        mounts=len(mounts),
        covered=sorted_targets(over),
        uid_map=spell_uid_map(proc.uid_map(pid)),
        processes=processes,
        filters=int(status.get("Seccomp_filters", "0")),
        bounding=sorted_names(status["CapBnd"]),
        inheritable=sorted_names(status["CapInh"]),
        ambient=sorted_names(status.get("CapAmb", "0")),
        masked=sorted_targets(mount for mount in over if mount.kind in NO_CONTENT),
        read_only=sorted_targets(mount for mount in over if mount.kind not in NO_CONTENT and mount.readonly),
        targets=sorted_targets(mounts),
        root_read_only=any(mount.readonly for mount in mounts if mount.target == "/"),
        rlimits=tuple(spelled_rlimits(pid)),
        profile=profile_of(pid),
    )


def profile_of(pid: int) -> str:
    """Its profile of AppArmor; empty where there is none. See aa-status(8)."""
    try:
        said = proc.text_of(pid, "attr/current").strip("\0\n ")
    except OSError:  # EINVAL: no security module answers
        return ""
    return "" if said in ("", "unconfined", "kernel") else said.removesuffix(" (enforce)")


def sorted_names(mask: str) -> tuple[str, ...]:
    """The capabilities of a mask in hexadecimal."""
    return tuple(sorted(capability_names(mask)))


def sorted_targets(mounts: Iterable[proc.Mount]) -> tuple[str, ...]:
    """Where these are mounted."""
    return tuple(sorted({mount.target for mount in mounts}))


def spelled_rlimits(pid: int) -> Iterator[str]:
    """The soft resource limits of a process that are not our own."""
    ours = proc.limits("self")
    for name, (soft, _) in proc.limits(pid).items():
        if soft != ours[name][0]:
            yield f"{name} {'unlimited' if soft is None else soft}"


def covers_proc_or_sys(target: str) -> bool:
    """Whether a mount lies over a part of /proc or of /sys/firmware: there is no other reason to mount there."""
    return target.startswith(("/proc/", "/sys/devices", "/sys/firmware"))


def spell_uid_map(ranges: tuple[proc.IdRange, ...]) -> str:
    """A user map in a word or two."""
    count = sum(each.count for each in ranges)
    if any(each.count >= WHOLE - 1 and each.inside == each.outside == 0 for each in ranges):
        return "full"
    if ranges == proc.uid_map("self"):  # in a sandbox that is itself in a user namespace
        return "full"
    return "one id" if count == 1 else "a range" if count else "none"


# ------------------------------------------------------------------------------------------------------ control groups
FILES = {
    "memory": ("memory.max", "memory.limit_in_bytes"),
    "pids": ("pids.max", "pids.max"),
    "cpu": ("cpu.max", "cpu.cfs_quota_us"),
}
NO_LIMIT = 1 << 60  # version 1 writes "no limit" of memory as the highest multiple of a page


def cgroup_path(pid: int) -> str:
    """Its group in the tree that limits memory or processes, as a path from where the sandbox's groups begin."""
    lines = [line.split(":", 2)[1:] for line in proc.text_of(pid, "cgroup").splitlines()]
    return next((path for words, path in lines if words in ("pids", "memory")), lines[-1][1] if lines else "/")


def limits_on(pid: int) -> tuple[str, ...]:
    """What limits its group: "pids.max 2048"."""
    found = []
    for tree in trees(pid):
        for controller, files in FILES.items():
            name = files[0] if tree.version == 2 else files[1]
            path = f"{tree.folder}/{name}"
            value = _value(path) if controller in tree.controllers and os.path.exists(path) else ""
            if value and value not in ("max", "-1") and not (value.isdigit() and int(value) >= NO_LIMIT):
                found.append(f"{name} {value}")
    return tuple(found)


def _value(path: str) -> str:
    with open(path, encoding="ascii") as file:
        return file.read().split()[0]
