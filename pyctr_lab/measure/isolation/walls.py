"""The walls of a container as steps of a recipe, and the recipe with some of them left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from errno import EEXIST

from ...errors import BadInput
from ...kernel.calls import Call, mkdirat, mount
from ...kernel.checks import check_each
from ...kernel.constants import MS_BIND, MS_NODEV, MS_NOSUID, MS_RDONLY, MS_REC, MS_REMOUNT
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
    OwnIds,
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
LIMITS = {"pids": 64, "memory": 96 << 20}
RESOURCES = {"nofile": 1024, "core": 0, "fsize": 32 << 20, "memlock": 64 << 10}
"""Limits of a container's processes together, and of each one."""


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


def inserted(recipe: Recipe, steps: Iterable[Step], *, before: tuple[type[Step], ...]) -> Recipe:
    """The same recipe with more steps, before the first of these kinds; at its end where it has none."""
    place = next((at for at, step in enumerate(recipe) if isinstance(step, before)), len(recipe))
    return Recipe([*recipe[:place], *steps, *recipe[place:]], shared=recipe.shared)


def with_limits(recipe: Recipe) -> Recipe:
    """The same recipe with the limits of a process that it lacks."""
    there = {step.name for step in recipe if isinstance(step, ResourceLimit)}
    more = [ResourceLimit(name, most) for name, most in RESOURCES.items() if name not in there]
    return inserted(recipe, more, before=(DropCapabilities,))


def without_walls(recipe: Recipe, missing: Iterable[str]) -> Recipe:
    """The same recipe with some walls left out, or replaced by what leaves the container as able to run as before."""
    gone = frozenset(missing)
    left = [each for step in recipe for each in left_of(step, gone)]
    filters = [step for step in left if isinstance(step, Seccomp)]
    if "no_new_privs" not in gone:
        return Recipe(left)
    others = Recipe(step for step in left if step not in filters)  # a filter wants CAP_SYS_ADMIN now
    return inserted(others, filters, before=(DropCapabilities,))


def left_of(step: Step, gone: frozenset[str]) -> Iterator[Step]:
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
        case IdMaps() | OwnIds() if "user" in gone:
            return
        case OwnIds() if "ids" in gone:
            yield step.shared
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


def inner_root(recipe: Recipe) -> int:
    """The id in the lab of the container's root."""
    return next((step.maps.outside for step in recipe if isinstance(step, OwnIds)), 0)


def recipe_walls(recipe: Recipe, limits: Iterable[str] = ()) -> tuple[str, ...]:
    """Which walls a recipe has."""
    found = {name for step in recipe for name in step_walls(step)} | set(limits)
    return tuple(name for name in WALLS if name in found)


def step_walls(step: Step) -> Iterator[str]:
    """The walls that a step puts up."""
    match step:
        case NewNamespace(kind):
            yield kind
        case ClockOffset():
            yield "time"
        case OwnIds():
            yield "ids"
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
