"""Decompression of what other tools compress, whole, damaged and hostile; digests on both sides; compression."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import random
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from pyctr_lab.errors import BadInput, Unsupported
from pyctr_lab.images import compression
from pyctr_lab.images.compression import RECORD, STEP, Blob, Zlib, ahead, compress, decompress
from pyctr_lab.images.descriptors import LAYER, BadImage, Descriptor
from pyctr_lab.images.layout import digest_of

CONTENT = random.Random(1).randbytes(100_000) + bytes(300_000) + b"end"
needs_zstd = pytest.mark.skipif(compression.zstd is None, reason="this Python has no zstd")


def zstd(raw: bytes) -> bytes:
    return bytes(compression.zstd.compress(raw))


PACK: dict[str, Callable[[bytes], bytes]] = {"": bytes, "gzip": gzip.compress, "xz": lzma.compress,
                                             "bzip2": bz2.compress, "zstd": zstd}  # fmt: skip
KINDS = [pytest.param(kind, marks=needs_zstd if kind == "zstd" else ()) for kind in PACK]
COMPRESSED = KINDS[1:]


@pytest.fixture(params=["isal", "zlib"], autouse=True)
def gzip_by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both libraries for gzip, where both are there."""
    if request.param == "zlib":
        monkeypatch.setattr(compression, "isal", None)
        monkeypatch.setattr(compression, "isal_zlib", None)
    elif compression.isal is None:
        pytest.skip("isal is not installed")


def describe(raw: bytes, **changed: Any) -> Descriptor:
    return Descriptor(**{"media_type": LAYER, "digest": digest_of(raw), "size": len(raw), **changed})


def content(raw: bytes, **options: Any) -> bytes:
    return b"".join(Blob(io.BytesIO(raw), **options))


@pytest.mark.parametrize("kind", KINDS)
def test_content_and_digests(kind: str) -> None:
    raw = PACK[kind](CONTENT)
    blob = Blob(io.BytesIO(raw), describe(raw), digest_of(CONTENT))
    assert b"".join(blob) == CONTENT
    assert (blob.compression, blob.digest, blob.size) == (kind, digest_of(raw), len(raw))
    assert (blob.diff_id, blob.content_size) == (digest_of(CONTENT), len(CONTENT))


@pytest.mark.parametrize("kind", COMPRESSED)
def test_several_members(kind: str) -> None:
    parts = [CONTENT[:70_000], b"", CONTENT[70_000:], b"x"]
    assert content(b"".join(map(PACK[kind], parts))) == CONTENT + b"x"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [0, 1, STEP - 1, STEP, STEP + 1])
def test_sizes(kind: str, size: int) -> None:
    assert content(PACK[kind](bytes(size))) == bytes(size)


def test_a_name_and_a_comment_in_the_header() -> None:
    raw = io.BytesIO()
    with gzip.GzipFile("a name", "wb", fileobj=raw, mtime=77) as file:
        file.write(CONTENT)
    assert content(raw.getvalue()) == CONTENT


@needs_zstd
def test_a_skippable_frame() -> None:
    skipped = b"\x50\x2a\x4d\x18" + (8).to_bytes(4, "little") + b"whatever"
    assert content(skipped + zstd(CONTENT) + skipped) == CONTENT


@pytest.mark.parametrize("kind", COMPRESSED)
@pytest.mark.parametrize("left", [0.0, 0.3, 0.999])
def test_cut(kind: str, left: float) -> None:
    raw = PACK[kind](CONTENT)
    cut = raw[: max(12, int(left * len(raw)))]
    with pytest.raises(BadImage, match="cut"):
        content(cut)


@pytest.mark.parametrize("kind", COMPRESSED)
@pytest.mark.parametrize("garbage", [b"g", b"garbage" * 30, bytes(512)])
def test_garbage_behind(kind: str, garbage: bytes) -> None:
    with pytest.raises(BadImage, match="garbage behind"):
        content(PACK[kind](CONTENT) + garbage)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", [0.05, 0.5, 0.95])
def test_a_flipped_byte(kind: str, place: float) -> None:
    raw = bytearray(PACK[kind](CONTENT))
    whole = bytes(raw)
    raw[int(place * len(raw))] ^= 0x10
    with pytest.raises(BadImage, match=r"damaged|cut"):
        content(bytes(raw), expected=describe(whole), diff_id=digest_of(CONTENT))


def test_a_wrong_size() -> None:
    raw = gzip.compress(CONTENT)
    with pytest.raises(BadImage, match=f"has {len(raw)} bytes, not 5"):
        content(raw, expected=describe(raw, size=5))


def test_a_wrong_diff_id() -> None:
    raw = gzip.compress(CONTENT)
    with pytest.raises(BadImage, match="diff_id"):
        content(raw, expected=describe(raw), diff_id=digest_of(b"other"))


@needs_zstd
def test_the_last_zeros_that_skopeo_drops() -> None:
    whole = CONTENT + bytes(-len(CONTENT) % RECORD)
    raw = zstd(CONTENT)
    assert content(raw, expected=describe(raw), diff_id=digest_of(whole)) == CONTENT
    with pytest.raises(BadImage, match="diff_id"):
        content(gzip.compress(CONTENT), diff_id=digest_of(whole))


@pytest.mark.parametrize("kind", COMPRESSED)
def test_steps_of_a_bomb_are_bounded(kind: str) -> None:
    codec = compression.sniff(PACK[kind](b"x"))
    assert codec is not None
    assert max(map(len, decompress(codec, [PACK[kind](bytes(50 << 20))]))) <= STEP


def test_many_small_members() -> None:
    assert content(gzip.compress(b"x", 1) * 5000) == b"x" * 5000


def test_the_sum_is_capped() -> None:
    with pytest.raises(BadImage, match=r"more than 1000000 bytes, unpacked from \d+$"):
        content(gzip.compress(bytes(50 << 20)), most=1_000_000)


BOMB = """
import gzip, io, resource, sys
from pyctr_lab.images import compression
packer = compression.zlib.compressobj(9, compression.zlib.DEFLATED, 31)
raw = b"".join(packer.compress(bytes(1 << 20)) for _ in range(250)) + packer.flush()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
total = sum(map(len, compression.Blob(io.BytesIO(raw))))
print(len(raw) >> 10, total >> 20, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_bomb_is_never_resident() -> None:
    done = subprocess.run([sys.executable, "-c", BOMB], capture_output=True, text=True, check=True, timeout=200)
    packed, unpacked, grown = map(int, done.stdout.split())
    assert packed < 300
    assert unpacked == 250
    assert grown < 20 << 10  # KiB


@needs_zstd
def test_a_giant_window_is_refused() -> None:
    zstd = compression.zstd
    options = {zstd.CompressionParameter.window_log: 28, zstd.CompressionParameter.enable_long_distance_matching: 1}
    packer = zstd.ZstdCompressor(options=options)
    raw = b"".join(packer.compress(bytes(1 << 20)) for _ in range(3)) + packer.flush()
    with pytest.raises(BadImage, match="zstd data is damaged"):
        content(raw)


def test_a_giant_dictionary_is_refused() -> None:
    packer = lzma.LZMACompressor(filters=[{"id": lzma.FILTER_LZMA2, "mf": lzma.MF_HC3, "dict_size": 128 << 20}])
    with pytest.raises(BadImage, match="xz data is damaged"):
        content(packer.compress(b"x") + packer.flush())


def test_without_zstd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "zstd", None)
    with pytest.raises(Unsupported, match=r"backports\.zstd"):
        content(b"\x28\xb5\x2f\xfd" + bytes(20))
    with pytest.raises(Unsupported, match=r"backports\.zstd"):
        compress([b"x"], print, "zstd")


def test_the_first_bytes_of_bzip2_alone_are_no_bzip2() -> None:
    assert content(b"BZh9 is a file's name" + bytes(600)) == b"BZh9 is a file's name" + bytes(600)


# --- threads
def test_the_thread_ends_when_its_consumer_does() -> None:
    before = threading.active_count()
    chunks = iter(Blob(io.BytesIO(gzip.compress(bytes(50 << 20)))))
    next(chunks)
    chunks.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_an_error_of_the_thread_reaches_its_consumer() -> None:
    def broken() -> Any:
        yield b"1"
        raise OSError(5, "Input/output error")

    found = []
    with pytest.raises(OSError, match="Input/output"):
        for chunk in ahead(broken()):
            found.append(chunk)
    assert found == [b"1"]


def test_the_thread_is_only_a_few_chunks_ahead() -> None:
    made = []

    def endless() -> Any:
        while True:
            made.append(1)
            yield b"x"

    chunks = ahead(endless())
    for _ in range(100):
        next(chunks)
    assert len(made) <= 100 + compression.AHEAD + 2
    chunks.close()  # type: ignore[attr-defined]


# --- compression
@pytest.mark.parametrize("kind", ["", "gzip", pytest.param("zstd", marks=needs_zstd)])
def test_what_we_compress_we_read(kind: str) -> None:
    raw = io.BytesIO()
    packed = compress([CONTENT, b"", CONTENT], raw.write, kind)
    assert packed == (digest_of(CONTENT * 2), 2 * len(CONTENT))
    blob = Blob(io.BytesIO(raw.getvalue()), None, packed.diff_id)
    assert b"".join(blob) == CONTENT * 2
    assert blob.compression == kind


def test_gzip_has_no_time_and_no_name() -> None:
    first, second = io.BytesIO(), io.BytesIO()
    compress([CONTENT], first.write)
    compress([CONTENT], second.write)
    assert first.getvalue() == second.getvalue()
    assert first.getvalue()[3:8] == bytes(5)
    assert hashlib.sha256(gzip.decompress(first.getvalue())).digest() == hashlib.sha256(CONTENT).digest()


def test_an_unknown_compression() -> None:
    with pytest.raises(BadInput, match="'lz4' is no compression"):
        compress([b"x"], print, "lz4")


def test_output_that_zlib_still_holds() -> None:
    decoder = Zlib()
    raw = zlib.compress(bytes(1000), 9, 31)
    found = decoder.decompress(raw, 10)
    while not decoder.eof:
        assert not decoder.needs_input
        found += decoder.decompress(b"", 10)
    assert found == bytes(1000)
