"""Decompress a layer as its bytes say, whatever its media type says, and compress one; digests on both sides.

Output is bounded at each step: 256 kB of gzip may become 250 MB, and are never in memory at once.
"""

from __future__ import annotations

import bz2
import hashlib
import importlib
import lzma
import re
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from itertools import chain
from queue import SimpleQueue
from threading import Semaphore
from typing import IO, Any, NamedTuple

from ..errors import BadInput, Unsupported
from ..kernel.checks import short_repr
from .descriptors import BadImage, Descriptor

READ = 1 << 18  # bytes of a blob at a time
STEP = 1 << 18  # most bytes that one step of a decompressor returns
AHEAD = 8  # chunks between two threads
MOST = 1 << 37  # bytes of a layer, uncompressed
MOST_WINDOW = 26  # 64 MiB, as a power of two: what zstd -21 and xz -9 need
RECORD = 10240  # tar pads archives to multiples of it


class Zlib:
    """zlib's decompressor of gzip, with the methods that Python's other decompressors have."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(31)

    def __getattr__(self, name: str) -> Any:  # eof, unused_data
        return getattr(self._zlib, name)

    @property
    def needs_input(self) -> bool:
        """Whether all input is used: zlib returns what it has no room for."""
        return not self._zlib.unconsumed_tail

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """At most `max_length` bytes of output."""
        return self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)


def module(*names: str) -> Any:
    """The first of these modules that is installed; None without."""
    for name in names:
        with suppress(ImportError):
            return importlib.import_module(name)
    return None


isal, isal_zlib = module("isal.igzip_lib"), module("isal.isal_zlib")  # half of zlib's time
zstd = module("compression.zstd", "backports.zstd")
ERRORS = (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError, *([isal.IsalError] if isal else []),
          *([zstd.ZstdError] if zstd else []))  # fmt: skip


def gunzip() -> Any:
    """A decompressor of gzip."""
    return isal.IgzipDecompressor(flag=isal.DECOMP_GZIP) if isal else Zlib()


def unzstd() -> Any:
    """A decompressor of zstd, which refuses a giant window."""
    return need_zstd().ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: MOST_WINDOW})


def unxz() -> Any:
    """A decompressor of xz, which refuses a giant dictionary."""
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=(1 << MOST_WINDOW) + (16 << 20))


def need_zstd() -> Any:
    """The module for zstd. Raises Unsupported."""
    if zstd is None:
        hint = "Python 3.14 can; before, pip install backports.zstd"
        raise Unsupported("this Python cannot read or write zstd", hint=hint)
    return zstd


class Codec(NamedTuple):
    """A compression: its name, how a blob of it begins, and its decompressor."""

    name: str
    magic: re.Pattern[bytes]
    decoder: Callable[[], Any]


CODECS = (
    Codec("gzip", re.compile(rb"\x1f\x8b\x08"), gunzip),
    Codec("zstd", re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18"), unzstd),
    Codec("xz", re.compile(rb"\xfd7zXZ\0"), unxz),
    Codec("bzip2", re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)"), bz2.BZ2Decompressor),
)


def sniff(start: bytes) -> Codec | None:
    """The compression of what begins so; None for none."""
    return next((codec for codec in CODECS if codec.magic.match(start)), None)


def decompress(codec: Codec, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The content of all members, at most STEP bytes at a time. Raises BadImage."""
    decoder, where = codec.decoder(), "damaged"
    for chunk in chunks:
        while chunk or not (decoder.needs_input or decoder.eof):
            if decoder.eof:
                decoder, where = codec.decoder(), "damaged, or has garbage behind its end"
            try:
                yield decoder.decompress(chunk, STEP)
            except ERRORS as why:
                raise BadImage(f"the {codec.name} data is {where}: {why}") from None
            chunk = decoder.unused_data if decoder.eof else b""
    if not decoder.eof:
        raise BadImage(f"the {codec.name} data is cut, or has garbage behind its end")


class Blob:
    """The content of a layer's blob, decompressed, in chunks. What is `expected` is verified at the end of the chunks.

    After the last chunk `size` is the blob's, and `digest` where one was expected; `diff_id` and `content_size` are
    those of its content. Raises BadImage for a wrong size, digest or diff_id, for a blob that is cut or damaged, and
    for more than `most` bytes.
    """

    def __init__(
        self, file: IO[bytes], expected: Descriptor | None = None, diff_id: str = "", *, most: int = MOST
    ) -> None:
        self._file, self._expected, self._diff_id, self._most = file, expected, diff_id, most
        self._blob, self._content = hashlib.sha256(), hashlib.sha256()
        self.size = self.content_size = 0
        self.compression = ""

    def __iter__(self) -> Iterator[bytes]:
        return ahead(self._chunks())

    @property
    def digest(self) -> str:
        """The digest of the blob."""
        return f"sha256:{self._blob.hexdigest()}"

    @property
    def diff_id(self) -> str:
        """The digest of the content."""
        return f"sha256:{self._content.hexdigest()}"

    def _chunks(self) -> Iterator[bytes]:
        with closing(ahead(self._raw())) as raw:
            start = next(raw, b"")
            codec = sniff(start)
            self.compression = codec.name if codec else ""
            chunks = chain((start,), raw)
            for chunk in filter(None, decompress(codec, chunks) if codec else chunks):
                self.content_size += len(chunk)
                if self.content_size > self._most:
                    raise BadImage(f"a layer of more than {self._most} bytes, unpacked from {self.size}")
                self._content.update(chunk)
                yield chunk
        self._verify()

    def _raw(self) -> Iterator[bytes]:
        while chunk := self._file.read(READ):
            if self._expected:
                self._blob.update(chunk)
            self.size += len(chunk)
            yield chunk

    def _verify(self) -> None:
        expected = self._expected
        if expected is not None and self.size != expected.size:
            raise BadImage(f"the blob {expected.digest} has {self.size} bytes, not {expected.size}")
        if expected is not None and self.digest != expected.digest:
            raise BadImage(f"the blob {expected.digest} is damaged: its content has another digest")
        if self._diff_id and self.diff_id != self._diff_id:
            if self.compression == "zstd":  # skopeo 1.9 drops the last zeros
                self._content.update(bytes(-self.content_size % RECORD))
            if self.diff_id != self._diff_id:
                raise BadImage(f"a layer with the diff_id {self.diff_id}, not {self._diff_id}")


def ahead(chunks: Iterator[bytes]) -> Generator[bytes, None, None]:
    """Run an iterator in a thread of its own, a few chunks ahead: hashing and zlib work without Python's lock."""
    ready: SimpleQueue[bytes | None] = SimpleQueue()
    room = Semaphore(AHEAD)
    wanted = True

    def work() -> None:
        try:
            for chunk in chunks:
                room.acquire()
                if not wanted:
                    return
                ready.put(chunk)
        finally:
            ready.put(None)

    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(work)
        try:
            while (chunk := ready.get()) is not None:
                yield chunk
                room.release()
            working.result()  # raises what it raised
        finally:
            wanted = False
            room.release()


class Packed(NamedTuple):
    """What was written as a blob: the digest and the size of its content, before compression."""

    diff_id: str
    content_size: int


def compress(chunks: Iterable[bytes], write: Callable[[bytes], object], compression: str = "gzip") -> Packed:
    """Compress a layer's content by `gzip`, `zstd` or none (""), at the fastest level, and write it."""
    encoder = encoder_of(compression)
    content, size = hashlib.sha256(), 0
    for chunk in chunks:
        content.update(chunk)
        size += len(chunk)
        if packed := encoder.compress(chunk) if encoder else chunk:
            write(packed)
    if encoder:
        write(encoder.flush())
    return Packed(f"sha256:{content.hexdigest()}", size)


def encoder_of(compression: str) -> Any:
    """An object with `compress` and `flush`; None without compression."""
    if compression == "gzip":  # no name and no time in its header
        return (isal_zlib or zlib).compressobj(1, zlib.DEFLATED, 31)
    if compression == "zstd":
        return need_zstd().ZstdCompressor(level=1)
    if compression:
        raise BadInput(f"{short_repr(compression)} is no compression", hint='it is "gzip", "zstd" or ""')
    return None
