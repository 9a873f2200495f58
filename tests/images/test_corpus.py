"""A corpus of hostile and of odd archives: nothing outside of the layer changes, nothing legal is lost."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Any

import pytest
from corpus import BELOW, HOSTILE, LEGAL, Refused, Tree
from tar_parts import END
from worlds import WORLDS, given_to, run_in

from pyctr_lab.images.archive import read_archive
from pyctr_lab.images.descriptors import BadImage
from pyctr_lab.images.extract import Unpacked, extract


def test_the_corpus_is_large_enough() -> None:
    assert len(HOSTILE) >= 80
    assert len(LEGAL) >= 40


def walk(top: int, path: bytes = b"") -> list[bytes]:
    """All paths, however deep."""
    found, todo = [], [path]
    while todo:
        now = todo.pop()
        found.append(now)
        where = now or b"."
        if stat.S_ISDIR(os.stat(where, dir_fd=top, follow_symlinks=False).st_mode):
            fd = os.open(where, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=top)
            todo += [now + b"/" + os.fsencode(name) if now else os.fsencode(name) for name in os.listdir(fd)]
            os.close(fd)
    return found


def describe(layer: int, report: Unpacked) -> Tree:
    """The tree of a layer, owners that a report remembers included; the root if it differs from the usual."""
    tree = {path: describe_one(layer, path, report) for path in walk(layer)}
    if tree[b""] == "folder 755":
        del tree[b""]
    return tree


def describe_one(layer: int, path: bytes, report: Unpacked) -> str:
    where = path or b"."
    found = os.stat(where, dir_fd=layer, follow_symlinks=False)
    mode, kind, words = f"{stat.S_IMODE(found.st_mode):o}", stat.S_IFMT(found.st_mode), []
    if kind == stat.S_IFCHR and found.st_rdev == 0:
        return "whiteout"
    uid, gid = report.owners.get(os.fsdecode(path), [found.st_uid, found.st_gid])
    words += [f"{uid}:{gid}"] if uid or gid else []
    words += [f"x{found.st_nlink}"] if kind != stat.S_IFDIR and found.st_nlink > 1 else []
    if kind == stat.S_IFLNK:
        return " ".join(["->", os.readlink(where, dir_fd=layer).decode(), *words])
    if kind == stat.S_IFIFO:
        return " ".join(["fifo", mode, *words])
    fd = os.open(where, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=layer)
    try:
        content = "" if kind == stat.S_IFDIR else os.read(fd, 1 << 20).replace(b"\0", b".").decode()
        for name in sorted(os.listxattr(fd)):
            opaque = name == "user.overlay.opaque"
            words.append("opaque" if opaque else f"{name}={os.getxattr(fd, name).hex()}")
    finally:
        os.close(fd)
    return " ".join(["folder", mode, *words] if kind == stat.S_IFDIR else ["file", mode, content, *words])


def snapshot(top: Path, but: str) -> list[Any]:
    """All that is around a layer, in all detail."""
    fd = os.open(top, os.O_RDONLY)
    try:
        found = []
        for path in walk(fd):
            if path == os.fsencode(but) or path.startswith(os.fsencode(but) + b"/") or not path:
                continue
            s = os.stat(path, dir_fd=fd, follow_symlinks=False)
            content = (top / os.fsdecode(path)).read_bytes() if stat.S_ISREG(s.st_mode) else b""
            xattrs = os.listxattr(top / os.fsdecode(path), follow_symlinks=False)
            found.append((path, s.st_mode, s.st_uid, s.st_gid, s.st_ino, s.st_nlink, s.st_size, s.st_mtime_ns, content, xattrs))
        return found
    finally:
        os.close(fd)


def open_folder(path: Path) -> int:
    path.mkdir(exist_ok=True)
    path.chmod(0o755)
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY)


def unpack(archive: bytes, layer: int, below: list[int]) -> tuple[Tree | str, Unpacked | None]:
    """What becomes of an archive above the layers of BELOW; to be run in a world."""
    highest_first: list[int] = []
    owners: list[dict[str, list[int]]] = []
    for raw, fd in zip(BELOW, below, strict=True):
        owners.insert(0, extract(read_archive([b"".join(raw)]), fd, highest_first, owners).owners)
        highest_first.insert(0, fd)
    try:
        report = extract(read_archive([archive]), layer, highest_first, owners)
    except BadImage as why:
        return str(why), None
    return describe(layer, report), report


def ends(name: str) -> bool:
    """Whether an archive gets the two blocks of its end."""
    return "cut" not in name and name not in ("no end", "half an end")


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A folder with what must not change: a file and a folder that names in the corpus lead to."""
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/inner").write_text("inner")
    return tmp_path


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("name", [*HOSTILE, *LEGAL])
def test_each(name: str, world: str, top: Path) -> None:
    archive, expected = {**HOSTILE, **LEGAL}[name]
    before = snapshot(top, "layers")
    (top / "layers").mkdir()
    folders = [top / "layers" / each for each in ("new", "low0", "low1")]
    layer, *below = map(open_folder, folders)
    given_to(world, *folders)
    try:
        tree, _ = run_in(world, unpack, archive + END * ends(name), layer, below)
    finally:
        for fd in (layer, *below):
            os.close(fd)
    assert snapshot(top, "layers") == before
    if isinstance(expected, Refused):
        assert isinstance(tree, str), f"taken: {tree}"
        assert expected.words in tree
        assert "\n" not in tree
        assert not re.search(r"[Ee]rrno", tree)
    else:
        assert tree == expected
