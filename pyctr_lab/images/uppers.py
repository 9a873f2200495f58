"""Folders on disk that take the writes of overlays: made for a container, locked while they live, and removed.

A folder is locked by the process whose lab has it. What a process that died has left is removed by the next lab.
See flock(2).
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import Busy, Gone
from ..kernel.calls import Answer
from ..runtime.job import run_as_root
from ..runtime.outer_world import OuterWorld
from ..runtime.resources import KEEPERS, Holder
from ..steps import UpperFolder
from .layout import file_lock
from .world import TREE_JOBS

REMOVE = f"{TREE_JOBS}:remove_trees"


class Upper:
    """Such a folder, made or about to be. One that is `kept` outlives the containers that are mounted on it."""

    def __init__(self, world: OuterWorld, folder: UpperFolder) -> None:
        self.world = world
        self.folder = folder
        self.mounted = self.kept = False
        world.require_open()
        place = Path(f"/proc/{world.machine_pid}/root{folder.place}")
        self.lock = place.with_name(f"{place.name}.lock")
        with file_lock(place.with_name(".lock")):
            self._fd = os.open(self.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if not try_lock(self._fd):
                os.close(self._fd)
                raise Busy(f"{folder.name} is the upper folder of another lab", hint="another name")

    def leave(self) -> None:
        """The container has ended."""
        self.mounted = False
        if not self.kept:
            self.remove()

    def remove(self) -> None:
        """Remove the folder with all in it, if its lab lives; else the next lab does that."""
        if UPPERS.forget(self):
            with suppress(Gone):
                list(run_as_root(self.world, REMOVE, folder=self.folder.store, names=[self.folder.path]))
                self.lock.unlink(missing_ok=True)
            self.unlock()

    def unlock(self) -> None:
        """Let other labs have it, or remove it."""
        os.close(self._fd)


class UpperKeeper:
    """How uppers are made in a lab: by its launcher, and never one for two containers at once."""

    def __init__(self) -> None:
        self._made: dict[OuterWorld, dict[str, Upper]] = {}

    def refuse_harm(self, world: OuterWorld, resource: UpperFolder, pid: int) -> None:
        """No process is harmed by one."""

    def adopt(self, world: OuterWorld, resource: UpperFolder, holder: Holder) -> Upper:
        """The folder as an object, for one container. Raises Busy for one that is mounted."""
        upper = self.open(world, resource)
        if upper.mounted:
            raise Busy(f"{resource.name} is the upper folder of a container that runs", hint="another name")
        upper.mounted = True
        return upper

    def made(self, world: OuterWorld, answers: list[Answer]) -> None:
        """It is whole when it has been made."""

    def open(self, world: OuterWorld, resource: UpperFolder) -> Upper:
        """The folder, locked."""
        made = self._made.setdefault(world, {})
        if resource.path not in made:
            made[resource.path] = Upper(world, resource)
        return made[resource.path]

    def forget(self, upper: Upper) -> bool:
        """Whether it was still known."""
        return self._made.get(upper.world, {}).pop(upper.folder.path, None) is upper

    def unlock_ended(self) -> None:
        """Let go of what labs had that have ended: this process may live long after them."""
        for world in [world for world in self._made if not world.alive]:
            for upper in self._made.pop(world).values():
                upper.unlock()

    @contextmanager
    def kept(self, world: OuterWorld) -> Iterator[UpperFolder]:
        """A new one, that lives as long as the block."""
        upper = self.open(world, UpperFolder(secrets.token_hex(4)))
        upper.kept = True
        try:
            yield upper.folder
        finally:
            upper.remove()


UPPERS = KEEPERS[UpperFolder] = UpperKeeper()


def try_lock(fd: int) -> bool:
    """Lock a file unless another process, or another descriptor, has it locked."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def abandoned_uppers(folder: Path) -> Iterator[list[str]]:
    """The names of uppers whose process has ended; at the block's end, when they are removed, so are their locks."""
    UPPERS.unlock_ended()
    with file_lock(folder / ".lock"):
        left = []
        for lock in folder.glob("*.lock"):
            if lock.name != ".lock":
                fd = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
                left += [lock] if try_lock(fd) else []
                os.close(fd)
        yield [lock.stem for lock in left]
        for lock in left:
            lock.unlink(missing_ok=True)
