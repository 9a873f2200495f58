"""What the exercises of several lessons share. Beside it: machines, and control groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .... import steps
from ....kernel import MS_SHARED, mkdirat, mount, proc
from ...grading import Ground, KernelView, Submission

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
