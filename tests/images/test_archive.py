"""Reading archives as a stream, cut into chunks of any size."""

from __future__ import annotations

import io
import tarfile
import tracemalloc
from collections.abc import Iterator

import pytest
from corpus import LEGAL
from tar_parts import END, file, header, pax

from pyctr_lab.images.archive import Kind, Member, read_archive
from pyctr_lab.images.descriptors import BadImage


def entries(*parts: bytes, chunk: int = 1 << 18) -> list[tuple[Member, bytes]]:
    """All entries with their data."""
    raw = b"".join(parts)
    chunks = (raw[at : at + chunk] for at in range(0, len(raw), chunk))
    return [(entry, b"".join(bytes(piece) for _, piece in entry.data)) for entry in read_archive(chunks)]


def only(*parts: bytes) -> Member:
    ((entry, _),) = entries(*parts)
    return entry


@pytest.mark.parametrize("chunk", [1, 7, 512, 1000])
@pytest.mark.parametrize("name", [name for name in LEGAL if "deep" not in name])
def test_chunks_of_any_size(name: str, chunk: int) -> None:
    archive = LEGAL[name][0]
    plain = [(e.name, e.kind, e.size, e.xattrs, data) for e, data in entries(archive)]
    assert [(e.name, e.kind, e.size, e.xattrs, data) for e, data in entries(archive, chunk=chunk)] == plain


@pytest.mark.parametrize(
    ("records", "mtime"),
    [(b"5", 5 * 10**9), (b"5.25", 5_250_000_000), (b"-5", -5 * 10**9), (b"-5.25", -5_250_000_000),
     (b"0.123456789123", 123456789), (b"1.", 10**9), (b"9" * 19, (1 << 55) * 10**9)],
)  # fmt: skip
def test_times_of_pax(records: bytes, mtime: int) -> None:
    assert only(pax({b"mtime": records}) + header(b"x")).mtime == mtime


@pytest.mark.parametrize("seconds", [0, 1, -5, 1 << 33, 1 << 40, -(1 << 40)])
def test_times_of_a_header(seconds: int) -> None:
    assert only(header(b"x", mtime=seconds)).mtime == seconds * 10**9


def test_device_numbers() -> None:
    entry = only(header(b"x", b"4", major=8, minor=17))
    assert (entry.kind, entry.device) == (Kind.BLOCK, (8, 17))


def test_data_that_the_caller_does_not_read_is_passed_over() -> None:
    archive = [file(b"a", b"1" * 5000), file(b"b"), END]
    assert [entry.name for entry in read_archive(archive)] == [b"a", b"b"]


def test_the_stream_is_read_to_its_end() -> None:
    read = []

    def chunks() -> Iterator[bytes]:
        for chunk in (file(b"a"), END, file(b"behind"), b"no block"):
            read.append(chunk)
            yield chunk

    assert [entry.name for entry in read_archive(chunks())] == [b"a"]
    assert len(read) == 4


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_archives_of_tarfile(form: int) -> None:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=form) as tar:
        for name in ("short", "d/" * 40 + "file", "é"):
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.uid, info.mode = 3, 77, 1000, 0o640
            tar.addfile(info, io.BytesIO(b"abc"))
    found = entries(raw.getvalue())
    assert [entry.name.decode() for entry, _ in found] == ["short", "d/" * 40 + "file", "é"]
    assert {(e.size, e.mtime, e.uid, e.mode, data) for e, data in found} == {(3, 77 * 10**9, 1000, 0o640, b"abc")}


@pytest.mark.parametrize(
    ("start", "behind", "refused"),
    [
        (header(b"x", b"g", size=1 << 26), bytes(1 << 16), False),  # defaults for all: passed over
        (header(b"x", b"x", size=1 << 26), bytes(1 << 16), True),
        (header(b"x", b"L", size=1 << 26), b"n" * (1 << 16), True),
        (header(b"x", size=1 << 26), bytes(1 << 16), False),
        (b"", pax({b"path": b"n"}) + header(b"x"), False),
    ],
)
def test_memory_is_bounded(start: bytes, behind: bytes, refused: bool) -> None:
    tracemalloc.start()
    try:
        for entry in read_archive([start, *[behind] * 1024]):
            for _ in entry.data:
                pass
        assert not refused
    except BadImage:
        assert refused
    finally:
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert most < 4 << 20


def test_too_many_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyctr_lab.images.archive.MOST_ENTRIES", 100)
    with pytest.raises(BadImage, match="more than 100 headers"):
        entries(header(b"x", b"g") * 101)
