"""Layers unpacked: a tree each, once for each id map, shown to the containers of a lab."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import stat
from collections.abc import Collection, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ..runtime import Lab
from ..runtime.job import run_as_root
from .layout import file_lock, sync_folder, write_whole
from .openat2 import open_in_root
from .store import Image, ImageStore
from .tree_jobs import INIT, UPPERS
from .uppers import abandoned_uppers
from .world import TREE_JOBS, make_folder_of, map_name

MOST_AT_ONCE = 100  # layers that one process unpacks: their blobs are open
MOST_TEXT = 1 << 20  # bytes of a passwd file
OF_TREE = re.compile(r"(\.new-)?[0-9a-z]{3}")
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class UnpackedTree:
    """An unpacked layer. `name` is its folder's; `owners` are ids that a lab with one id could not give to files.

    An `opaque` one hides all that is below it: overlayfs knows no such mark at a root, so those are left out.
    """

    name: str
    entries: int
    size: int
    owners: dict[str, list[int]]
    opaque: bool

    @classmethod
    def read(cls, record: bytes) -> UnpackedTree | None:
        """A tree by its record; None for a damaged one: such a tree is removed, and unpacked anew."""
        with suppress(ValueError, TypeError, AttributeError):
            found = cls(**json.loads(record))
            if OF_TREE.fullmatch(found.name) and isinstance(found.owners.items(), Collection):
                return found
        return None


class Trees:
    """The unpacked layers of a store, for the id maps of one lab."""

    def __init__(self, lab: Lab, store: ImageStore) -> None:
        self.lab = lab
        self.store = store
        self.folder = store.folder / "unpacked" / map_name(lab)
        self.records = store.folder / "chains" / map_name(lab)
        self._shown = False
        self._used: dict[str, tuple[UnpackedTree, IO[bytes]]] = {}

    def show(self) -> None:
        """Mount the folder where containers of the lab find it, once."""
        if not self._shown:
            make_folder_of(self.lab, self.folder)
            self.records.mkdir(parents=True, exist_ok=True)
            self.sweep()
            self.run("bind_trees")
            self._sweep()
            self._shown = True

    def _sweep(self) -> None:
        """Remove the uppers that processes which died have left."""
        with abandoned_uppers(self.folder / UPPERS) as names:
            if names:
                self.run("remove_trees", names=[f"{UPPERS}/{name}" for name in names])

    def run(self, job: str, given: tuple[int, ...] = (), **words: Any) -> list[Any]:
        """Have a job done by the lab's root in the folder; what it yields."""
        return list(run_as_root(self.lab.world, f"{TREE_JOBS}:{job}", folder=self.folder, given=given, **words))

    def stack(self, image: Image) -> tuple[str, ...]:
        """The folders of an image's layers, the topmost first, unpacked if need be; above them what is mounted on."""
        return (INIT, *(tree.name for tree in reversed(self.seen(image))))

    def seen(self, image: Image) -> list[UnpackedTree]:
        """The unpacked layers of an image, the lowest first, but for those below an opaque one."""
        self.show()
        while None in map(self.find, image.chain_ids):
            with file_lock(self.records / ".lock"):
                self._unpack(image)
        below: list[UnpackedTree] = []
        for tree in map(self.find, image.chain_ids):
            assert tree
            below = [tree] if tree.opaque else [*below, tree]
        return below

    def owners(self, image: Image) -> dict[str, list[int]]:
        """By path the owners that this lab could not give to files of the image's, the topmost layer's."""
        return {path: ids for tree in self.seen(image) for path, ids in tree.owners.items()}

    def read(self, image: Image, path: str) -> str:
        """A small file as a container of the image sees it, looked up layer by layer; empty where there is none."""
        for name in self.stack(image)[1:]:
            try:
                file = open_below(self.folder / name, path)
            except FileNotFoundError:
                continue
            except OSError:  # a whiteout, a link out of its layer, or closed to us
                return ""
            with file:
                return file.read(MOST_TEXT).decode("utf-8", "surrogateescape")
        return ""

    def find(self, chain_id: str) -> UnpackedTree | None:
        """The tree of a layer above others, if it is unpacked. As long as the lab lives, `prune` leaves it alone."""
        if chain_id not in self._used:
            with suppress(FileNotFoundError):
                record = self._record(chain_id).open("rb")
                fcntl.flock(record, fcntl.LOCK_SH)
                tree = UnpackedTree.read(record.read()) if os.fstat(record.fileno()).st_nlink else None
                if tree is None:
                    record.close()
                else:
                    self._used[chain_id] = tree, record
        return self._used[chain_id][0] if chain_id in self._used else None

    def records_by_chain(self) -> dict[str, UnpackedTree]:
        """All trees for this id map, by what they are."""
        found = {f"sha256:{path.name}": UnpackedTree.read(path.read_bytes()) for path in self.records.glob("[!.]*")}
        return {chain_id: tree for chain_id, tree in found.items() if tree}

    def prune(self, kept: Collection[str]) -> list[UnpackedTree]:
        """Remove trees, but for some chain ids and for what this or another lab uses; return those removed.

        A record goes first: what dies between leaves a tree without one, for `sweep`.
        """
        self.show()
        removed = []
        with file_lock(self.records / ".lock"):
            for chain_id, tree in self.records_by_chain().items():
                record = self._record(chain_id)
                with suppress(BlockingIOError), file_lock(record, fcntl.LOCK_EX | fcntl.LOCK_NB):
                    if chain_id not in kept:
                        record.unlink()
                        removed.append(tree)
            sync_folder(self.records)
            self.run("remove_trees", names=[tree.name for tree in removed])
        return removed

    def release(self) -> None:
        """Let `prune` remove what the lab used: it is closed."""
        for _, record in self._used.values():
            record.close()
        self._used.clear()

    def sweep(self) -> None:
        """Remove what has no record: trees whose makers or removers died."""
        with file_lock(self.records / ".lock"):
            for path in self.records.glob(".new-*"):
                path.unlink()
            known = {tree.name for tree in self.records_by_chain().values()}
            left = [name for name in os.listdir(self.folder) if OF_TREE.fullmatch(name) and name not in known]
            if left:
                self.run("remove_trees", names=left)

    def _record(self, chain_id: str) -> Path:
        return self.records / chain_id.removeprefix("sha256:")

    def _unpack(self, image: Image) -> None:
        """Unpack what is missing of an image, by one process, or as much of it as that may hold open."""
        layers: list[tuple[str, int | None, str, dict[str, list[int]], bool]] = []
        missing: dict[str, str] = {}  # by name
        names = self._free_names()
        with ExitStack() as opened:
            for chain_id, (_, diff_id), blob in zip(image.chain_ids, image.layers, image.manifest.layers, strict=True):
                if tree := self.find(chain_id):
                    layers.append((tree.name, None, diff_id, tree.owners, tree.opaque))
                elif len(missing) < MOST_AT_ONCE:
                    file = opened.enter_context(self.store.layout.open(blob))
                    layers.append((name := next(names), file.fileno(), diff_id, {}, False))
                    missing[name] = chain_id
                else:
                    break
            given = tuple(fd for _, fd, *_ in layers if fd is not None)
            for made in self.run("unpack", given, layers=layers) if missing else ():
                write_whole(self._record(missing[made["name"]]), json.dumps(made).encode())

    def _free_names(self) -> Iterator[str]:
        taken = {tree.name for tree in self.records_by_chain().values()}
        return (name for name in short_names() if name not in taken and not (self.folder / name).exists())


def open_below(folder: Path, path: str) -> IO[bytes]:
    """Open a regular file below a folder, whatever links lie on the way. See openat2(2), RESOLVE_IN_ROOT."""
    top = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fd = open_in_root(top, os.fsencode(path), os.O_RDONLY | os.O_NONBLOCK)
    finally:
        os.close(top)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.ENXIO, os.strerror(errno.ENXIO), path)
    return open(fd, "rb")


def short_names() -> Iterator[str]:
    """000, 001, ... zzz."""
    return (a + b + c for a in DIGITS for b in DIGITS for c in DIGITS)
