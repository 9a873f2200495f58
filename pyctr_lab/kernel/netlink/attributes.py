"""Attributes of rtnetlink messages: length, type and value, one behind the other. See netlink(7) and rtnetlink(7)."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Literal, NamedTuple, TypeAlias

from ...errors import BadInput
from ..arguments import Subject, quoted
from ..checks import short_repr
from ..constants import Named

Form = Literal["text", "u8", "u32", "mac", "address", "nested", "opaque", "peer", "bytes"]
Value: TypeAlias = "int | str | bytes | Subject | Mapping[str, Value]"
ALIGNED = 4  # bytes; each attribute begins at a multiple
NESTED = 0x8000  # a flag of the type, which the kernel sets in some answers
BYTE_ORDER = 0x4000
SIZES = {"u8": "B", "u32": "I"}
PEER_HEADER = 16  # bytes: VETH_INFO_PEER holds a struct ifinfomsg, then attributes of a link


class Attribute(NamedTuple):
    """An attribute's name in the kernel's headers, and how its value lies in memory."""

    name: str
    form: Form
    inner: Mapping[int, Attribute] = {}  # what is nested in it; strace shows an "opaque" one as bytes


VETH: dict[int, Attribute] = {}
PORT = {33: Attribute("IFLA_BRPORT_ISOLATED", "u8")}
INFO = {
    1: Attribute("IFLA_INFO_KIND", "text"),
    2: Attribute("IFLA_INFO_DATA", "opaque", VETH),
    4: Attribute("IFLA_INFO_SLAVE_KIND", "text"),
    5: Attribute("IFLA_INFO_SLAVE_DATA", "nested", PORT),
}
LINK = {
    1: Attribute("IFLA_ADDRESS", "mac"),
    3: Attribute("IFLA_IFNAME", "text"),
    4: Attribute("IFLA_MTU", "u32"),
    5: Attribute("IFLA_LINK", "u32"),  # the index of the other end
    10: Attribute("IFLA_MASTER", "u32"),
    16: Attribute("IFLA_OPERSTATE", "u8"),
    18: Attribute("IFLA_LINKINFO", "nested", INFO),
    19: Attribute("IFLA_NET_NS_PID", "u32"),
    23: Attribute("IFLA_STATS64", "bytes"),
    33: Attribute("IFLA_CARRIER", "u8"),
    37: Attribute("IFLA_LINK_NETNSID", "u32"),
}
VETH[1] = Attribute("VETH_INFO_PEER", "peer", LINK)
ADDRESS = {
    1: Attribute("IFA_ADDRESS", "address"),
    2: Attribute("IFA_LOCAL", "address"),
    3: Attribute("IFA_LABEL", "text"),
    4: Attribute("IFA_BROADCAST", "address"),
    8: Attribute("IFA_FLAGS", "u32"),
}
ROUTE = {
    1: Attribute("RTA_DST", "address"),
    4: Attribute("RTA_OIF", "u32"),
    5: Attribute("RTA_GATEWAY", "address"),
    6: Attribute("RTA_PRIORITY", "u32"),
    7: Attribute("RTA_PREFSRC", "address"),
    15: Attribute("RTA_TABLE", "u32"),
}
NEIGHBOUR = {
    1: Attribute("NDA_DST", "address"),
    2: Attribute("NDA_LLADDR", "mac"),
    3: Attribute("NDA_CACHEINFO", "bytes"),
    9: Attribute("NDA_MASTER", "u32"),
}

Pieces: TypeAlias = "list[bytes | Subject]"  # a buffer, with the place of a number that is known later


def numbers(table: Mapping[int, Attribute]) -> dict[str, int]:
    """The types of a table by their names."""
    return {attribute.name: number for number, attribute in table.items()}


# --- encoded
def encode_attributes(values: Mapping[str, Value], table: Mapping[int, Attribute]) -> Pieces:
    """Attributes as they lie in a message. Raises BadInput for a name that the table has not."""
    types, pieces = numbers(table), list[bytes | Subject]()
    for name, value in values.items():
        if name not in types:
            raise BadInput(f"{name} is no attribute of such a message", hint=", ".join(types))
        pieces += _attribute(types[name], value, table[types[name]])
    return pieces


def _attribute(number: int, value: Value, attribute: Attribute) -> Pieces:
    content = _content(value, attribute)
    size = length(content)
    return [struct.pack("=HH", 4 + size, number), *content, bytes(-size % ALIGNED)]


def _content(value: Value, attribute: Attribute) -> Pieces:
    match attribute.form, value:
        case "u32", Subject():
            return [value]
        case (("u8" | "u32"), int()):
            return [struct.pack("=" + SIZES[attribute.form], value)]
        case "text", str():
            return [value.encode() + b"\0"]
        case "mac", str():
            return [packed_mac(value)]
        case "address", str():
            return [ip_address(value).packed]
        case (("nested" | "opaque"), Mapping()):
            return encode_attributes(value, attribute.inner)
        case "peer", Mapping():
            index = value.get("index", 0)
            assert isinstance(index, int)
            rest = {name: each for name, each in value.items() if name != "index"}
            return [struct.pack("=BxHiII", 0, 0, index, 0, 0), *encode_attributes(rest, attribute.inner)]
        case _, bytes():
            return [value]
    raise BadInput(f"{attribute.name} cannot be {short_repr(value)}")


def length(pieces: Iterable[bytes | Subject]) -> int:
    """Bytes of a buffer: a process's number is four of them."""
    return sum(4 if isinstance(piece, Subject) else len(piece) for piece in pieces)


def packed_mac(text: str) -> bytes:
    """A hardware address as six bytes, from `02:42:0a:58:00:02`. Raises BadInput."""
    try:
        raw = bytes.fromhex(text.replace(":", ""))
    except ValueError:
        raw = b""
    if len(raw) != 6 or text.count(":") != 5:
        raise BadInput(f"{text!r} is no hardware address", hint="02:42:0a:58:00:02")
    return raw


# --- decoded
def parse_attributes(raw: bytes, table: Mapping[int, Attribute]) -> dict[str, Value]:
    """Attributes by their names; unknown ones are left out, and what lies behind a wrong length is not read."""
    return dict(_parsed(raw, table))


def _parsed(raw: bytes, table: Mapping[int, Attribute]) -> Iterator[tuple[str, Value]]:
    while len(raw) >= 4:
        size, number = struct.unpack("=HH", raw[:4])
        if not 4 <= size <= len(raw):
            return
        attribute = table.get(number & ~(NESTED | BYTE_ORDER))
        if attribute is not None and (value := _value(raw[4:size], attribute)) is not None:
            yield attribute.name, value
        raw = raw[size + -size % ALIGNED :]


def _value(raw: bytes, attribute: Attribute) -> Value | None:
    """What an attribute says; None where it has not the size of its form."""
    match attribute.form, len(raw):
        case ("u8", 1) | ("u32", 4):
            (number,) = struct.unpack("=" + SIZES[attribute.form], raw)
            return int(number)
        case "text", _:
            return raw.partition(b"\0")[0].decode(errors="replace")
        case "mac", _:
            return raw.hex(":")
        case "address", 4:
            return str(IPv4Address(raw))
        case "address", 16:
            return str(IPv6Address(raw))
        case (("nested" | "opaque"), _):
            return parse_attributes(raw, attribute.inner)
        case "peer", _:
            return parse_attributes(raw[PEER_HEADER:], attribute.inner)
        case "bytes", _:
            return raw
    return None


# --- spelled
def spell_attributes(values: Mapping[str, Value], table: Mapping[int, Attribute]) -> str:
    """Attributes as strace prints them: one alone without the outer brackets."""
    types = numbers(table)
    each = [_spelled(name, value, table[types[name]]) for name, value in values.items()]
    return each[0] if len(each) == 1 else f"[{', '.join(each)}]"


def _spelled(name: str, value: Value, attribute: Attribute) -> str:
    content = _content(value, attribute)
    return f"[{{nla_len={4 + length(content)}, nla_type={name}}}, {_spelled_value(value, attribute, content)}]"


def _spelled_value(value: Value, attribute: Attribute, content: Pieces) -> str:
    match attribute.form, value:
        case _, Subject():
            return "PID"
        case (("u8" | "u32"), int()):
            return repr(value) if isinstance(value, Named) else str(value)
        case "text", str():
            return quoted(value.encode())
        case "address", str():
            return f'inet_addr("{value}")' if "." in value else f'inet_pton(AF_INET6, "{value}")'
        case "mac", str():
            return value
        case "nested", Mapping():
            return spell_attributes(value, attribute.inner)
    return '"' + "".join("\\PID" if isinstance(piece, Subject) else spell_bytes(piece) for piece in content) + '"'


def spell_bytes(raw: bytes) -> str:
    """Bytes as strace prints what it does not take apart."""
    return "".join(f"\\x{byte:02x}" for byte in raw)
