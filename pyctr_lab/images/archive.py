"""Read a tar archive as a stream: v7, ustar, GNU's and pax headers. What two tools could read in two ways is refused.

The names are cleaned: no leading slash, no `.`, no empty part; `..` is refused. Memory is bounded whatever the headers
say. See tar(5), pax(1) of POSIX, and "Storing Sparse Files" in the manual of GNU tar.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from enum import Enum
from zlib import adler32

from ..kernel.checks import short_repr
from .descriptors import BadImage

BLOCK = 512
ZEROS = bytes(BLOCK)
HEADER = struct.Struct("100s8s8s8s12s12s8sc100s6s2x64x8s8s155s12x")
MOST_HEADER = 1 << 20  # bytes of a pax header or a long name; Go's archive/tar takes no more
MOST_PIECES = 1 << 16  # pieces of data between holes
MOST_ENTRIES = 1 << 20
MOST_SIZE = 1 << 43  # bytes of one file
MOST_SECONDS = 1 << 55  # away from 1970: within it the kernel clamps to what its file system can hold
DIGITS = re.compile(rb"[0-9]{1,20}")
SECONDS = re.compile(rb"(-?)([0-9]{1,20})(?:\.([0-9]*))?")
XATTR = b"SCHILY.xattr."

Pieces = tuple[tuple[int, int], ...]  # (offset, length) of each piece of data; between them are holes


class Kind(Enum):
    """What an entry is."""

    FILE = "file"
    LINK = "hard link"
    SYMLINK = "symbolic link"
    CHAR = "character device"
    BLOCK = "block device"
    FOLDER = "folder"
    FIFO = "fifo"


KINDS = dict(zip((b"0", b"1", b"2", b"3", b"4", b"5", b"6"), Kind, strict=True))
KINDS |= {b"\0": Kind.FILE, b"7": Kind.FILE, b"S": Kind.FILE}
PAX, LONG_NAME, LONG_TARGET = b"x", b"L", b"K"
ABOUT_THE_NEXT = (PAX, LONG_NAME, LONG_TARGET)
PASSED_OVER = (b"g", b"V")  # defaults of pax for all entries, the label of a volume


@dataclass(slots=True)
class Member:
    """One entry. `data` yields the pieces of a file with their offsets, once, before the next entry is asked for."""

    name: bytes  # empty for the root itself
    kind: Kind
    mode: int
    uid: int
    gid: int
    mtime: int  # nanoseconds
    size: int  # of the file, its holes included
    target: bytes = b""
    device: tuple[int, int] = (0, 0)
    xattrs: dict[bytes, bytes] = field(default_factory=dict)
    data: Iterator[tuple[int, memoryview]] = field(default_factory=lambda: iter(()))


class Stream:
    """Chunks of bytes, read in pieces of other sizes."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._left = memoryview(b"")

    def some(self, size: int) -> memoryview:
        """From one byte up to `size` bytes; none at the end."""
        while not self._left:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            self._left = memoryview(chunk)
        piece, self._left = self._left[:size], self._left[size:]
        return piece

    def upto(self, size: int) -> bytes:
        """The next bytes; fewer at the end only."""
        found = bytes(self.some(size))
        while len(found) < size and (more := self.some(size - len(found))):
            found += more
        return found

    def exactly(self, size: int) -> bytes:
        """The next bytes. Raises BadImage at the end."""
        found = self.upto(size)
        if len(found) < size:
            raise BadImage("the archive is cut")
        return found

    def pieces(self, size: int) -> Iterator[memoryview]:
        """The next bytes as they come. Raises BadImage at the end."""
        while size:
            piece = self.some(size)
            if not piece:
                raise BadImage("the archive is cut")
            size -= len(piece)
            yield piece

    def skip(self, size: int) -> None:
        """Pass over the next bytes."""
        for _ in self.pieces(size):
            pass

    def drain(self) -> None:
        """Read to the end: a digest is of all of it."""
        while self.some(1 << 30):
            pass

    def close(self) -> None:
        """End what makes the chunks: a thread, perhaps."""
        if isinstance(self._chunks, Generator):
            self._chunks.close()


def read_archive(chunks: Iterable[bytes]) -> Generator[Member, None, None]:
    """The entries of an archive. Reads the chunks to their end. Raises BadImage."""
    with closing(Stream(chunks)) as stream:
        yield from read_entries(stream)


def read_entries(stream: Stream) -> Iterator[Member]:
    """The entries of an archive, with what the headers before them say."""
    about: dict[bytes, bytes] = {}  # what headers say of the entry behind them
    for _ in range(MOST_ENTRIES):
        block = next_header(stream)
        if block is None:
            if about:
                raise BadImage("the archive ends after a header that speaks of a next entry")
            return stream.drain()
        flag = block[156:157]
        if flag in ABOUT_THE_NEXT:
            if flag in about:
                raise BadImage(f"two headers of type {flag.decode()} for one entry")
            about[flag] = content_of(block, stream)
        elif flag in PASSED_OVER:
            size = number(block[124:136], MOST_SIZE)
            stream.skip(size + -size % BLOCK)
        else:
            entry = read_entry(block, about, stream)
            about = {}
            yield entry
            for _ in entry.data:  # what the caller did not want
                pass
    raise BadImage(f"an archive of more than {MOST_ENTRIES} headers")


def next_header(stream: Stream) -> bytes | None:
    """The next header, its checksum verified; None at two blocks of zeros, or where the stream ends."""
    block = stream.upto(BLOCK)
    if not block:
        return None
    if block == ZEROS:
        if stream.upto(BLOCK) not in (ZEROS, b""):
            raise BadImage("an entry behind one block of zeros: the end is two, or none")
        return None
    if len(block) < BLOCK:
        raise BadImage("the archive is cut")
    claimed = number(block[148:156], 1 << 20)
    summed = block[:148] + b" " * 8 + block[156:]
    if checksum(summed) != claimed and sum(struct.unpack("512b", summed)) != claimed:
        raise BadImage("a header with a wrong checksum")
    return block


def checksum(block: bytes) -> int:
    """The sum of a header's bytes. The lower half of Adler-32 is 1 + that sum modulo 65521: exact for 256 bytes."""
    return (adler32(block[:256]) & 0xFFFF) + (adler32(block[256:]) & 0xFFFF) - 2


def content_of(block: bytes, stream: Stream) -> bytes:
    """The content of a pax header or a long name."""
    size = number(block[124:136], MOST_HEADER)
    return stream.exactly(size + -size % BLOCK)[:size]


def read_entry(block: bytes, about: dict[bytes, bytes], stream: Stream) -> Member:
    """An entry: its header, and what the headers before it say."""
    name, mode, uid, gid, size, mtime, _, flag, target, magic, major, minor, prefix = HEADER.unpack(block)
    name, target = until_nul(name), until_nul(target)
    if magic == b"ustar\0" and prefix[0]:
        name = until_nul(prefix) + b"/" + name
    name = until_nul(about[LONG_NAME]) if LONG_NAME in about else name
    target = until_nul(about[LONG_TARGET]) if LONG_TARGET in about else target
    pairs = pax_records(about.get(PAX, b""))
    pax = {key: value for key, value in pairs if value or key.startswith(XATTR)}  # an empty one: as without it
    name = pax.get(b"GNU.sparse.name", pax.get(b"path", name))
    kind = KINDS.get(flag)
    if kind is None:
        raise BadImage(f"an entry of the unknown type {short_repr(flag)}: {shown_name(name)}")
    if flag == b"\0" and name.endswith(b"/"):
        kind = Kind.FOLDER  # so did tar of 1979
    entry = Member(
        clean_name(name),
        kind,
        number(mode, 0o7777777) & 0o7777,
        owner(pax.get(b"uid"), uid),
        owner(pax.get(b"gid"), gid),
        nanoseconds(pax[b"mtime"]) if b"mtime" in pax else clamp(signed_number(mtime)) * 10**9,
        decimal(pax[b"size"], MOST_SIZE) if b"size" in pax else number(size, MOST_SIZE),
        xattrs={key.removeprefix(XATTR): value for key, value in pax.items() if key.startswith(XATTR)},
    )
    if kind is Kind.FILE:
        add_data(entry, flag == b"S", block, pairs, stream)
    elif entry.size:
        raise BadImage(f"a {kind.value} with data: {shown_name(name)}")
    elif kind in (Kind.LINK, Kind.SYMLINK):
        add_target(entry, pax.get(b"linkpath", target))
    elif kind in (Kind.CHAR, Kind.BLOCK):
        entry.device = number(major, 1 << 32), number(minor, 1 << 32)
    return entry


def add_target(entry: Member, target: bytes) -> None:
    """Where a link points: a hard link to a clean name, a symbolic one to any text that the kernel takes."""
    entry.target = clean_name(target) if entry.kind is Kind.LINK else target
    if not target or b"\0" in target or len(target) > 4095:
        raise BadImage(f"a link to {short_repr(target)}: {shown_name(entry.name)}")


def add_data(entry: Member, old: bool, block: bytes, pairs: list[tuple[bytes, bytes]], stream: Stream) -> None:
    """The data of a file, and its holes by one of GNU's four ways to note them."""
    stored = entry.size
    padding = -stored % BLOCK
    pax = dict(pairs)
    pieces: Pieces = ((0, stored),)
    if old:
        pieces, entry.size = old_map(block, stream), number(block[483:495], MOST_SIZE)
    elif b"GNU.sparse.major" in pax:
        if (pax[b"GNU.sparse.major"], pax.get(b"GNU.sparse.minor")) != (b"1", b"0"):
            raise BadImage(f"holes noted in an unknown way: {shown_name(entry.name)}")
        pieces, taken = map_before_data(stream, stored)
        stored, entry.size = stored - taken, decimal(pax.get(b"GNU.sparse.realsize", b""), MOST_SIZE)
    elif b"GNU.sparse.size" in pax:
        pieces, entry.size = map_in_header(pairs), decimal(pax[b"GNU.sparse.size"], MOST_SIZE)
    end = 0
    for offset, length in pieces:
        if offset < end:
            raise BadImage(f"pieces of data that overlap: {shown_name(entry.name)}")
        end = offset + length
    if end > entry.size or sum(length for _, length in pieces) != stored:
        raise BadImage(f"holes that do not fit with the sizes: {shown_name(entry.name)}")
    entry.data = data_of(stream, pieces, padding)


def data_of(stream: Stream, pieces: Pieces, padding: int) -> Iterator[tuple[int, memoryview]]:
    """The data of one file, with offsets."""
    for offset, length in pieces:
        for piece in stream.pieces(length):
            yield offset, piece
            offset += len(piece)
    stream.skip(padding)


def old_map(block: bytes, stream: Stream) -> Pieces:
    """The map of an entry of type S: four pieces in its header, 21 in each block behind it."""
    found: list[tuple[int, int]] = []
    at, count, more = 386, 4, 482
    while len(found) <= MOST_PIECES:
        for start in range(at, at + 24 * count, 24):
            if block[start : start + 12].strip(b" \0"):
                found.append((number(block[start : start + 12], MOST_SIZE),
                              number(block[start + 12 : start + 24], MOST_SIZE)))  # fmt: skip
        if block[more] in b"\x000":
            return tuple(found)
        block = stream.exactly(BLOCK)
        at, count, more = 0, 21, 504
    raise BadImage(f"a file of more than {MOST_PIECES} pieces")


def map_before_data(stream: Stream, stored: int) -> tuple[Pieces, int]:
    """Sparse 1.0 of pax: lines of digits in blocks before the data; and how many bytes they take."""
    text, taken, wanted = b"", 0, 1
    lines: list[bytes] = []
    while len(lines) < wanted:
        if taken >= min(stored, MOST_HEADER):
            raise BadImage("a map of holes that does not end")
        *new, text = (text + stream.exactly(BLOCK)).split(b"\n")
        lines += new
        taken += BLOCK
        if lines:
            wanted = 1 + 2 * decimal(lines[0], MOST_PIECES)
    return in_pairs(lines[1:wanted]), taken


def map_in_header(pairs: list[tuple[bytes, bytes]]) -> Pieces:
    """Sparse 0.1 of pax, one list, or 0.0, a record for each number."""
    pax = dict(pairs)
    if b"GNU.sparse.map" in pax:
        return in_pairs(pax[b"GNU.sparse.map"].split(b",") if pax[b"GNU.sparse.map"] else [])
    return in_pairs([value for key, value in pairs if key in (b"GNU.sparse.offset", b"GNU.sparse.numbytes")])


def in_pairs(numbers: list[bytes]) -> Pieces:
    """Offsets and lengths by turns."""
    if len(numbers) % 2 or len(numbers) > 2 * MOST_PIECES:
        raise BadImage(f"a map of holes of {len(numbers)} numbers")
    found = [decimal(each, MOST_SIZE) for each in numbers]
    return tuple(zip(found[::2], found[1::2], strict=True))


def pax_records(raw: bytes) -> list[tuple[bytes, bytes]]:
    """The records of a pax header: `LENGTH KEY=VALUE` and a newline each."""
    found, at = [], 0
    while at < len(raw):
        digits = raw[at : at + 20].partition(b" ")[0]
        end = at + decimal(digits, MOST_HEADER)
        key, equals, value = raw[at + len(digits) + 1 : end - 1].partition(b"=")
        if not key or b"\0" in key or not equals or raw[end - 1 : end] != b"\n":
            raise BadImage(f"a record of a pax header that is none: {short_repr(raw[at : at + 40])}")
        found.append((key, value))
        at = end
    return found


# --- fields
def until_nul(raw: bytes) -> bytes:
    """A text that ends with a NUL, or with its field."""
    return raw.partition(b"\0")[0]


def signed_number(raw: bytes) -> int:
    """A number: octal digits, or as GNU has it, binary behind a highest bit that is set."""
    if raw[0] & 0x80:
        bits = 8 * len(raw) - 1
        value = int.from_bytes(raw, "big") & ((1 << bits) - 1)
        return value - (1 << bits) if value >> (bits - 1) else value
    digits = raw.strip(b" \0") or b"0"
    if not digits.isdigit() or b"8" in digits or b"9" in digits:
        raise BadImage(f"a header with {short_repr(raw)} for a number")
    return int(digits, 8)


def number(raw: bytes, most: int) -> int:
    """A number of a header, from 0."""
    return bounded(signed_number(raw), most)


def decimal(raw: bytes, most: int) -> int:
    """A number of a pax header, from 0."""
    if not DIGITS.fullmatch(raw):
        raise BadImage(f"a pax header with {short_repr(raw)} for a number")
    return bounded(int(raw), most)


def bounded(value: int, most: int) -> int:
    """A number that is possible."""
    if not 0 <= value <= most:
        raise BadImage(f"a header with {value} where {most} is the most")
    return value


def owner(pax: bytes | None, raw: bytes) -> int:
    """A user or group id. 2^32-1 is none: chown(2) with it changes nothing, and the file would stay with root."""
    most = (1 << 32) - 2
    return number(raw, most) if pax is None else decimal(pax, most)


def clamp(seconds: int) -> int:
    """A time that the kernel takes."""
    return max(-MOST_SECONDS, min(seconds, MOST_SECONDS))


def nanoseconds(raw: bytes) -> int:
    """A time of a pax header: seconds with a fraction, before 1970 too."""
    found = SECONDS.fullmatch(raw)
    if not found:
        raise BadImage(f"a pax header with {short_repr(raw)} for a time")
    sign, whole, fraction = found.groups()
    value = min(int(whole), MOST_SECONDS) * 10**9 + int(((fraction or b"") + b"0" * 9)[:9])
    return -value if sign else value


def clean_name(name: bytes) -> bytes:
    """A path from the root without its slash, without `.` and empty parts; empty for the root. Raises BadImage."""
    parts = [part for part in name.split(b"/") if part not in (b"", b".")]
    if not name or b"\0" in name or b".." in parts:
        raise BadImage(f"an entry with the name {shown_name(name)}")
    if len(name) > 4095 or any(len(part) > 255 for part in parts):
        raise BadImage(f"a name that is too long: {shown_name(name)}")
    return b"/".join(parts)


def shown_name(name: bytes) -> str:
    """A name for a message."""
    return short_repr(name.decode(errors="backslashreplace"))
