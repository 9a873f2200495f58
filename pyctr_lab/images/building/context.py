"""The context of a build: a folder, and the files of it that COPY may have. Nothing outside of it is ever read."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from posixpath import normpath

from ...errors import BadInput
from ...kernel.checks import short_repr
from .ignore import Ignored, translate

CHUNK = 1 << 20
KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}


@dataclass(frozen=True)
class Source:
    """A file, folder or link. `name` is its path below what is copied: empty for a folder that is itself copied."""

    path: Path
    name: str
    kind: str
    mode: int
    size: int

    def content(self) -> bytes:
        """What it is, but for its name and its times: the target of a link, the digest of a file."""
        if self.kind == "link":
            return os.fsencode(os.readlink(self.path))
        if self.kind == "folder":
            return b""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest().encode()


class Context:
    """A folder, without what its `.dockerignore` names. Raises BadInput where there is none."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(os.path.realpath(folder))
        if not self.folder.is_dir():
            raise BadInput(f"the context {folder} is no folder")
        try:
            text = (self.folder / ".dockerignore").read_text("utf-8", "surrogateescape")
        except FileNotFoundError:
            text = ""
        self.ignored = Ignored(text)

    def find(self, patterns: Iterable[str]) -> list[tuple[Source, ...]]:
        """What the sources of a COPY name: each a file, a link, or a folder with all in it. Raises BadInput."""
        return [tuple(self._read(path)) for pattern in patterns for path in self._paths(pattern)]

    def _paths(self, pattern: str) -> list[str]:
        wanted = normpath(pattern.lstrip("/"))
        if wanted.split("/")[0] == "..":
            raise BadInput(f"{short_repr(pattern)} leads out of the context", hint="copy it into the folder before")
        if not set(wanted) & set("*?[\\"):
            return ["" if wanted == "." else wanted]
        fits, deep = translate(wanted).fullmatch, 1 << 30 if "**" in wanted else wanted.count("/") + 1
        found = [os.path.relpath(each.path, self.folder) for each in self._below(self.folder, "", deep)]
        if matching := [path for path in found if fits(path)]:
            return matching
        raise BadInput(f"no file of the context fits {short_repr(pattern)}")

    def _read(self, path: str) -> Iterator[Source]:
        """A path's own source, and those below it. A link is followed where it leads to something in the context."""
        named = self.folder / path
        real = Path(os.path.realpath(named))
        if path and not self._has(Path(os.path.realpath(named.parent))):
            raise BadInput(f"{short_repr(path)} leads out of the context, by a link on the way")
        if not os.path.lexists(named):
            raise BadInput(f"there is no {short_repr(path)} in the context")
        if not (self._has(real) and real.exists()):
            real = named
        inside = os.path.relpath(real, self.folder)
        if inside != "." and self.ignored.ignores(inside) and not (real.is_dir() and self.ignored.has_exceptions):
            raise BadInput(f"there is no {short_repr(path)} in the context", hint=".dockerignore leaves it out")
        found = source_of(real, named.name)
        if found.kind != "folder":
            yield found
            return
        yield replace(found, name="")
        yield from self._below(real, "", 1 << 30)

    def _has(self, real: Path) -> bool:
        return real == self.folder or self.folder in real.parents

    def _below(self, folder: Path, above: str, deep: int) -> Iterator[Source]:
        """What is in a folder, sorted, a folder before its content. One that is ignored may hold an exception."""
        for name in sorted(os.listdir(folder), key=os.fsencode):
            path = folder / name
            ignored = self.ignored.ignores(os.path.relpath(path, self.folder))
            if ignored and not (self.ignored.has_exceptions and stat.S_ISDIR(path.lstat().st_mode)):
                continue
            found = source_of(path, above + name)
            below = list(self._below(path, f"{found.name}/", deep - 1)) if found.kind == "folder" and deep > 1 else []
            yield from ([found] if below or not ignored else [])
            yield from below


def source_of(path: Path, name: str) -> Source:
    """A path as a source. Raises BadInput for a socket, a pipe or a device."""
    info = path.lstat()
    kind = KINDS.get(stat.S_IFMT(info.st_mode))
    if kind is None or path.name.startswith(".wh."):  # the name of a whiteout, in a layer
        raise BadInput(f"{short_repr(path.name)} cannot be part of a layer", hint=".dockerignore can leave it out")
    return Source(path, name, kind, stat.S_IMODE(info.st_mode), info.st_size)


def content_key(found: Sequence[Sequence[Source]]) -> str:
    """A digest of all that is copied: names, kinds, modes, contents; no times, no owners, and no hard links."""
    key = hashlib.sha256()
    for top in found:
        for source in top:
            key.update(json.dumps([source.kind, source.name, source.mode if source.kind != "link" else 0]).encode())
            key.update(b"\0" + source.content() + b"\0")
        key.update(b"\0")
    return key.hexdigest()
