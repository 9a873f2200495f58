"""What the exercises of several lessons share. Beside it: machines, and control groups."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from .... import steps
from ....kernel import MS_SHARED, mkdirat, mount, proc
from ...grading import Ground, KernelView, Requirement, Submission, again

if TYPE_CHECKING:
    from ....runtime import Container

MIB = 1 << 20

#: Where a ground makes its mounts: a folder that every Debian has, on a file system of the exercise's own.
PLACE = "/mnt"


def role(view: KernelView | Ground, place: int) -> str:
    """The name that plays a part in this variant."""
    name: str = view.values["names"][place]
    return name


def names_in(answer: Submission) -> set[str]:
    """The names of an answer."""
    return set(answer) if isinstance(answer, tuple) else set()


def fingerprint(view: KernelView, kinds: Iterable[str], *, folder: str = "") -> str:
    """One text for where the containers and the host are, and for what is mounted on a folder: it says nothing else.

    Kept as a fact of the start, it shows that the ground was changed, and not what the answer is.
    """
    found = [f"{name} {kind} {view.namespace(name, kind)}" for name in ("host", *sorted(view.boxes)) for kind in kinds]
    if folder:
        found += [f"{name} {view.mounted(name, place)}" for name in sorted(view.boxes) for place in (PLACE, folder)]
    return fingerprint_of(found)


def fingerprint_of(found: Iterable[object]) -> str:
    """One text for what was read, which does not show it."""
    return hashlib.sha256("\n".join(map(str, found)).encode()).hexdigest()


def as_it_was(view: KernelView, now: str, what: str, *, whose: str = "containers") -> Requirement:
    """The ground is asked about, not changed: else any answer could be made true. Compares fingerprints."""
    return Requirement(
        name=f"the {whose} are as you found them",
        met=now == view.facts["start"],
        observed=f"{what} of the {whose} are {'as' if now == view.facts['start'] else 'not as'} at the start",
        expected="those of the start",
        why="the question is about what the exercise has made, not about what you make of it",
        look=again(view.exercise),
        given=True,
    )


def mebibytes(pid: int, what: str) -> float:
    """A size of a process, in MiB."""
    try:
        return proc.smaps_rollup(pid).get(what, 0) / 1024**2
    except OSError:
        return 0.0


def common_place(box: Container, folder: str) -> None:
    """A mount namespace whose /mnt is an empty file system that passes its mounts on to every copy."""
    box.apply(steps.NewNamespace("mnt"))
    box.apply(steps.PrivatePropagation())  # or /mnt would be covered in the whole lab
    box.apply(steps.Tmpfs(PLACE))
    box.call(mount(None, PLACE, None, MS_SHARED))
    box.call(mkdirat(folder))


def zombies(view: KernelView) -> list[int]:
    """The zombies below the container, by their numbers on this machine."""
    return [pid for pid in view.below(view.values["box"]) if proc.state(pid) == "Z"]


def proc_parent(pid: int) -> int:
    """A process's parent, by its number on this machine."""
    return int(proc.status(pid)["PPid"])
