"""crun and runc with the walls of a recipe of ours, so that starts can be compared: an OCI configuration of its steps.

    with EqualEngine(Crun, place, rootfs, recipe) as crun: crun.run(["/bin/true"])
"""

from __future__ import annotations

import ctypes
import json
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ..errors import LabError
from ..kernel.constants import CLONE_NEWNS, MS_PRIVATE, MS_REC
from ..kernel.filters import FilterPolicy, to_json
from ..runtime import Run
from ..steps import DropCapabilities, Limits, MaskPaths, NewNamespace, ReadOnlyPaths, ResourceLimit, Seccomp, Step
from .engine import PATIENCE, Spawned, has_range
from .oci import Crun, Oci, covered_for_crun

NAMESPACES = {
    "user": "user", "mnt": "mount", "uts": "uts", "ipc": "ipc", "net": "network", "cgroup": "cgroup", "pid": "pid"
}  # fmt: skip
"""As OCI calls them. Version 1.0 of its specification has no time namespaces."""
MOUNTS = ("/proc", "/dev", "/dev/pts", "/dev/shm")  # which ours has, too
NO_LIMIT = (1 << 64) - 1  # RLIM_INFINITY, as Go writes it
IDS = (100_000, 60_000)  # a container's: the first as the sandbox numbers it, and how many


class EqualEngine(Oci):
    """crun or runc with the walls of a recipe. All that can be made before a start is: a turn writes no bundle, and
    what crun must not see is covered for the one thread that starts it."""

    def __init__(
        self, kind: type[Oci], place: Path, rootfs: Path, recipe: Iterable[Step], limits: Limits | None = None
    ) -> None:
        super().__init__(place, rootfs)
        self.name, self.commands, self.package = kind.name, kind.commands, kind.package
        self.recipe, self.limits, self.bundles = tuple(recipe), limits, dict[tuple[str, ...], Path]()
        self.covered = covered_for_crun() if kind is Crun else ""

    def prepare(self) -> None:
        super().prepare()
        self.spec = equal_configuration(self.spec, self.recipe, self.limits)
        self.starter = ThreadPoolExecutor(1, initializer=self._leave_and_cover)
        self.stack.callback(self.starter.shutdown)
        if (tried := self.run(["/bin/true"])).returncode:
            raise LabError(f"{self.name} failed: {' '.join(tried.stderr.split())[-300:]}")

    def command(self, argv: Sequence[str]) -> list[str]:
        if (made := self.bundles.get(tuple(argv))) is None:
            made = self.bundles[tuple(argv)] = self.bundle(argv)
        return self.words("run", "-b", str(made), self.fresh())

    def run(self, argv: Iterable[str], *, timeout: float = PATIENCE) -> Run:
        return self.starter.submit(super().run, list(argv), timeout=timeout).result()

    def spawn(self, argv: Sequence[str]) -> Spawned:
        return self.starter.submit(super().spawn, argv).result()

    def fresh(self) -> str:
        """A name of its own for a container, and so for its control group: that of a killed one stays, with its limits.
        """
        return f"{self.place.name}-{super().fresh()}"

    def _leave_and_cover(self) -> None:
        """Have the calling thread leave our mounts, and cover there what crun must not see."""
        if self.covered:
            libc = ctypes.CDLL(None, use_errno=True)
            private = (None, b"/", None, MS_REC | MS_PRIVATE, None)
            cover = (b"tmpfs", self.covered.encode(), b"tmpfs", 0, None)
            if libc.unshare(CLONE_NEWNS) or libc.mount(*private) or libc.mount(*cover):
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), self.covered)


def equal_configuration(spec: dict[str, Any], recipe: Iterable[Step], limits: Limits | None = None) -> dict[str, Any]:
    """A runtime's own proposal, changed to have the walls of these steps and no others, and a group with limits."""
    linux: dict[str, Any] = {"namespaces": []}
    process = {**spec["process"], "rlimits": []}
    for step in recipe:
        match step:
            case NewNamespace(kind) if kind in NAMESPACES:
                linux["namespaces"].append({"type": NAMESPACES[kind]})
            case DropCapabilities(keep):
                kept = [f"CAP_{name}" for name in keep]
                process["capabilities"] = dict.fromkeys(("bounding", "effective", "permitted"), kept)
            case MaskPaths(paths):
                linux["maskedPaths"] = list(paths)
            case ReadOnlyPaths(paths):
                linux["readonlyPaths"] = list(paths)
            case ResourceLimit(name, soft, hard):
                values = {"soft": NO_LIMIT if soft is None else soft, "hard": NO_LIMIT if hard is None else hard}
                process["rlimits"].append({"type": f"RLIMIT_{name.upper()}", **values})
            case Seccomp(policy) if isinstance(policy, FilterPolicy):
                linux["seccomp"] = json.loads(to_json(policy))
            case _:
                continue
    if {"type": "user"} in linux["namespaces"]:
        first, count = IDS if has_range() else (0, 1)
        ranges = [{"containerID": 0, "hostID": first, "size": count}]
        linux |= {"uidMappings": ranges, "gidMappings": ranges}
    linux["resources"] = {**spec["linux"].get("resources", {}), **(resources_of(limits) if limits else {})}
    mounts = [mount for mount in spec["mounts"] if mount["destination"] in MOUNTS]
    return {**spec, "process": process, "linux": linux, "mounts": mounts}


def resources_of(limits: Limits) -> dict[str, Any]:
    """Limits of memory, processors and processes as OCI writes them."""
    found: dict[str, Any] = {}
    if isinstance(limits.memory, int):
        found["memory"] = {"limit": limits.memory}
    if isinstance(limits.cpus, float):
        found["cpu"] = {"quota": int(limits.cpus * 100_000), "period": 100_000}
    if isinstance(limits.pids, int):
        found["pids"] = {"limit": limits.pids}
    return found
