"""What an unpacked layer keeps beyond its tree: times, holes, owners, attributes; and the report."""

from __future__ import annotations

import errno
import gzip
import io
import os
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from corpus import CAPABILITY
from tar_parts import END, file, folder, header, link, old_sparse, pax, sparse_1, symlink
from worlds import WORLDS, given_to, run_in

from pyctr_lab.images.archive import read_archive
from pyctr_lab.images.compression import Blob
from pyctr_lab.images.descriptors import BadImage
from pyctr_lab.images.extract import Unpacked, extract

CAPABLE = pax({b"SCHILY.xattr.security.capability": CAPABILITY})


def unpack(archive: bytes, layer: int, below: list[int]) -> Unpacked:
    return extract(read_archive([archive + END]), layer, below)


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Layers:
    """Folders of layers, each above those before it."""

    def __init__(self, top: Path, world: str) -> None:
        self.top, self.world, self.open = top, world, list[int]()

    def add(self, *parts: bytes) -> Unpacked:
        path = self.top / str(len(self.open))
        path.mkdir()
        given_to(self.world, path)
        fd = os.open(path, os.O_RDONLY)
        self.open.insert(0, fd)
        report: Unpacked = run_in(self.world, unpack, b"".join(parts), fd, self.open[1:])
        return report

    def __truediv__(self, name: str) -> Path:
        """A path in the highest layer."""
        return self.top / str(len(self.open) - 1) / name


@pytest.fixture
def layers(tmp_path: Path, world: str) -> Iterator[Layers]:
    made = Layers(tmp_path, world)
    yield made
    for fd in made.open:
        os.close(fd)


def seconds(path: Path) -> float:
    return path.lstat().st_mtime_ns / 1e9


def test_times(layers: Layers) -> None:
    layers.add(folder(b"./", mtime=1), folder(b"e", mtime=2), file(b"e/f", mtime=3), symlink(b"e/l", b"f", mtime=4),
               header(b"e/p", b"6", mtime=5), folder(b"e/d", mtime=6), file(b"e/d/x", mtime=7), file(b"g"))  # fmt: skip
    assert [seconds(layers / name) for name in (".", "e", "e/f", "e/l", "e/p", "e/d", "e/d/x")] == [1, 2, 3, 4, 5, 6, 7]


def test_the_time_of_a_folder_that_is_entered_again(layers: Layers) -> None:
    layers.add(
        folder(b"e", mtime=2), folder(b"g", mtime=3), file(b"e/x"), file(b"g/x"), file(b"e/y"), link(b"g/y", b"e/y")
    )
    assert (seconds(layers / "e"), seconds(layers / "g")) == (2, 3)


def test_the_time_of_a_folder_with_whiteouts(layers: Layers) -> None:
    layers.add(folder(b"e"), file(b"e/x"))
    layers.add(folder(b"e", mtime=2), file(b"e/.wh.x"), file(b"e/.wh..wh..opq"))
    assert seconds(layers / "e") == 2


def test_the_time_of_a_folder_below(layers: Layers) -> None:
    layers.add(folder(b"e", mtime=2), folder(b"e/d", mtime=3))
    layers.add(file(b"e/d/x"))
    assert (seconds(layers / "e"), seconds(layers / "e/d")) == (2, 3)


def test_the_time_of_a_folder_through_a_link(layers: Layers) -> None:
    layers.add(folder(b"r", mtime=2), symlink(b"l", b"r", mtime=3), folder(b"l/d", mtime=4), file(b"r/d/x"))
    assert [seconds(layers / name) for name in ("r", "l", "r/d")] == [2, 3, 4]


def test_a_link_in_the_place_of_the_folder_of_its_target(layers: Layers) -> None:
    with pytest.raises(AssertionError, match="BadImage: 'd' is no folder"):
        layers.add(folder(b"r"), file(b"r/x"), symlink(b"d", b"r"), link(b"d", b"d/x"), file(b"d/y"))
    assert not (layers / "r/y").exists()


@pytest.mark.parametrize(("said", "kept"), [(b"-5", -5.0), (b"1.5", 1.5)])
def test_odd_times(layers: Layers, said: bytes, kept: float) -> None:
    layers.add(pax({b"mtime": said}), file(b"x"))
    assert seconds(layers / "x") == kept


@pytest.mark.parametrize("time", [1 << 40, 1 << 62, -(1 << 62)])
def test_impossible_times_are_clamped(layers: Layers, time: int) -> None:
    layers.add(file(b"x", b"1", mtime=time))
    assert (layers / "x").read_text() == "1"
    assert (seconds(layers / "x") > 1 << 31) == (time > 0)


def test_holes_stay_holes(layers: Layers) -> None:
    size = 8 << 20
    report = layers.add(
        sparse_1(b"one", b"1\n%d\n3\n" % (size - 3), b"end", size), old_sparse(b"other", [(0, b"start")], size)
    )
    for name in ("one", "other"):
        found = (layers / name).stat()
        assert (found.st_size, found.st_blocks < 100) == (size, True)
    assert (layers / "one").read_bytes()[-3:] == b"end"
    assert report.bytes == 8


def capability(path: Path) -> bytes:
    return os.getxattr(path, "security.capability")


def test_a_capability_is_kept(layers: Layers, world: str) -> None:
    layers.add(CAPABLE, file(b"x", b"1", mode=0o755))
    found = capability(layers / "x")
    version = struct.unpack("<I", found[:4])[0] >> 24
    assert version == 3 or world != "range"  # 3 has the id of the world's root behind it
    assert found[4:20] == CAPABILITY[4:]


def test_a_hard_link_leaves_the_capability(layers: Layers) -> None:
    layers.add(CAPABLE, file(b"x", mode=0o755), link(b"h", b"x", mode=0o755))
    assert capability(layers / "h")[4:20] == CAPABILITY[4:]


def test_a_copy_from_below_has_it_all(layers: Layers) -> None:
    records = {b"SCHILY.xattr.security.capability": CAPABILITY, b"SCHILY.xattr.user.x": b"1"}
    layers.add(pax(records), file(b"x", b"data"))
    layers.add(link(b"h", b"x", mode=0o700, mtime=9))
    assert capability(layers / "h")[4:20] == CAPABILITY[4:]
    assert os.getxattr(layers / "h", "user.x") == b"1"
    assert (layers / "h").read_text() == "data"
    assert seconds(layers / "h") == 9
    assert (layers / "h").stat().st_mode & 0o777 == 0o700


def test_the_report(layers: Layers, world: str) -> None:
    report = layers.add(
        pax({b"SCHILY.xattr.trusted.x": b"1", b"SCHILY.xattr.user.overlay.redirect": b"/x"}),
        file(b"x", b"123", uid=5, gid=6), header(b"null", b"3", major=1, minor=3), link(b"zero", b"null"),
        pax({b"SCHILY.xattr.user.x": b"1"}), symlink(b"l", b"x"),
    )  # fmt: skip
    assert (report.entries, report.bytes, report.opaque) == (4, 3, False)
    assert report.skipped == {
        "x [trusted.x]": "an attribute that images do not keep",
        "x [user.overlay.redirect]": "an attribute that images do not keep",
        "null": "character device 1:3",
        "zero": "a link to 'null'",
        "l [user.x]": "an attribute of a symbolic link",
    }
    assert report.owners == ({"x": [5, 6]} if world == "one id" else {})


def test_an_owner_beyond_the_map_is_reported(layers: Layers, world: str) -> None:
    report = layers.add(file(b"x", uid=100_000), folder(b"d", gid=100_000))
    assert report.owners == ({} if world == "root" else {"x": [100_000, 0], "d": [0, 100_000]})


def test_an_opaque_root_is_reported(layers: Layers) -> None:
    layers.add(file(b"x"))
    assert layers.add(file(b".wh..wh..opq")).opaque


def test_an_opaque_root_hides_the_target_of_a_hard_link(layers: Layers) -> None:
    layers.add(file(b"x"))
    with pytest.raises(AssertionError, match=r"BadImage: .* no file"):
        layers.add(file(b".wh..wh..opq"), link(b"h", b"x"))


def test_a_layer_that_hides_all_hides_it_from_those_above(layers: Layers) -> None:
    layers.add(file(b"x"))
    layers.add(file(b".wh..wh..opq"))
    layers.add(file(b".wh.x"))
    assert not os.path.lexists(layers / "x")


def test_a_lack_of_the_machine_is_no_fault_of_the_image(layers: Layers, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.pwrite", full)
    with pytest.raises(AssertionError, match=r"OSError: .*No space left"):
        layers.add(file(b"x", b"1"))


def test_no_thread_is_left_behind_an_error(tmp_path: Path) -> None:
    """At its end Python waits for threads, and one that waits for a consumer would wait for ever."""
    before = threading.active_count()
    fd = os.open(tmp_path, os.O_RDONLY)
    content = gzip.compress(file(b"../x") + bytes(8 << 20))
    with pytest.raises(BadImage, match="name") as kept:
        extract(read_archive(Blob(io.BytesIO(content))), fd)
    os.close(fd)
    with pytest.raises(OSError, match="Bad file descriptor") as kept_too:
        extract(read_archive(Blob(io.BytesIO(gzip.compress(file(b"x") + bytes(8 << 20))))), fd)
    assert (kept.value, kept_too.value, threading.active_count()) == (kept.value, kept_too.value, before)
