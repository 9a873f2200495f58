"""The walls of a container as steps of a recipe, and the recipe with some of them left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from errno import EEXIST
from itertools import pairwise

from ...errors import BadInput
from ...kernel.calls import Call, mkdirat, mount
from ...kernel.checks import check_each
from ...kernel.constants import MS_BIND, MS_NODEV, MS_NOSUID, MS_RDONLY, MS_REC, MS_REMOUNT
from ...runtime import Lab
from ...steps import (
    Bind,
    Chroot,
    ClockOffset,
    DropCapabilities,
    IdMaps,
    Limits,
    LoopbackUp,
    MaskPaths,
    MinimalDev,
    NewNamespace,
    NoNewPrivileges,
    PivotRoot,
    Proc,
    ReadOnlyPaths,
    ReadOnlyRoot,
    Recipe,
    ResourceLimit,
    Seccomp,
    SetHostname,
    Step,
)
from ...steps.mounts import ROOT, MountStep

WALLS = {
    "user": "user namespace", "mnt": "mount namespace, and all that is mounted in it", "pivot_root": "pivot_root",
    "pid": "PID namespace", "net": "network namespace", "ipc": "IPC namespace", "uts": "UTS namespace",
    "cgroup": "cgroup namespace", "time": "time namespace", "caps": "capabilities dropped",
    "no_new_privs": "no_new_privs", "seccomp": "filter of system calls", "masks": "masks and read-only paths of /proc",
    "ro_root": "read-only root", "ro_bind": "shared folder read-only", "nosuid": "shared folder without set-user-id",
    "dev": "minimal /dev", "rlimits": "resource limits", "pids": "limit of processes", "memory": "limit of memory",
    "ids": "ids of its own: root inside is another id than root outside",
}  # fmt: skip
"""Each wall, and what it is."""
FOLDER = "/srv"  # a file system in memory of the lab, with all that probes can reach
SHARED = f"{FOLDER}/shared"
AWAY = 86_400  # seconds by which the boot clock inside differs
LIMITS = {"pids": 64, "memory": 96 << 20}
RESOURCES = {"nofile": 1024, "core": 0, "fsize": 32 << 20, "memlock": 64 << 10}


@dataclass(frozen=True)
class SharedFolder(MountStep):
    """Show a folder of the lab's at the same place: for reading only, and without set-user-id, unless left out."""

    source: str = SHARED
    readonly: bool = True
    nosuid: bool = True

    @property
    def needs(self) -> frozenset[str]:
        return super().needs | {"files of the host", "folder in the new root"}

    def calls(self) -> list[Call]:
        inside = [f"{ROOT}{FOLDER}", f"{ROOT}{self.source}"]
        flags = MS_NODEV | (MS_RDONLY if self.readonly else 0) | (MS_NOSUID if self.nosuid else 0)
        return [
            *(mkdirat(place).accepting(EEXIST) for place in inside),
            mount(self.source, inside[-1], None, MS_BIND | MS_REC),
            mount(None, inside[-1], None, MS_REMOUNT | MS_BIND | flags),
        ]


def check_walls(missing: object) -> frozenset[str]:
    """A set of walls: one name, or several. Raises BadInput."""
    names = [missing] if isinstance(missing, str) else check_each(missing, str, "walls")
    for name in names:
        if name not in WALLS:
            raise BadInput(f"there is no wall {name!r:.40}", hint=f"they are {', '.join(WALLS)}")
    return frozenset(names)


def without_walls(lab: Lab, recipe: Recipe, missing: Iterable[str]) -> Recipe:
    """The same recipe with some walls left out, or replaced by what leaves the container as able to run as before."""
    gone = frozenset(missing)
    left = [each for step in recipe for each in left_of(lab, step, gone)]
    if "no_new_privs" in gone:  # then the filter wants CAP_SYS_ADMIN: it comes before that is dropped
        filters = [step for step in left if isinstance(step, Seccomp)]
        left = [step for step in left if step not in filters]
        place = next((place for place, step in enumerate(left) if isinstance(step, DropCapabilities)), len(left))
        left[place:place] = filters
    return Recipe(left)


def left_of(lab: Lab, step: Step, gone: frozenset[str]) -> Iterator[Step]:
    """What is left of a step where these walls are missing."""
    match step:
        case NewNamespace(kind) if kind in gone:
            return
        case ClockOffset() if "time" in gone:
            return
        case SetHostname() if "uts" in gone:
            return
        case LoopbackUp() if "net" in gone:
            return
        case IdMaps() if "user" in gone:
            return
        case IdMaps() if "ids" in gone:
            yield same_ids(lab)
        case MountStep() | Chroot() if "mnt" in gone:
            return
        case PivotRoot(new) if "pivot_root" in gone:
            yield Chroot(new)
        case Proc(target) if "pid" in gone:
            yield Bind("/proc", target, readonly=False)
        case MinimalDev(target) if "dev" in gone:
            yield Bind("/dev", target, readonly=False)
        case MaskPaths() | ReadOnlyPaths() if "masks" in gone:
            return
        case ReadOnlyRoot() if "ro_root" in gone:
            return
        case SharedFolder(source):
            yield SharedFolder(source, "ro_bind" not in gone, "nosuid" not in gone)
        case ResourceLimit() if "rlimits" in gone:
            return
        case DropCapabilities() if "caps" in gone:
            return
        case NoNewPrivileges() if "no_new_privs" in gone:
            return
        case Seccomp() if "seccomp" in gone:
            return
        case _:
            yield step


def limits_without(available: Iterable[str], missing: Iterable[str]) -> Limits | None:
    """The limits that are left, of the kinds that this machine lets a lab have."""
    left = {name: LIMITS[name] for name in available if name not in set(missing)}
    return Limits(**left) if left else (Limits(pids=4096) if "pids" in set(available) else None)  # type: ignore[arg-type]


def same_ids(lab: Lab) -> IdMaps:
    """Ids inside as they are in the lab."""
    if lab.ids == 1:
        return IdMaps(count=1, setgroups="deny")
    edges = (0, *lab.world.cuts, lab.ids)
    first, *more = ((at, at, behind - at) for at, behind in pairwise(edges) if behind > at)
    return IdMaps(*first, more=tuple(more))


def inner_root(recipe: Recipe) -> int:
    """The id in the lab of the container's root."""
    for step in recipe:
        if isinstance(step, IdMaps):
            return next((outside for inside, outside, _ in step.ranges if inside == 0), 0)
    return 0


def recipe_walls(recipe: Recipe, limits: Iterable[str] = ()) -> tuple[str, ...]:
    """Which walls a recipe has."""
    found = {name for step in recipe for name in step_walls(step)} | set(limits)
    if inner_root(recipe):
        found.add("ids")
    return tuple(name for name in WALLS if name in found)


def step_walls(step: Step) -> Iterator[str]:
    """The walls that a step puts up."""
    match step:
        case NewNamespace(kind):
            yield kind
        case ClockOffset():
            yield "time"
        case PivotRoot():
            yield "pivot_root"
        case DropCapabilities():
            yield "caps"
        case NoNewPrivileges():
            yield "no_new_privs"
        case Seccomp():
            yield "seccomp"
        case MaskPaths():
            yield "masks"
        case ReadOnlyRoot():
            yield "ro_root"
        case SharedFolder(_, readonly, nosuid):
            yield from ["ro_bind"] * readonly + ["nosuid"] * nosuid
        case MinimalDev():
            yield "dev"
        case ResourceLimit():
            yield "rlimits"
        case _:
            return
