"""ICMP and ICMPv6. See RFC 792, RFC 1191, RFC 4443 and RFC 4861."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .internet import TCP, UDP, Internet, read_ipv4, read_ipv6, with_port
from .reader import Damage, Reader, hexadecimal

REQUESTS, REPLIES = ((4, 8), (6, 128)), ((4, 0), (6, 129))
NEEDS_FRAGMENTATION = (4, 3, 4)
TOO_BIG, REDIRECT = (6, 2), (4, 5)
NEIGHBOURS = ((6, 135), (6, 136))
ERRORS = ((4, 3), REDIRECT, (4, 11), (4, 12), (6, 1), TOO_BIG, (6, 3), (6, 4))
TYPES = {
    (4, 0): "echo reply", (4, 8): "echo request", (4, 3): "unreachable", (4, 5): "redirect",
    (4, 11): "time exceeded", (4, 12): "parameter problem",
    (6, 1): "unreachable", TOO_BIG: "packet too big", (6, 3): "time exceeded", (6, 4): "parameter problem",
    (6, 128): "echo request", (6, 129): "echo reply", (6, 133): "router solicitation", (6, 134): "router advertisement",
    (6, 135): "neighbour solicitation", (6, 136): "neighbour advertisement", (6, 143): "multicast listener report",
}  # fmt: skip
CODES = {
    (4, 3, 0): "net unreachable", (4, 3, 1): "host unreachable", (4, 3, 2): "protocol unreachable",
    (4, 3, 3): "port unreachable", NEEDS_FRAGMENTATION: "fragmentation needed", (4, 3, 9): "net prohibited",
    (4, 3, 10): "host prohibited", (4, 3, 13): "communication prohibited",
    (6, 1, 0): "no route", (6, 1, 1): "communication prohibited", (6, 1, 3): "address unreachable",
    (6, 1, 4): "port unreachable", (6, 1, 6): "route rejected",
}  # fmt: skip


@dataclass(frozen=True)
class Icmp:
    """A message of ICMP (version 4) or ICMPv6 (6). `about` says which packet an error is about."""

    version: int
    type: int
    code: int
    length: int
    identifier: int | None = None
    sequence: int | None = None
    mtu: int | None = None
    target: str = ""
    mac: str = ""
    about: str = ""

    @property
    def kind(self) -> str:
        """Protocol, and the name of type and code."""
        meaning = CODES.get((self.version, self.type, self.code)) or TYPES.get((self.version, self.type))
        return f"{'ICMP' if self.version == 4 else 'ICMPv6'} {meaning or f'type {self.type}, code {self.code}'}"

    def words(self) -> str:
        """The message with its numbers."""
        said = [self.kind]
        if self.identifier is not None:
            said.append(f"id {self.identifier}, seq {self.sequence}, length {self.length}")
        if self.mtu is not None:
            said.append(f"MTU {self.mtu}")
        if self.target:
            said[0] += f" {self.target}" if self.type == 136 else f" who has {self.target}"
        if self.mac:
            said.append(f"{'is at' if self.type == 136 else 'tell'} {self.mac}")
        return ", ".join(said) + (f", about {self.about}" if self.about else "")


def read_icmp(reader: Reader, header: Internet) -> None:
    """Read a message, and of an error the header of the packet that it quotes."""
    version, length = header.version, header.length
    reader.layer = header.kind
    type, code = reader.number(1, "type"), reader.number(1, "code")
    reader.number(2, "checksum", hexadecimal)
    which = (version, type)
    if which in (*REQUESTS, *REPLIES):
        found = Icmp(version, type, code, length, reader.number(2, "identifier"), reader.number(2, "sequence"))
        reader.rest("data")
    elif which in NEIGHBOURS:
        found = Icmp(version, type, code, length, target=read_target(reader), mac=read_link_address(reader))
    elif which in ERRORS:
        mtu = read_mtu(reader, (*which, code))
        found = Icmp(version, type, code, length, mtu=mtu, about=read_quoted(reader, version))
    else:
        found = Icmp(version, type, code, length)
        reader.rest("data")
    reader.layers.append(found)


def read_mtu(reader: Reader, which: tuple[int, int, int]) -> int | None:
    """The four bytes behind the checksum of an error: an MTU, if its type has one."""
    if which[:2] == TOO_BIG:
        return reader.number(4, "MTU")
    if which[:2] == REDIRECT:
        reader.ipv4("gateway")
        return None
    reader.number(2, "unused")
    if which == NEEDS_FRAGMENTATION:
        return reader.number(2, "MTU")
    reader.number(2, "unused")
    return None


def read_target(reader: Reader) -> str:
    """The address of a neighbour message."""
    reader.number(4, "flags", lambda word: f"{word:#010x}")
    return reader.ipv6("target")


def read_link_address(reader: Reader) -> str:
    """The hardware address in the options of a neighbour message; empty if there is none."""
    found = ""
    while reader.end - reader.at >= 8:  # each option has 8 bytes or more: the loop is bounded by the frame
        kind, size = reader.number(1, "option"), reader.number(1, "option's length", lambda eights: f"{eights * 8}")
        if kind in (1, 2) and size == 1:
            found = reader.mac("link-layer address")
        elif size:
            reader.raw(size * 8 - 2, "option's data", bytes.hex)
        else:
            raise Damage("damaged: an option of no bytes")
    return found


def read_quoted(reader: Reader, version: int) -> str:
    """The packet that an error quotes: its header and some bytes more, so that it always ends early."""
    inner = Reader(reader.frame, reader.at)
    inner.end = reader.end
    try:
        header = (read_ipv4 if version == 4 else read_ipv6)(inner)
        return quoted_words(inner, header)
    except Damage:
        return ""
    finally:
        reader.fields += [replace(field, layer=f"quoted {field.layer}") for field in inner.fields]
        reader.at = inner.at
        reader.rest("quoted data")


def quoted_words(inner: Reader, header: Internet) -> str:
    """Protocol, addresses and ports of a quoted packet."""
    if header.protocol not in (TCP, UDP) or (header.fragment and header.fragment.offset):
        return f"{header.kind} {header.source} > {header.destination}"
    inner.layer = header.kind
    ports = inner.number(2, "source port"), inner.number(2, "destination port")
    return f"{header.kind} {with_port(header.source, ports[0])} > {with_port(header.destination, ports[1])}"
