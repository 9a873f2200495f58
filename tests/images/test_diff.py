"""Layers written: what is in them, in which form; the same content gives the same bytes; others read them alike."""

from __future__ import annotations

import ctypes
import io
import os
import socket
import stat
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from corpus import CAPABILITY
from worlds import WORLDS, given_to, run_in

from pyctr_lab.errors import BadInput
from pyctr_lab.images.archive import Kind, read_archive
from pyctr_lab.images.diff import tree_changes, upper_changes, write_layer
from pyctr_lab.images.extract import extract

CLONE_NEWNS = 0x20000
libc = ctypes.CDLL(None, use_errno=True)


def layer_of(after: Path, before: Path | None = None, **options: Any) -> bytes:
    """The layer between two trees."""
    fds = [os.open(path, os.O_RDONLY) for path in (after, before) if path]
    try:
        changes = tree_changes(fds[1] if before else None, fds[0], newest=options.get("newest"))
        return b"".join(write_layer(changes, fds[0], **options))
    finally:
        for fd in fds:
            os.close(fd)


def names(raw: bytes) -> list[str]:
    """The entries of a layer, hard links with their targets."""
    listed = []
    for entry in read_archive([raw]):
        target = f" = {os.fsdecode(entry.target)}" if entry.kind is Kind.LINK else ""
        listed.append(os.fsdecode(entry.name) + "/" * (entry.kind is Kind.FOLDER) + target)
    return listed


@pytest.fixture
def trees(tmp_path: Path) -> tuple[Path, Path]:
    """Two equal trees."""
    for name in ("before", "after"):
        top = tmp_path / name
        (top / "d/e").mkdir(parents=True)
        (top / "d/f").write_text("content")
        (top / "d/e/g").write_text("content")
        (top / "l").symlink_to("d/f")
        (top / "same").write_text("1")
        os.link(top / "same", top / "same2")
        for path in (*top.rglob("*"), top):
            os.utime(path, (1000, 1000), follow_symlinks=False)
    return tmp_path / "before", tmp_path / "after"


def test_equal_trees_have_an_empty_layer(trees: tuple[Path, Path]) -> None:
    before, after = trees
    assert layer_of(after, before) == bytes(10240)


def test_all_of_a_tree(trees: tuple[Path, Path]) -> None:
    assert names(layer_of(trees[1])) == ["/", "d/", "d/e/", "d/e/g", "d/f", "l", "same", "same2 = same"]


def rewrite(path: Path) -> None:
    path.write_text("CONTENT")
    os.utime(path, (1000, 1000))


CHANGES: dict[str, tuple[Callable[[Path], Any], list[str]]] = {
    "new": (lambda top: (top / "d/new").write_text("1"), ["d/", "d/new"]),
    "content, all else alike": (lambda top: rewrite(top / "d/f"), ["d/", "d/f"]),
    "time": (lambda top: os.utime(top / "d/f", (2000, 2000)), ["d/", "d/f"]),
    "mode": (lambda top: (top / "d/f").chmod(0o600), ["d/", "d/f"]),
    "a folder's mode": (lambda top: (top / "d/e").chmod(0o700), ["d/", "d/e/"]),
    "a folder's time": (lambda top: os.utime(top / "d", (2000, 2000)), []),
    "an attribute": (lambda top: os.setxattr(top / "d/f", "user.x", b"1"), ["d/", "d/f"]),
    "a folder's attribute": (lambda top: os.setxattr(top / "d", "user.x", b"1"), ["d/"]),
    "an attribute of overlayfs": (lambda top: os.setxattr(top / "d", "user.overlay.impure", b"y"), []),
    "removed": (lambda top: (top / "d/f").unlink(), ["d/", "d/.wh.f"]),
    "a folder removed": (lambda top: [(top / "d/e/g").unlink(), (top / "d/e").rmdir()], ["d/", "d/.wh.e"]),
    "file to folder": (lambda top: [(top / "d/f").unlink(), (top / "d/f").mkdir()], ["d/", "d/f/"]),
    "folder to file": (lambda top: [(top / "d/e/g").unlink(), (top / "d/e").rmdir(), (top / "d/e").write_text("")],
                       ["d/", "d/e"]),
    "a link's target": (lambda top: [(top / "l").unlink(), (top / "l").symlink_to("x"),
                                     os.utime(top / "l", (1000, 1000), follow_symlinks=False)], ["l"]),
    "both names of a file": (lambda top: rewrite(top / "same"), ["same", "same2 = same"]),
    "a new name of a file": (lambda top: os.link(top / "same", top / "same3"), ["same3"]),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_change(change: str, trees: tuple[Path, Path]) -> None:
    before, after = trees
    make, expected = CHANGES[change]
    make(after)
    assert names(layer_of(after, before)) == expected


def test_times_after_the_newest_are_no_change(trees: tuple[Path, Path]) -> None:
    before, after = trees
    os.utime(after / "d/f", (2000, 2000))
    assert names(layer_of(after, before, newest=1000)) == []
    assert names(layer_of(after, before, newest=1001)) == ["d/", "d/f"]


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    made = []
    for name, order in (("one", "abc"), ("other", "cab")):
        top = tmp_path / name
        top.mkdir()
        for each in order:
            (top / each).write_text(each)
        made.append(layer_of(top, newest=1000))
    assert made[0] == made[1]
    assert {entry.mtime for entry in read_archive([made[0]])} == {1000 * 10**9}


def test_owners_are_put_back(trees: tuple[Path, Path]) -> None:
    raw = layer_of(trees[1], owners={"d/f": [5, 6], "d": [7, 1 << 30]})
    found = {entry.name: (entry.uid, entry.gid) for entry in read_archive([raw])}
    assert (found[b"d/f"], found[b"d"]) == ((5, 6), (7, 1 << 30))


def test_a_socket_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("s")
    assert names(layer_of(tmp_path)) == ["/"]


def test_a_name_that_would_hide_another_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".wh.x").write_text("")
    with pytest.raises(BadInput, match="cannot hold the name"):
        layer_of(tmp_path)


def test_holes_are_data(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 20)
    sizes = [(entry.size, sum(len(piece) for _, piece in entry.data)) for entry in read_archive([layer_of(tmp_path)])]
    assert sizes == [(0, 0), (1 << 20, 1 << 20)]


# --- read by others
def rich_tree(top: Path) -> None:
    """A tree of all that a layer can hold."""
    top.mkdir(exist_ok=True)
    for name in ("plain", "n" * 101, "é", "a b\nc", "-rf"):
        (top / name).write_text(name)
    long = "/".join(["d" * 50] * 2)
    for folder in (long, "/".join(["e" * 60] * 4), "empty"):
        (top / folder).mkdir(parents=True)
    (top / long / ("f" * 90)).write_text("ustar has room for it in its prefix")
    (top / long / ("f" * 101)).write_text("not for this one")
    (top / "link").symlink_to("plain")
    (top / "long link").symlink_to("t" * 150)
    os.link(top / "plain", top / "second")
    os.link(top / ("n" * 101), top / "third")
    os.mkfifo(top / "fifo")
    (top / "setuid").write_text("")
    (top / "setuid").chmod(0o4755)
    (top / "empty").chmod(0o1777)
    os.setxattr(top / "plain", "user.x", b"\0=\n")
    Path(os.fsdecode(os.fsencode(top) + b"/\xff")).write_text("no UTF-8")
    for path in (*top.rglob("*"), top):
        os.utime(path, (12345, 12345), follow_symlinks=False)
    os.utime(top / "setuid", (-5, -5))


def seen(top: Path) -> dict[str, tuple[Any, ...]]:
    """All that readers must agree on."""
    found = {}
    for path in (*top.rglob("*"), top):
        s = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(s.st_mode) else os.readlink(path) if path.is_symlink() else b""
        links = s.st_nlink if not stat.S_ISDIR(s.st_mode) else 0
        found[str(path.relative_to(top))] = s.st_mode, s.st_uid, s.st_gid, int(s.st_mtime), content, links
    return found


def by_gnu_tar(raw: bytes, top: Path) -> None:
    subprocess.run(["tar", "-xp", "--xattrs", "--xattrs-include=user.*", "-f", "-", "-C", top], input=raw, check=True)


def by_tarfile(raw: bytes, top: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        trusting = {"filter": "fully_trusted"} if hasattr(tarfile, "fully_trusted_filter") else {}
        tar.extractall(top, **trusting)  # type: ignore[arg-type]
        for link in filter(tarfile.TarInfo.issym, tar):  # it reads the time of a link, but does not set it
            os.utime(top / link.name, (link.mtime, link.mtime), follow_symlinks=False)


def by_us(raw: bytes, top: Path) -> None:
    fd = os.open(top, os.O_RDONLY)
    extract(read_archive([raw]), fd)
    os.close(fd)


@pytest.mark.parametrize("reader", [by_gnu_tar, by_tarfile, by_us])
def test_others_read_the_same(reader: Callable[[bytes, Path], None], tmp_path: Path) -> None:
    rich_tree(tmp_path / "tree")
    (tmp_path / "read").mkdir()
    raw = layer_of(tmp_path / "tree")
    reader(raw, tmp_path / "read")
    assert seen(tmp_path / "read") == seen(tmp_path / "tree")
    if reader is not by_tarfile:  # which knows no attributes
        assert os.getxattr(tmp_path / "read/plain", "user.x") == b"\0=\n"
        assert layer_of(tmp_path / "read") == raw


def test_ustar_unless_there_is_no_room(tmp_path: Path) -> None:
    rich_tree(tmp_path / "tree")
    raw = layer_of(tmp_path / "tree")
    flags = [raw[at + 156 : at + 157] for at in range(0, len(raw), 512) if raw[at + 257 : at + 262] == b"ustar"]
    # names: n*101, the folder e*60 four deep, f*101; targets: t*150, n*101; attributes: plain; time: setuid
    assert flags.count(b"x") == 7
    assert raw.count(os.fsencode(Path.home().owner())) == 0


def test_a_large_file(tmp_path: Path) -> None:
    from pyctr_lab.images.diff import header

    raw = header(b"large", b"0", 0o644, (0, 0), 0, size=1 << 34)
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        assert next(iter(tar)).size == 1 << 34


# --- an upper folder
def change_an_overlay(top: int) -> tuple[bytes, bytes]:
    """Change files below a mount; the layers of the upper folder, and between the two trees."""
    os.fchdir(top)
    if libc.unshare(CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "unshare")
    for name in ("lower/d/e", "lower/gone", "lower/again", "upper", "work", "merged", "before"):
        os.makedirs(name)
    for name in ("d/f", "d/e/g", "gone/x", "again/x", "file", "both"):
        Path("lower", name).write_text(name)
    os.link("lower/both", "lower/both2")
    # the layer is to be that of two trees: a copy stands for what was before
    lower = os.open("lower", os.O_RDONLY)
    raw = b"".join(write_layer(tree_changes(None, lower), lower))
    extract(read_archive([raw]), os.open("before", os.O_RDONLY))
    if libc.mount(b"overlay", b"merged", b"overlay", 0, b"lowerdir=lower,upperdir=upper,workdir=work,userxattr"):
        raise OSError(ctypes.get_errno(), "mount")
    os.chdir("merged")
    subprocess.run("rm -r gone again d/f; mkdir again; echo 1 > again/new; echo 2 >> file; mkdir d/h; chmod 700 d/e;"
                   "ln file second; rm both", shell=True, check=True)  # fmt: skip
    os.chdir("..")
    upper, merged, before = (os.open(name, os.O_RDONLY) for name in ("upper", "merged", "before"))
    return (
        b"".join(write_layer(upper_changes(upper), upper, newest=1000)),
        b"".join(write_layer(tree_changes(before, merged, newest=1000), merged, newest=1000)),
    )


@pytest.mark.parametrize("world", WORLDS)
def test_an_upper_folder(world: str, tmp_path: Path) -> None:
    given_to(world, tmp_path)
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        upper, between = run_in(world, change_an_overlay, fd)
    finally:
        os.close(fd)
    assert names(upper) == [
        ".wh.both", ".wh.gone", "again/", "again/.wh..wh..opq", "again/new", "d/", "d/.wh.f", "d/e/", "d/h/", "file",
        "second = file"]  # fmt: skip
    assert [each.removesuffix(" = file") for each in names(between)] == [  # overlayfs may show two files
        ".wh.both", ".wh.gone", "again/", "again/.wh.x", "again/new", "d/", "d/.wh.f", "d/e/", "d/h/", "file", "second"
    ]  # fmt: skip
    assert not any(entry.xattrs for entry in read_archive([upper]))


def write_capable(top: int) -> bytes:
    os.fchdir(top)
    Path("x").write_text("1")
    os.setxattr("x", "security.capability", CAPABILITY)
    return b"".join(write_layer(tree_changes(None, top), top))


@pytest.mark.parametrize("world", WORLDS)
def test_capabilities_are_written_as_they_came(world: str, tmp_path: Path) -> None:
    given_to(world, tmp_path)
    fd = os.open(tmp_path, os.O_RDONLY)
    raw = run_in(world, write_capable, fd)
    os.close(fd)
    assert [entry.xattrs for entry in read_archive([raw])] == [{}, {b"security.capability": CAPABILITY}]
