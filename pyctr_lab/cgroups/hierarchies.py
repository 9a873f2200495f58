"""The hierarchies of control groups that are mounted here. See cgroups(7)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from ..kernel import proc
from .files import read_file

KINDS = ("cgroup", "cgroup2")
NOT_CONTROLLERS = ("rw", "ro", "xattr", "clone_children", "noprefix", "cpuset_v2_mode")


@dataclass(frozen=True)
class Tree:
    """One hierarchy of groups. Version 1 has one for each controller (or a few), version 2 one for all."""

    version: int
    controllers: tuple[str, ...]
    mount: str  # where it is mounted
    own: str  # the group of the process asked about, as a path below `mount`
    words: str = ""  # what it is mounted with, as in /proc/PID/cgroup; empty for version 2

    @property
    def folder(self) -> str:
        """The folder of that process's group."""
        return self.mount + self.own.rstrip("/")

    @property
    def writable(self) -> bool:
        """Whether we may make groups below that process's."""
        return os.access(self.folder, os.W_OK) and os.access(f"{self.folder}/cgroup.procs", os.W_OK)


def all_trees(pid: int | str = "self") -> tuple[Tree, ...]:
    """All of them, in the order of /proc/PID/cgroup; those too that control nothing ("name=systemd")."""
    mounts = {key(mounted): mounted for mounted in reversed(proc.mountinfo("self")) if mounted.kind in KINDS}
    found = []
    for line in proc.text_of(pid, "cgroup").splitlines():
        _, words, path = line.split(":", 2)
        mounted = mounts.get(words)
        if mounted is not None:
            names = tuple(words.split(",")) if words else _offered(mounted.target)
            hidden = ".." in mounted.root or ".." in path
            own = _found(pid, mounted.target) if hidden else _below(path, mounted.root)
            found.append(Tree(1 if words else 2, names, mounted.target, own, words))
    return tuple(found)


def trees(pid: int | str = "self") -> tuple[Tree, ...]:
    """The hierarchies that have controllers, version 2 first, with the group of a process in each."""
    found = (tree for tree in all_trees(pid) if not tree.words.startswith("name="))
    return tuple(sorted(found, key=lambda tree: (-tree.version, tree.mount)))


def key(mounted: proc.Mount) -> str:
    """As /proc/PID/cgroup names the hierarchy: its controllers, or nothing for version 2."""
    if mounted.kind == "cgroup2":
        return ""
    named = [option for option in mounted.super_options if option.startswith("name=")]
    return ",".join(
        named or (word for word in mounted.super_options if word not in NOT_CONTROLLERS and "=" not in word)
    )


def _offered(folder: str) -> tuple[str, ...]:
    return tuple(read_file(folder, "cgroup.controllers").split())


def _below(path: str, root: str) -> str:
    return path if root == "/" else "/" + os.path.relpath(path, root).removeprefix(".")


def _found(pid: int | str, mount: str) -> str:
    """Look for the group of a process: where a cgroup namespace shows less than the mount, its path says too little."""
    wanted = str(os.getpid() if pid == "self" else pid)
    for folder, _, _ in os.walk(mount):
        try:
            if wanted in read_file(folder, "cgroup.procs").split():
                return folder.removeprefix(mount) or "/"
        except OSError:  # gone meanwhile, or not to be read
            continue
    return "/"


def style(found: Sequence[Tree]) -> str:
    """Which versions a machine has: "v2", "v1", "hybrid" (both), or "none"."""
    versions = {tree.version for tree in found}
    return "hybrid" if len(versions) == 2 else {1: "v1", 2: "v2"}.get(max(versions, default=0), "none")
