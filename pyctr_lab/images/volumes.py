"""Volumes: folders with a name, which outlive the containers that use them. They belong to the lab's root."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from posixpath import normpath
from typing import Any

from ..errors import BadInput, Busy
from ..kernel import proc
from ..kernel.checks import check_list, check_text, short_repr
from ..runtime.job import run_as_root
from ..steps import ROOT, HostTree, PivotRoot, ReadOnlyRoot, Recipe, Step, Volume, WorkingDirectory
from .tree_jobs import VOLUMES
from .trees import Trees
from .world import TREE_JOBS, make_folder_of, map_name

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}")
SHAPE = '{"data": "/data"}'
OURS = re.compile(r"/(proc|dev)?|/(proc|dev)/.*")  # mounts of the container itself: no volume may replace them


class Volumes:
    """The volumes of this user, for the id maps of one lab."""

    def __init__(self, trees: Trees) -> None:
        self.trees, self.lab = trees, trees.lab
        self.folder = trees.store.folder / VOLUMES / map_name(trees.lab)
        self._shown = False

    def names(self) -> list[str]:
        """All volumes there are."""
        return sorted(path.name for path in self.folder.glob("[!.]*"))

    def inspect(self, name: str) -> dict[str, str]:
        """What a volume is, in Docker's words. Raises BadInput where there is none."""
        path = self._find(name)
        created = datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")
        return {"Name": name, "Mountpoint": str(path), "CreatedAt": created}

    def remove(self, name: str) -> None:
        """Remove a volume with all that is in it. Raises Busy while a container uses it."""
        path = self._find(name)
        going = path.with_name(f".gone-{secrets.token_hex(4)}")
        refuse_used(path, name)
        path.rename(going)
        try:
            refuse_used(going, name)  # a container may have been quicker
        except Busy:
            going.rename(path)
            raise
        self._run("remove_trees", names=[going.name])

    def make(self, name: str) -> None:
        """Make a volume, unless it is there, and show it to the lab's containers."""
        self.trees.show()
        make_folder_of(self.lab, self.folder)
        make_folder_of(self.lab, self.folder / check_name(name))
        if not self._shown:
            left = [path.name for path in self.folder.glob(".gone-*")]
            self._run("remove_trees", names=left)
            self._run("bind_volumes")
            self._shown = True

    def _run(self, job: str, **words: Any) -> None:
        """Have a job done by the lab's root in the folder of the volumes."""
        list(run_as_root(self.lab.world, f"{TREE_JOBS}:{job}", folder=self.folder, **words))

    def _find(self, name: str) -> Path:
        path = self.folder / check_name(name)
        if not path.is_dir():
            there = self.names()
            raise BadInput(f"there is no volume {name}", hint=f"there are {', '.join(there[:8])}" if there else "")
        return path

    # --- for a container
    def steps(self, wanted: Iterable[tuple[str, str]]) -> list[Volume]:
        """The steps that show volumes, made if need be, or folders of the host's: from a source to PLACE[:ro].

        Raises BadInput; then no volume has been made.
        """
        pairs = [check_pair(pair) for pair in check_list(wanted, "volumes", hint=SHAPE)]
        shown = [volume_step(source, target) for source, target in sorted(pairs, key=lambda pair: str(pair[1]))]
        places = [step.target for step in shown]
        for place in places:
            if sum(f"{other}/".startswith(f"{place}/") for other in places) > 1:
                raise BadInput(f"two volumes at or below {place.removeprefix(ROOT)}", hint="give each another place")
        for step in shown:
            if is_named(step):
                self.make(step.source.removeprefix(f"{VOLUMES}/"))
        return shown

    def recipe(self, base: Recipe, wanted: Mapping[str, str] | Iterable[tuple[str, str]]) -> Recipe:
        """A recipe that shows volumes, from a name or a folder to a place, before its root is closed."""
        pairs = list(wanted.items()) if isinstance(wanted, Mapping) else wanted
        if not any(isinstance(step, PivotRoot) for step in base):
            raise BadInput("this recipe has no root of its own in which a volume could be shown", hint="PivotRoot()")
        return Recipe(with_volumes(base.with_shared_ids(), self.steps(pairs)), shared=base.shared)


def check_pair(pair: object) -> tuple[str, str]:
    """A source and where it is shown. Raises BadInput."""
    if not isinstance(pair, tuple) or len(pair) != 2:
        raise BadInput(f"{short_repr(pair)} is no volume", hint=SHAPE)
    return pair


def volume_step(source: str, target: str) -> Volume:
    """The step that shows a volume, or a folder of the host's, at PLACE, PLACE:ro or PLACE:rw. Raises BadInput."""
    place, colon, mode = check_text(target, "where a volume is shown").partition(":")
    if mode not in ("", "ro", "rw") or (colon and not mode):
        raise BadInput(f"{short_repr(target)} is no place for a volume", hint="/data or /data:ro")
    if not place.startswith("/"):
        raise BadInput(f"{short_repr(place)} is no folder of the container", hint="it begins with /")
    place = normpath("/" + place.lstrip("/"))
    if OURS.fullmatch(place):
        raise BadInput(f"{place} is the container's own", hint="take another place: /data")
    if "/" not in check_text(source, "a volume") and source not in (".", ".."):
        return Volume(f"{VOLUMES}/{check_name(source)}", f"{ROOT}{place}", mode == "ro")
    if not os.path.isdir(source):
        hint = "only folders can be shown, and none is made; a volume with a name has no / in it"
        raise BadInput(f"there is no folder {short_repr(source)}", hint=hint)
    return Volume(os.path.realpath(source), f"{ROOT}{place}", mode == "ro")


def is_named(step: Volume) -> bool:
    """Whether a step shows a volume with a name: it is found from the folder of the layers."""
    return not step.source.startswith("/")


def with_volumes(base: Recipe, shown: list[Volume]) -> Iterator[Step]:
    """The steps, with the volumes before the first that closes the root.

    Volumes with a name are found from the folder of the layers: where there are none, the process goes there first.
    """
    left = list(shown)
    for step in base:
        if isinstance(step, HostTree) and any(map(is_named, left)):
            yield WorkingDirectory(ROOT)
        if isinstance(step, ReadOnlyRoot | PivotRoot):
            yield from left
            left = []
        yield step


def check_name(name: str) -> str:
    """A volume's name. Raises BadInput."""
    if not NAME.fullmatch(check_text(name, "a volume's name")):
        raise BadInput(f"{short_repr(name)} is no name for a volume", hint="letters, digits, _ . and -")
    return name


def refuse_used(path: Path, name: str) -> None:
    """Raise Busy where a process of this machine has a volume mounted, as far as we may look."""
    device, root = place_of(path)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            for mount in proc.mountinfo(pid):
                if mount.device == device and (mount.root + "/").startswith(root + "/"):
                    raise Busy(f"the volume {name} is in use by process {pid}", hint="it goes when its container has")


def place_of(path: Path) -> tuple[str, str]:
    """Where a folder is: the device, and the path in its file system, as mountinfo names them. See proc(5)."""
    place = os.path.realpath(path)
    above = [mount for mount in proc.mountinfo("self") if (place + "/").startswith(mount.target.rstrip("/") + "/")]
    mount = max(above, key=lambda mount: len(mount.target))
    return mount.device, mount.root.rstrip("/") + "/" + place[len(mount.target) :].lstrip("/")
