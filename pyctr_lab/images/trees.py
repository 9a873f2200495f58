"""Layers unpacked: a tree each, once for each id map, shown to the containers of a lab."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from ..runtime import Lab
from .layout import locked, write_whole
from .openat2 import open_in_root
from .store import Image, Store
from .tree_jobs import INIT, UPPERS
from .uppers import abandoned_uppers
from .world import make_folder_of, map_name, work

JOBS = "tree_jobs"
MOST_TEXT = 1 << 20  # bytes of a passwd file
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Tree:
    """An unpacked layer. `name` is its folder's; `owners` are ids that a lab with one id could not give to files."""

    name: str
    entries: int
    size: int
    owners: dict[str, list[int]]


class Trees:
    """The unpacked layers of a store, for the id maps of one lab."""

    def __init__(self, lab: Lab, store: Store) -> None:
        self.lab = lab
        self.store = store
        self.folder = store.folder / "unpacked" / map_name(lab)
        self.records = store.folder / "chains" / map_name(lab)
        self._shown = False

    def show(self) -> None:
        """Mount the folder where containers of the lab find it, once."""
        if not self._shown:
            make_folder_of(self.lab, self.folder)
            self.records.mkdir(parents=True, exist_ok=True)
            self.run("bind")
            self._sweep()
            self._shown = True

    def _sweep(self) -> None:
        """Remove the uppers that processes which died have left."""
        with abandoned_uppers(self.folder / UPPERS) as names:
            if names:
                self.run("remove", names=[f"{UPPERS}/{name}" for name in names])

    def run(self, job: str, given: tuple[int, ...] = (), **words: Any) -> list[Any]:
        """Have a job done by the lab's root in the folder; what it yields."""
        return list(work(self.lab, self.folder, f"{JOBS}:{job}", given, **words))

    def stack(self, image: Image) -> tuple[str, ...]:
        """The folders of an image's layers, the topmost first, unpacked if need be; above them what is mounted on."""
        self.show()
        return (INIT, *(tree.name for tree in reversed(list(self._trees(image)))))

    def _trees(self, image: Image) -> Iterator[Tree]:
        below: list[str] = []
        for chain_id, diff_id, layer in zip(image.chain_ids, image.config.diff_ids, image.manifest.layers, strict=True):
            tree = self.find(chain_id)
            if tree is None:
                with locked(self.records / ".lock"):
                    tree = self.find(chain_id) or self._unpack(chain_id, diff_id, layer, below)
            below.append(tree.name)
            yield tree

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

    def find(self, chain_id: str) -> Tree | None:
        """The tree of a layer above others, if it is unpacked."""
        try:
            return Tree(**json.loads(self._record(chain_id).read_bytes()))
        except FileNotFoundError:
            return None

    def _record(self, chain_id: str) -> Path:
        return self.records / chain_id.removeprefix("sha256:")

    def _unpack(self, chain_id: str, diff_id: str, layer: Any, below: list[str]) -> Tree:
        name = self._free_name()
        with self.store.layout.open(layer) as blob:
            words = {"blob": blob.fileno(), "digest": layer.digest, "diff_id": diff_id, "below": below, "name": name}
            (done,) = self.run("unpack", (blob.fileno(),), **words)
        tree = Tree(name, **done)
        write_whole(self._record(chain_id), json.dumps(asdict(tree)).encode())
        return tree

    def _free_name(self) -> str:
        taken = {json.loads(path.read_bytes())["name"] for path in self.records.iterdir() if path.name[0] != "."}
        return next(name for name in short_names() if name not in taken and not (self.folder / name).exists())


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
