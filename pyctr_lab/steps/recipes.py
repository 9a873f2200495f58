"""Recipes that have a name, from ours to those of well-known engines."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterable
from functools import lru_cache

from ..kernel.checks import check_number, check_text
from ..kernel.syscall_table import SYSCALLS
from .filters import Seccomp
from .ids import OwnIds, check_cuts, shared_ids
from .masks import MaskPaths, ReadOnlyPaths
from .mounts import ROOT, PrivatePropagation, Proc
from .namespaces import ClockOffset, IdMaps, JoinNamespace, LoopbackUp, NewNamespace, SetHostname
from .powers import builtin
from .privileges import KEPT, DropCapabilities, NoNewPrivileges, ResourceLimit, SetIds
from .recipe import Recipe
from .roots import HostTree, MinimalDev, PivotRoot, ReadOnlyRoot
from .step import Step

FILES = 1024
IDS = 65536
OTHERS = ("mnt", "uts", "ipc", "net", "cgroup", "pid")  # namespaces that a user namespace of its own has power over


def default(hostname: str = "demo", *, ids: int = IDS, cuts: Iterable[int] = (), files: int = FILES) -> Recipe:
    """The recipe of `lab.run`: every wall, a read-only view of the host's programs, few powers, Docker's filter.

    `ids` is how many ids the container may have: as many as the outer world has (`lab.ids`). At the ids `cuts` a range
    of the outer world's map ends and the next begins: no range of a container's map may straddle two. `files` is how
    many descriptors a program may have open: no more than the lab itself may.
    """
    return _default(check_text(hostname, "a host name"), *check_words(ids, cuts, files))


@lru_cache(maxsize=16)
def _default(hostname: str, ids: int, cuts: tuple[int, ...], files: int) -> Recipe:
    return Recipe(
        (
            NewNamespace("user"),
            own_ids(ids, cuts),
            *new_namespaces(),
            PrivatePropagation(),
            SetHostname(hostname),
            LoopbackUp(),
            *new_root(),
            ReadOnlyRoot(ROOT),
            PivotRoot(ROOT),
            ResourceLimit("nofile", files),
            *few_powers(KEPT),
        )
    )


def docker_like(hostname: str = "demo", *, ids: int = IDS, cuts: Iterable[int] = (), files: int = FILES) -> Recipe:
    """As strict as Docker's default, or stricter; `engines.DOCKER_DIFFERENCES` lists where. Words as in `default`.

    Beyond `default`: no raw sockets, no core dumps, and a boot clock of its own, which began with this notebook.
    """
    return _docker_like(check_text(hostname, "a host name"), *check_words(ids, cuts, files))


@lru_cache(maxsize=16)
def _docker_like(hostname: str, ids: int, cuts: tuple[int, ...], files: int) -> Recipe:
    kept = tuple(name for name in KEPT if name != "NET_RAW")
    return Recipe(
        (
            NewNamespace("user"),
            own_ids(ids, cuts),
            *new_namespaces(),
            ClockOffset(-began()),
            PrivatePropagation(),
            SetHostname(hostname),
            LoopbackUp(),
            *new_root(),
            ReadOnlyRoot(ROOT),
            PivotRoot(ROOT),
            ResourceLimit("nofile", files),
            ResourceLimit("core", 0),
            *few_powers(kept),
        )
    )


def rootless_like(hostname: str = "demo", *, ids: int = IDS, cuts: Iterable[int] = (), files: int = FILES) -> Recipe:
    """As podman starts a user's container: its root is that user outside, and has eleven capabilities."""
    ids, cuts, files = check_words(ids, cuts, files)
    kept = tuple(name for name in KEPT if name not in ("NET_RAW", "MKNOD", "AUDIT_WRITE"))
    return Recipe(
        (
            NewNamespace("user"),
            shared_ids(ids, cuts),
            *new_namespaces(),
            PrivatePropagation(),
            SetHostname(check_text(hostname, "a host name")),
            LoopbackUp(),
            *new_root(),
            PivotRoot(ROOT),
            ResourceLimit("nofile", files),
            *few_powers(kept),
        )
    )


def bare(hostname: str = "demo", *, ids: int = IDS, cuts: Iterable[int] = (), files: int = FILES) -> Recipe:
    """The walls and a root of its own, and nothing taken away: its root can do all that root can within them."""
    ids, cuts, files = check_words(ids, cuts, files)
    return Recipe(
        (
            NewNamespace("user"),
            shared_ids(ids, cuts),
            *new_namespaces(),
            PrivatePropagation(),
            SetHostname(check_text(hostname, "a host name")),
            LoopbackUp(),
            *(step for step in new_root() if not isinstance(step, MaskPaths | ReadOnlyPaths)),
            PivotRoot(ROOT),
            ResourceLimit("nofile", files),
        )
    )


def lmctfy_like(hostname: str = "", *, ids: int = IDS, cuts: Iterable[int] = (), files: int = FILES) -> Recipe:
    """As Google's lmctfy: limits, and no walls. It shares all namespaces with the lab; give it `limits=`.

    Without a UTS namespace of its own it has no `hostname`, and without a user namespace no ids.
    """
    _, _, files = check_words(ids, cuts, files)
    return Recipe((ResourceLimit("nofile", files), DropCapabilities(), NoNewPrivileges()))


def pod(pid: int, *, files: int = FILES) -> Recipe:
    """One more container in the pod of process `pid` (as the lab's host sees it), as rkt and Kubernetes make them.

    It shares user, network, IPC and UTS namespaces with that process, and has its own mounts, processes and cgroup.
    """
    _, _, files = check_words(IDS, (), files)
    return Recipe(
        (
            *(JoinNamespace(kind, pid) for kind in ("user", "net", "ipc", "uts")),
            SetIds(0, 0),
            *(NewNamespace(kind) for kind in ("mnt", "cgroup", "pid")),
            PrivatePropagation(),
            *new_root(),
            ReadOnlyRoot(ROOT),
            PivotRoot(ROOT),
            ResourceLimit("nofile", files),
            *few_powers(KEPT),
        )
    )


# --- their parts
def own_ids(ids: int, cuts: tuple[int, ...]) -> IdMaps | OwnIds:
    """Ids that are not the lab root's, where there are any."""
    return OwnIds(ids, cuts) if ids > 1 else shared_ids(ids)


def new_namespaces() -> list[Step]:
    """A namespace of each kind that a user namespace of its own has power over."""
    return [NewNamespace(kind) for kind in OTHERS]


def new_root() -> list[Step]:
    """A root with the host's programs, a /dev of its own, and a /proc of which some is masked."""
    return [
        HostTree(ROOT),
        MinimalDev(f"{ROOT}/dev"),
        Proc(f"{ROOT}/proc"),
        MaskPaths(),
        ReadOnlyPaths(),
    ]


def few_powers(kept: tuple[str, ...]) -> list[Step]:
    """These capabilities, no way to others, and Docker's filter for them, where there is one for this processor."""
    steps: list[Step] = [DropCapabilities(kept), NoNewPrivileges()]
    if platform.machine() in SYSCALLS:
        steps.append(Seccomp(builtin(kept)))
    return steps


def check_words(ids: int, cuts: Iterable[int], files: int) -> tuple[int, tuple[int, ...], int]:
    """The words that recipes have in common. Raises BadInput."""
    check_number(ids, "how many ids", least=1, most=1 << 32)
    check_number(files, "how many files", least=1, most=1 << 20)
    return ids, check_cuts(cuts), files


@lru_cache(maxsize=1)
def began() -> int:
    """The boot clock in whole seconds when this was first asked: one number, so that starts have one list."""
    return int(time.clock_gettime(time.CLOCK_BOOTTIME))


RECIPES: dict[str, Callable[..., Recipe]] = {
    "default": default, "docker_like": docker_like, "rootless_like": rootless_like, "bare": bare,
    "lmctfy_like": lmctfy_like,
}  # fmt: skip
"""By their names, all with the same words. `pod` is no one's default: it needs a process to join."""

__all__ = ["RECIPES", "bare", "default", "docker_like", "lmctfy_like", "pod", "rootless_like"]
