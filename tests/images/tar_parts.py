"""Archives from their parts, right and wrong: every field of a header can be set to any bytes."""

from __future__ import annotations

import struct
from typing import Any

END = bytes(1024)
FIELDS = struct.Struct("100s8s8s8s12s12s8sc100s8s32s32s8s8s155s12s")


def octal(value: int | bytes, size: int) -> bytes:
    """A number as a field has it; bytes are taken as they are, a number without room in binary."""
    if isinstance(value, bytes):
        return value.ljust(size, b"\0")
    if 0 <= value < 8 ** (size - 1):
        return b"%0*o\0" % (size - 1, value)
    return (value & ((1 << 8 * size) - 1) | 1 << (8 * size - 1)).to_bytes(size, "big")


def header(name: bytes, flag: bytes = b"0", *, mode: int | bytes = 0o644, uid: int | bytes = 0, gid: int | bytes = 0,
           size: int | bytes = 0, mtime: int | bytes = 0, target: bytes = b"", magic: bytes = b"ustar\x0000",
           major: int = 0, minor: int = 0, prefix: bytes = b"", rest: bytes = b"", wrong: int = 0,
           signed: bool = False) -> bytes:  # fmt: skip
    """A header; its checksum is off by `wrong`, or summed up from signed bytes."""
    raw = FIELDS.pack(name, octal(mode, 8), octal(uid, 8), octal(gid, 8), octal(size, 12), octal(mtime, 12), b" " * 8,
                      flag, target, magic, b"", b"", octal(major, 8), octal(minor, 8), prefix, rest)  # fmt: skip
    total = sum(struct.unpack("512b", raw)) if signed else sum(raw)
    return raw[:148] + b"%06o\0 " % (total + wrong) + raw[156:]


def file(name: bytes, content: bytes = b"", flag: bytes = b"0", **fields: Any) -> bytes:
    """A file, or what else has data."""
    return header(name, flag, **{"size": len(content), **fields}) + content + bytes(-len(content) % 512)


def folder(name: bytes, mode: int = 0o755, **fields: Any) -> bytes:
    return header(name, b"5", mode=mode, **fields)


def symlink(name: bytes, target: bytes, **fields: Any) -> bytes:
    return header(name, b"2", mode=0o777, target=target, **fields)


def link(name: bytes, target: bytes, **fields: Any) -> bytes:
    return header(name, b"1", target=target, **fields)


def record(key: bytes, value: bytes) -> bytes:
    rest = b" " + key + b"=" + value + b"\n"
    size = len(rest) + 1
    while len(b"%d" % size) + len(rest) != size:
        size += 1
    return b"%d" % size + rest


def pax(records: dict[bytes, bytes] | list[tuple[bytes, bytes]] | bytes, flag: bytes = b"x") -> bytes:
    """A pax header; bytes are its content."""
    if not isinstance(records, bytes):
        pairs = records.items() if isinstance(records, dict) else records
        records = b"".join(record(key, value) for key, value in pairs)
    return file(b"pax", records, flag)


def long(name: bytes, flag: bytes = b"L") -> bytes:
    """GNU's header for a long name, or with flag K for a long target."""
    return file(b"././@LongLink", name + b"\0", flag, magic=b"ustar  \0")


def old_sparse(name: bytes, pieces: list[tuple[int, bytes]], size: int, *, stored: int | None = None) -> bytes:
    """A file of type S: four pieces in its header, the others in blocks behind it."""
    data = b"".join(content for _, content in pieces)
    places = [octal(at, 12) + octal(len(content), 12) for at, content in pieces]
    first, others = places[:4], places[4:]
    raw = bytearray(file(name, b"", b"S", size=len(data) if stored is None else stored, magic=b"ustar  \0"))
    raw[386 : 386 + 24 * len(first)] = b"".join(first)
    raw[482] = bool(others)
    raw[483:495] = octal(size, 12)
    raw[148:156] = b" " * 8
    raw[148:156] = b"%06o\0 " % sum(raw)
    while others:
        now, others = others[:21], others[21:]
        raw += (b"".join(now).ljust(504, b"\0") + (b"\1" if others else b"\0")).ljust(512, b"\0")
    return bytes(raw) + data + bytes(-len(data) % 512)


def sparse_1(name: bytes, listed: bytes, data: bytes, size: int, *, major: bytes = b"1") -> bytes:
    """A file of pax's sparse form 1.0: `listed` is its map."""
    records = {b"GNU.sparse.major": major, b"GNU.sparse.minor": b"0", b"GNU.sparse.name": name,
               b"GNU.sparse.realsize": b"%d" % size}  # fmt: skip
    return pax(records) + file(b"GNUSparseFile.0/x", listed + bytes(-len(listed) % 512) + data)


def sparse_0(pairs: list[tuple[bytes, bytes]], data: bytes, size: int, name: bytes = b"s") -> bytes:
    """A file of pax's sparse forms 0.0 and 0.1."""
    return pax([(b"GNU.sparse.size", b"%d" % size), *pairs]) + file(name, data)
