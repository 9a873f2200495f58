"""Files under overlayfs, observed: what lies in each layer at a path, and what the merged tree shows there.

Read from the folders themselves, not from what was done: a whiteout is a character device 0:0, and an opaque folder
has the attribute `user.overlay.opaque`. See overlayfs.rst of the kernel.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from errno import ELOOP, ENOENT, ENOTDIR
from pathlib import Path

from ..errors import BadInput, LabError, in_one_line
from ..kernel.checks import check_count, check_file_name, check_kind, check_text, short_repr
from ..runtime.container import Container
from .openat2 import open_in_root, opened_in
from .overlayfs import is_opaque, is_whiteout, lstat_in, prefixes

KINDS = ("file", "folder", "opaque folder", "link", "device", "whiteout", "hidden above")
BLOCK, LEAST = 512, 4096  # of st_blocks; files so small may take no block at all
MOST = 1 << 60


@dataclass(frozen=True)
class LayerFile:
    """What a layer has at a path.

    `kind` is one of KINDS; "hidden above" is no entry, but a folder of the path that is opaque or a whiteout in this
    layer: lower layers do not show. `size` is in bytes, without holes; of a folder, `entries` is the number of names
    in it that are no whiteouts.
    """

    kind: str
    size: int = 0
    entries: int = 0

    def __post_init__(self) -> None:
        if check_text(self.kind, "a kind of file") not in KINDS:
            raise BadInput(f"{short_repr(self.kind)} is no kind of file in a layer", hint=", ".join(KINDS))
        check_count(self.size, "a file's size", least=0, most=MOST)
        check_count(self.entries, "a folder's entries", least=0, most=MOST)

    @property
    def is_there(self) -> bool:
        """Whether it is something that can be opened."""
        return self.kind not in ("whiteout", "hidden above")

    @property
    def ends_lookup(self) -> bool:
        """Whether overlayfs looks no further down: only folders are merged with those below them."""
        return self.kind != "folder"


@dataclass(frozen=True)
class OverlayMoment:
    """A path at one moment: what each layer has there, by name, the topmost first, and what the merged tree shows."""

    layers: Mapping[str, LayerFile | None]
    merged: LayerFile | None

    def __post_init__(self) -> None:
        check_kind(self.layers, Mapping, "what layers have at a path", hint="a dictionary by their names")
        if len(self.layers) < 2:
            raise BadInput("an overlay has an upper layer and lower ones", hint="names, the topmost first")
        for name, each in self.layers.items():
            check_text(name, "a layer's name")
            check_kind(each, (LayerFile, type(None)), "what a layer has at a path")
        check_kind(self.merged, (LayerFile, type(None)), "what the merged tree shows")

    @property
    def upper(self) -> LayerFile | None:
        """What the topmost layer has."""
        return next(iter(self.layers.values()))

    @property
    def lower(self) -> list[LayerFile | None]:
        """What the other layers have, the topmost first."""
        return list(self.layers.values())[1:]

    @property
    def looked_up(self) -> list[str]:
        """The names of the layers in which the lookup finds something, until one ends it; empty where none has it."""
        found = []
        for name, each in self.layers.items():
            if each is not None:
                found.append(name)
                if each.ends_lookup:
                    break
        return found


@dataclass(frozen=True)
class OverlayChange:
    """What became of a path: before and after a command. `what` is a word for it, "append" for example."""

    what: str
    path: str
    command: str
    before: OverlayMoment
    after: OverlayMoment

    def __post_init__(self) -> None:
        for name in ("what", "path", "command"):
            check_text(getattr(self, name), f"a change's {name}")
        for name in ("before", "after"):
            check_kind(getattr(self, name), OverlayMoment, f"what was {name} a change")
        if list(self.before.layers) != list(self.after.layers):
            raise BadInput("a change has the same layers after it as before")

    @property
    def is_copy(self) -> bool:
        """Whether a file was copied up: it was found in a lower layer, and is in the topmost one now."""
        found, above = self.before.merged, self.after.upper
        copied = found is not None and found.kind == "file" and self.before.upper is None
        return copied and above is not None and above.kind == "file"


@dataclass
class OverlayWatch:
    """Watches an overlay: `layers` are its folders by name, the topmost (the upper one) first; `merged` its mount.

        watch = OverlayWatch({"upper": upper, "b": b, "a": a}, merged, inside=lab.host)
        with watch.change("append", "/db/data", "echo x >> /db/data"):
            ...
        draw.overlay(watch.changes)

    In a notebook whose cells make the changes: `watch.begin(...)` for each path, then `draw.overlay(watch.end())`.
    The folders are as this process sees them, or with `inside` as a container or the lab's host does.
    """

    layers: Mapping[str, str | os.PathLike[str]]
    merged: str | os.PathLike[str]
    inside: Container | None = None
    changes: list[OverlayChange] = field(default_factory=list, init=False)
    _begun: list[OverlayChange] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.layers, Mapping) or len(self.layers) < 2:
            raise BadInput(f"an overlay has an upper layer and lower ones, not {short_repr(self.layers)}",
                           hint="a dictionary: names and folders, the topmost first")  # fmt: skip
        check_kind(self.inside, (Container, type(None)), "the side from which folders are seen", hint="lab.host")
        for name, folder in self.layers.items():
            check_text(name, "a layer's name")
            check_file_name(folder, "a layer's folder")
        check_file_name(self.merged, "the merged folder")

    def look(self, path: str) -> OverlayMoment:
        """What lies at a path now. Raises LabError for a folder that is closed to us, and BadInput for a link in it."""
        name = os.fsencode(check_text(path, "a path")).strip(b"/")
        if b".." in name.split(b"/") or not name:
            raise BadInput(f"{short_repr(path)} is no path below an overlay's root")
        try:
            with self._opened(self.merged) as top:
                merged = _at(top, name)
            layers = {}
            for layer, folder in self.layers.items():
                with self._opened(folder) as top:
                    layers[layer] = _in_layer(top, name)
        except OSError as why:
            if why.errno == ELOOP:
                raise BadInput(f"{short_repr(path)} leads through a symbolic link",
                               hint="name the file where it is") from None  # fmt: skip
            raise LabError(f"an overlay's folder: {in_one_line(why)}") from why
        return OverlayMoment(layers, merged)

    @contextmanager
    def change(self, what: str, path: str, command: str = "") -> Iterator[None]:
        """Look at a path before and after the block, and keep the difference in `changes`."""
        before = self.look(path)
        yield
        self.changes.append(OverlayChange(what, path, command, before, self.look(path)))

    def begin(self, what: str, path: str, command: str = "") -> None:
        """Look at a path now, and once more by `end`: for a change that is made in other cells of a notebook."""
        self._begun.append(OverlayChange(what, path, command, now := self.look(path), now))

    def end(self) -> list[OverlayChange]:
        """Look at the paths again, and keep the differences; all `changes` so far."""
        self.changes += [replace(each, after=self.look(each.path)) for each in self._begun]
        self._begun.clear()
        return self.changes

    @contextmanager
    def _opened(self, folder: str | os.PathLike[str]) -> Iterator[int]:
        root = f"/proc/{self.inside.machine_pid}/root" if self.inside else "/"
        if self.inside:
            folder = Path(root, os.fspath(folder).lstrip("/"))
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield fd
        finally:
            os.close(fd)


def _at(top: int, name: bytes) -> LayerFile | None:
    """What a tree shows at a path."""
    try:
        fd = open_in_root(top, name, os.O_PATH | os.O_NOFOLLOW, links=False)
    except OSError as why:
        if why.errno in (ENOENT, ENOTDIR):
            return None
        if why.errno == ELOOP and (found := _link_at(top, name)):
            return found
        raise
    try:
        return _described(fd, os.fstat(fd))
    finally:
        os.close(fd)


def _link_at(top: int, name: bytes) -> LayerFile | None:
    """A symbolic link whose folders are folders."""
    folder, _, last = name.rpartition(b"/")
    with opened_in(top, folder) as fd, suppress(FileNotFoundError):
        found = os.stat(last, dir_fd=fd, follow_symlinks=False)
        return _described(fd, found) if stat.S_ISLNK(found.st_mode) else None
    return None


def _in_layer(top: int, name: bytes) -> LayerFile | None:
    """What a layer has at a path."""
    hidden = False
    for prefix in prefixes(name):
        if prefix == name:
            break
        found = lstat_in(prefix, top)
        if found is None:
            return LayerFile("hidden above") if hidden else None
        if not stat.S_ISDIR(found.st_mode):  # a whiteout, or a file where lower layers have a folder
            return LayerFile("hidden above")
        with opened_in(top, prefix) as folder:
            hidden = hidden or is_opaque(folder)
    made = _at(top, name)
    if made is None:
        return LayerFile("hidden above") if hidden else None
    if made.kind == "folder":
        with opened_in(top, name) as folder:
            if hidden or is_opaque(folder):
                return LayerFile("opaque folder", made.size, made.entries)
    return made


def _described(fd: int, found: os.stat_result) -> LayerFile:
    if stat.S_ISDIR(found.st_mode):
        return LayerFile("folder", 0, _entries(fd))
    if is_whiteout(found):
        return LayerFile("whiteout")
    if stat.S_ISLNK(found.st_mode):
        return LayerFile("link", found.st_size)
    if not stat.S_ISREG(found.st_mode):
        return LayerFile("device")
    return LayerFile("file", min(found.st_size, max(found.st_blocks * BLOCK, LEAST)))


def _entries(fd: int) -> int:
    """How many names a folder has that are no whiteouts."""
    with os.scandir(f"/proc/self/fd/{fd}") as names:
        return sum(not is_whiteout(each.stat(follow_symlinks=False)) for each in names)
