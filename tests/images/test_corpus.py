"""A corpus of hostile and of odd archives: nothing outside of the layer changes, nothing legal is lost."""

from __future__ import annotations

import os
import stat
from typing import Any

import pytest
from corpus import BELOW, HOSTILE, LEGAL, Refused, Tree
from tar_parts import END
from worlds import WORLDS, given_to, run_in

from pyctr_lab.images.archive import read_archive
from pyctr_lab.images.descriptors import BadImage
from pyctr_lab.images.extract import Unpacked, extract, remove_path

Verdicts = dict[str, tuple[Tree | str, bool]]


def test_the_corpus_is_large_enough() -> None:
    assert len(HOSTILE) >= 80
    assert len(LEGAL) >= 40


def walk(top: int, but: bytes | None = None) -> list[bytes]:
    """All paths, however deep, without those in the folder `but`."""
    found, todo = [], [b""]
    while todo:
        now = todo.pop()
        found.append(now)
        where = now or b"."
        if now != but and stat.S_ISDIR(os.stat(where, dir_fd=top, follow_symlinks=False).st_mode):
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


def snapshot(top: int, but: bytes) -> list[Any]:
    """All that is around a layer, in all detail."""
    found: list[Any] = []
    for path in walk(top, but):
        if path == but:
            continue
        s = os.stat(path or b".", dir_fd=top, follow_symlinks=False)
        fd = os.open(path or b".", os.O_RDONLY | os.O_NOFOLLOW, dir_fd=top)
        content = os.read(fd, 100) if stat.S_ISREG(s.st_mode) else b""
        xattrs = os.listxattr(fd)
        os.close(fd)
        found.append((path, s.st_mode, s.st_uid, s.st_gid, s.st_ino, s.st_nlink, s.st_mtime_ns, content, xattrs))
    return found


def unpack(archive: bytes, layer: int, below: list[int]) -> Tree | str:
    """What becomes of an archive above the layers of BELOW; to be run in a world."""
    highest_first: list[int] = []
    owners: list[dict[str, list[int]]] = []
    for raw, fd in zip(BELOW, below, strict=True):
        owners.insert(0, extract(read_archive([b"".join(raw)]), fd, highest_first, owners).owners)
        highest_first.insert(0, fd)
    try:
        report = extract(read_archive([archive]), layer, highest_first, owners)
    except BadImage as why:
        return str(why)
    return describe(layer, report)


def ends(name: str) -> bool:
    """Whether an archive gets the two blocks of its end."""
    return "cut" not in name and name not in ("no end", "half an end")


def unpack_all(top: int) -> Verdicts:
    """What becomes of each archive, and whether all around its layer is as before; to be run in a world."""
    verdicts = {}
    for name, (archive, _) in {**HOSTILE, **LEGAL}.items():
        before = snapshot(top, b"layers")
        folders = []
        for number in range(1 + len(BELOW)):
            path = f"layers/{number}"
            os.mkdir(path, 0o755, dir_fd=top)
            folders.append(os.open(path, os.O_RDONLY, dir_fd=top))
        tree = unpack(archive + END * ends(name), folders[0], folders[1:])
        verdicts[name] = tree, snapshot(top, b"layers") == before
        for number, fd in enumerate(folders):  # only this world may, and only we go so deep
            os.close(fd)
            remove_path(top, b"layers/%d" % number)
    return verdicts


@pytest.fixture(scope="module", params=WORLDS)
def verdicts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Verdicts:
    """All verdicts of a world. Names in the corpus lead to a file and a folder that must not change."""
    top = tmp_path_factory.mktemp("corpus")
    top.chmod(0o755)
    for name in ("outside", "layers"):
        (top / name).mkdir(mode=0o755)
    for name in ("secret", "outside/inner"):
        (top / name).write_text(name)
    given_to(request.param, top / "layers")
    fd = os.open(top, os.O_RDONLY)
    try:
        found: Verdicts = run_in(request.param, unpack_all, fd)
    finally:
        remove_path(fd, b"layers")  # what an interruption leaves is too deep for pytest's own clean-up
        os.close(fd)
    return found


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(name: str, verdicts: Verdicts) -> None:
    expected = HOSTILE[name][1]
    tree, unchanged = verdicts[name]
    assert unchanged
    if not isinstance(expected, Refused):
        assert tree == expected
        return
    assert isinstance(tree, str), f"taken: {tree}"
    assert expected.words in tree
    assert "\n" not in tree


@pytest.mark.parametrize("name", LEGAL)
def test_legal(name: str, verdicts: Verdicts) -> None:
    tree, unchanged = verdicts[name]
    assert unchanged
    assert tree == LEGAL[name][1]
