"""Names and addresses in messages of DNS, and the answers. See RFC 1035, RFC 3596 (AAAA), RFC 6891 (EDNS)."""

from __future__ import annotations

import socket
import struct

from .addresses import canonical, family_of

TYPE_CHECKING = False  # without the module: programs stay in memory
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    Records: TypeAlias = dict[bytes, dict[int, list[bytes]]]  # a name as in a message, in lower case -> type -> data

A, PTR, AAAA, OPT, ANY = 1, 12, 28, 41, 255
IN = 1  # the class
FORMERR, NXDOMAIN, NOTIMP, REFUSED, BADVERS = 1, 3, 4, 5, 16
QR, OPCODE, AA, TC, RD, RA = 0x8000, 0x7800, 0x0400, 0x0200, 0x0100, 0x0080  # RA: clients warn of a server without it
HEADER, QUESTION, RECORD = struct.Struct("!6H"), struct.Struct("!2H"), struct.Struct("!HHIH")
TTL = 0  # seconds: a name is known at once, and forgotten at once
LEAST, LARGEST = 512, 4096  # bytes of an answer over UDP: of a client without EDNS, of one with it


class Names:
    """Names and their addresses, and what each question about them is answered."""

    def __init__(self) -> None:
        self.addresses: dict[str, list[str]] = {}
        self.records: Records = {}

    def add(self, name: str, addresses: list[str]) -> None:
        """Add addresses of a name. Raises ValueError, OSError."""
        key, found = on_the_wire(name), list(map(packed, addresses))
        known = self.addresses.setdefault(plain(name), [])
        self.records.setdefault(key, {})
        for address, (kind, data, pointer) in zip(addresses, found, strict=True):
            if address not in known:
                known.append(address)
                self.records[key].setdefault(kind, []).append(data)
                self.records.setdefault(pointer, {}).setdefault(PTR, []).append(key)

    def remove(self, name: str, addresses: list[str] | None) -> None:
        """Remove addresses of a name, or all; without any it is unknown."""
        key, known = on_the_wire(name), self.addresses.get(plain(name), [])
        for address in [each for each in known if addresses is None or each in addresses]:
            kind, data, pointer = packed(address)
            known.remove(address)
            self.records[key][kind].remove(data)
            self.records[pointer][PTR].remove(key)
            if not self.records[pointer][PTR]:
                del self.records[pointer]
        if not known:
            self.addresses.pop(plain(name), None)
            self.records.pop(key, None)

    def obey(self, order: dict[str, Any]) -> dict[str, Any]:
        """Carry out an order. Raises ValueError and others for a wrong one."""
        if "add" in order:
            self.add(order["add"], [canonical(each) for each in order["addresses"]])
        elif "remove" in order:
            wanted = order.get("addresses")
            self.remove(order["remove"], None if wanted is None else [canonical(each) for each in wanted])
        elif "names" in order:
            return {"names": self.addresses}
        else:
            raise ValueError("add, remove and names are orders")
        return {"done": True}


def plain(name: str) -> str:
    """A name as it is kept: in lower case, without the dot of the root."""
    return name.lower().removesuffix(".")


def on_the_wire(name: str) -> bytes:
    """A name as in a message. Raises ValueError."""
    labels = plain(name).encode("ascii").split(b".")
    if not all(0 < len(label) < 64 for label in labels) or sum(map(len, labels)) + len(labels) > 254:
        raise ValueError(f"{name!r} is no name")
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def packed(address: str) -> tuple[int, bytes, bytes]:
    """The type of an address, its data, and its name for PTR."""
    data = socket.inet_pton(family_of(address), address)
    if ":" in address:
        return AAAA, data, on_the_wire(".".join(reversed(data.hex())) + ".ip6.arpa")
    return A, data, on_the_wire(".".join(map(str, reversed(data))) + ".in-addr.arpa")


def read_question(message: bytes) -> tuple[bytes, int, int, int]:
    """Name, type, class, and where the question ends. Raises IndexError, ValueError and struct.error."""
    at = HEADER.size
    while size := message[at]:
        at += size + 1
        if size > 63 or at > HEADER.size + 254:
            raise ValueError("a label or a name that is too long, or a pointer")
    return message[HEADER.size : at + 1].lower(), *QUESTION.unpack_from(message, at + 1), at + 5


def read_edns(message: bytes, at: int) -> tuple[int, int] | None:
    """The size that a client takes, and its version of EDNS, where the first record after the question says so."""
    if len(message) < at + 1 + RECORD.size or message[at]:
        return None
    kind, size, flags, _ = RECORD.unpack_from(message, at + 1)
    return (size, flags >> 16 & 0xFF) if kind == OPT else None


def records(held: dict[int, list[bytes]], kind: int) -> list[bytes]:
    """The answers of a type. The next client gets them in another order."""
    found = []
    for each in (A, AAAA, PTR) if kind == ANY else (kind,):
        data = held.get(each, [])
        found += [b"\xc0\x0c" + RECORD.pack(each, IN, TTL, len(one)) + one for one in data]
        data.append(data.pop(0)) if data else None
    return found


def answer(table: Records, message: bytes, *, stream: bool) -> bytes | None:
    """The answer to a message; None where silence is one."""
    if len(message) < HEADER.size:
        return None
    number, flags, questions, *counts = HEADER.unpack_from(message)
    said = QR | RA | flags & (OPCODE | RD)
    if flags & QR:
        return None
    if flags & OPCODE:
        return HEADER.pack(number, said | NOTIMP, 0, 0, 0, 0)
    try:
        name, kind, group, end = read_question(message)
    except (IndexError, ValueError, struct.error):
        questions = 0
    if questions != 1:
        return HEADER.pack(number, said | FORMERR, 0, 0, 0, 0)
    edns = read_edns(message, end) if counts[:2] == [0, 0] and counts[2] else None
    most, version = edns or (LEAST, 0)
    code, found = (BADVERS, []) if version else (REFUSED, []) if group != IN else (NXDOMAIN, [])
    if code == NXDOMAIN and name in table:
        code, found = 0, records(table[name], kind)
    tail = [b"\0" + RECORD.pack(OPT, LARGEST, code >> 4 << 24, 0)] if edns else []
    room = (65535 if stream else min(max(most, LEAST), LARGEST)) - end - 11 * len(tail)
    size = sum(map(len, found))
    while size > room:
        size -= len(found.pop())
        said |= TC
    head = HEADER.pack(number, said | AA | code & 15, 1, len(found), 0, len(tail))
    return b"".join((head, message[HEADER.size : end], *found, *tail))
