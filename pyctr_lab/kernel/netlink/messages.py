"""rtnetlink messages as data: links, addresses, routes, neighbours. See rtnetlink(7).

A message is a header of 16 bytes, a structure, and attributes. An interface is named by its index: a number that the
kernel chooses, or the message that makes it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_address,
    ip_interface,
    ip_network,
)

from ...errors import BadInput
from .. import constants as k
from ..arguments import Subject
from ..checks import check_number, check_text, short_repr
from ..constants import Named
from . import attributes
from .attributes import Attribute, Pieces, Value, encode_attributes, length, parse_attributes, spell_attributes

HEADER = 16  # bytes
LONGEST_NAME = 15  # bytes of an interface's name


@dataclass(frozen=True)
class MessageBody:
    """The structure behind the header: its layout, its fields as strace names them, and the attributes behind it."""

    layout: str
    fields: tuple[str, ...]
    table: Mapping[int, Attribute]


def _body(layout: str, prefix: str, names: str, table: Mapping[int, Attribute]) -> MessageBody:
    return MessageBody(layout, tuple(f"{prefix}_{name}" for name in names.split()), table)


LINK = _body("=BxHiII", "ifi", "family type index flags change", attributes.LINK)
ADDRESS = _body("=BBBBI", "ifa", "family prefixlen flags scope index", attributes.ADDRESS)
ROUTE = _body("=BBBBBBBBI", "rtm", "family dst_len src_len tos table protocol scope type flags", attributes.ROUTE)
NEIGHBOUR = _body("=BxxxiHBB", "ndm", "family ifindex state flags type", attributes.NEIGHBOUR)
SUBJECTS = {16: ("LINK", LINK), 20: ("ADDR", ADDRESS), 24: ("ROUTE", ROUTE), 28: ("NEIGH", NEIGHBOUR)}
VERBS = ("NEW", "DEL", "GET")
BODIES = {first + verb: body for first, (_, body) in SUBJECTS.items() for verb in range(3)}
TYPES = {
    first + place: Named(first + place, f"RTM_{verb}{noun}")
    for first, (noun, _) in SUBJECTS.items()
    for place, verb in enumerate(VERBS)
}
ZERO = {
    "ifi_family": "AF_UNSPEC", "ifi_type": "ARPHRD_NETROM", "ifa_family": "AF_UNSPEC", "ifa_scope": "RT_SCOPE_UNIVERSE",
    "rtm_family": "AF_UNSPEC", "rtm_table": "RT_TABLE_UNSPEC", "rtm_protocol": "RTPROT_UNSPEC",
    "rtm_scope": "RT_SCOPE_UNIVERSE", "rtm_type": "RTN_UNSPEC", "ndm_family": "AF_UNSPEC", "ndm_state": "NUD_NONE",
    "ndm_type": "RTN_UNSPEC",
}  # fmt: skip
"""What strace prints for a 0 that has a name."""


@dataclass(frozen=True)
class NetlinkMessage:
    """One message: its type, its flags, the fields of its structure that are not 0, and its attributes, by name."""

    type: Named
    flags: Named
    fields: Mapping[str, int] = field(default_factory=dict)
    attributes: Mapping[str, Value] = field(default_factory=dict)

    def pieces(self, sequence: int = 1) -> Pieces:
        """The message as it lies in memory; a process's number that is known later stands between two pieces."""
        body = BODIES[self.type]
        rest = [struct.pack(body.layout, *(self.fields.get(name, 0) for name in body.fields))]
        rest += encode_attributes(self.attributes, body.table)  # type: ignore[arg-type]
        size = HEADER + length(rest)
        return merged([struct.pack("=IHHII", size, self.type, self.flags, sequence, 0), *rest])

    def spelling(self, sequence: int = 1) -> str:
        """The message as strace prints it."""
        body = BODIES[self.type]
        fields = ", ".join(f"{name}={spell_field(name, self.fields.get(name, 0))}" for name in body.fields)
        header = spell_header(length(self.pieces()), self.type, self.flags, sequence)
        behind = [spell_attributes(self.attributes, body.table)] if self.attributes else []
        return f"[{', '.join([f'{{{header}}}', f'{{{fields}}}', *behind])}]"


def spell_header(size: int, type: int, flags: int, sequence: int, pid: int = 0) -> str:
    """A message's header as strace prints it."""
    return f"nlmsg_len={size}, nlmsg_type={type!r}, nlmsg_flags={flags!r}, nlmsg_seq={sequence}, nlmsg_pid={pid}"


def spell_field(name: str, value: int) -> str:
    """A field of a structure as strace prints it."""
    if isinstance(value, Named):
        return repr(value)
    if name == "ifi_change":
        return f"{value:#x}" if value else "0"
    return str(value) if value else ZERO.get(name, "0")


def merged(pieces: Pieces) -> Pieces:
    """The same, with neighbouring bytes as one piece."""
    found: Pieces = []
    for piece in pieces:
        last = found[-1] if found else None
        if isinstance(piece, bytes) and isinstance(last, bytes):
            found[-1] = last + piece
        else:
            found.append(piece)
    return found


# --- made
MAKE = k.NLM_F_REQUEST | k.NLM_F_ACK | k.NLM_F_EXCL | k.NLM_F_CREATE
CHANGE = k.NLM_F_REQUEST | k.NLM_F_ACK
LIST = k.NLM_F_REQUEST | k.NLM_F_DUMP


def interface_index(index: int, name: str) -> Named:
    """The index of an interface, printed with its name as strace does."""
    return Named(check_number(index, "an interface's index", least=1, most=2**31 - 1),
                 f'if_nametoindex("{check_interface(name)}")')  # fmt: skip


def new_link(
    name: str, kind: str, *, index: int = 0, mac: str = "", mtu: int = 0, master: int = 0, up: bool = False,
    peer: Mapping[str, Value] | None = None,
) -> NetlinkMessage:  # fmt: skip
    """RTM_NEWLINK: make an interface, `kind` "bridge" or "veth". `peer` has the attributes of a veth's other end.

    `master` is the index of the bridge that it becomes a port of. An `index` of 0 leaves the choice to the kernel.
    """
    info: dict[str, Value] = {"IFLA_INFO_KIND": check_text(kind, "a kind of interface")}
    if peer is not None:
        info["IFLA_INFO_DATA"] = {"VETH_INFO_PEER": peer}
    values = link_attributes(name=name, mac=mac, mtu=mtu, master=master)
    fields = {"ifi_index": check_number(index, "an interface's index", most=2**31 - 1), **(UP if up else {})}
    return NetlinkMessage(TYPES[16], MAKE, fields, {**values, "IFLA_LINKINFO": info})


UP = {"ifi_flags": k.IFF_UP, "ifi_change": int(k.IFF_UP)}
DOWN = {"ifi_flags": 0, "ifi_change": int(k.IFF_UP)}


def set_link(
    index: int, *, up: bool | None = None, name: str = "", mtu: int = 0, master: int | None = None,
    pid: int | Subject | None = None,
) -> NetlinkMessage:  # fmt: skip
    """RTM_NEWLINK for an interface that is there: up or down, another name, size, bridge, or network namespace.

    `pid` is a process in whose network namespace it goes on; a `master` of 0 takes it off its bridge.
    """
    flags = {} if up is None else UP if up else DOWN
    values = link_attributes(name=name, mtu=mtu, master=master, pid=pid)
    return NetlinkMessage(
        TYPES[16], CHANGE, {"ifi_index": check_number(index, "an interface's index", least=1), **flags}, values
    )


def isolate_port(index: int) -> NetlinkMessage:
    """RTM_NEWLINK: let nothing pass from a port of a bridge to another isolated one."""
    info: dict[str, Value] = {"IFLA_INFO_SLAVE_KIND": "bridge", "IFLA_INFO_SLAVE_DATA": {"IFLA_BRPORT_ISOLATED": 1}}
    return NetlinkMessage(TYPES[16], CHANGE, {"ifi_index": index}, {"IFLA_LINKINFO": info})


def link_attributes(
    *, name: str = "", mac: str = "", mtu: int = 0, master: int | None = None, pid: int | Subject | None = None
) -> dict[str, Value]:
    """Attributes of a link, each that is given. Raises BadInput."""
    values: dict[str, Value | None] = {
        "IFLA_IFNAME": check_interface(name) if name else None,
        "IFLA_ADDRESS": mac or None,
        "IFLA_MTU": check_mtu(mtu) if mtu else None,
        "IFLA_MASTER": master or (0 if master == 0 and not name else None),
        "IFLA_NET_NS_PID": pid,
    }
    return {name: value for name, value in values.items() if value is not None}


def delete_link(index: int) -> NetlinkMessage:
    """RTM_DELLINK: remove an interface; a veth's other end goes with it."""
    return NetlinkMessage(TYPES[17], CHANGE, {"ifi_index": check_number(index, "an interface's index", least=1)})


def new_address(index: int, address: str) -> NetlinkMessage:
    """RTM_NEWADDR: give an interface an address, with the length of its network's prefix: `10.88.0.2/24`.

    IPv6 without duplicate address detection, which would take a second.
    """
    given, index = check_interface_address(address), check_index(index)
    fields = {"ifa_family": INET[given.version], "ifa_prefixlen": given.network.prefixlen}
    if given.version == 6:
        return NetlinkMessage(TYPES[20], MAKE, {**fields, "ifa_flags": k.IFA_F_NODAD, "ifa_index": index},
                       {"IFA_LOCAL": str(given.ip)})  # fmt: skip
    return NetlinkMessage(TYPES[20], MAKE, {**fields, "ifa_index": index},
                   {"IFA_LOCAL": str(given.ip), "IFA_ADDRESS": str(given.ip)})  # fmt: skip


def delete_address(index: int, address: str) -> NetlinkMessage:
    """RTM_DELADDR: take an address away from an interface."""
    made = new_address(index, address)
    return NetlinkMessage(TYPES[21], CHANGE, made.fields, made.attributes)


def new_route(gateway: str, index: int, destination: str = "") -> NetlinkMessage:
    """RTM_NEWROUTE: reach a network by a router; without a `destination`, all that no other route reaches."""
    router = check_router(gateway)
    values: dict[str, Value] = {"RTA_GATEWAY": str(router), "RTA_OIF": check_index(index)}
    fields: dict[str, int] = {
        "rtm_family": INET[router.version], "rtm_table": k.RT_TABLE_MAIN, "rtm_protocol": k.RTPROT_BOOT,
        "rtm_type": k.RTN_UNICAST,
    }  # fmt: skip
    if check_text(destination, "a destination"):
        network = check_destination(destination)
        if network.version != router.version:
            raise BadInput(f"{router} and {network} are of two families", hint="both of IPv4, or both of IPv6")
        fields["rtm_dst_len"], values = network.prefixlen, {"RTA_DST": str(network.network_address), **values}
    return NetlinkMessage(TYPES[24], MAKE, fields, values)


LISTED = {"links": (18, "ifi"), "addresses": (22, "ifa"), "routes": (26, "rtm"), "neighbours": (30, "ndm")}


def list_all(subject: str, family: int = 0) -> NetlinkMessage:
    """RTM_GET...: list the "links", "addresses", "routes" or "neighbours"; of a family, or of all (0).

    Neighbours of the family AF_BRIDGE are the entries of the bridges' tables of addresses.
    """
    if subject not in LISTED:
        raise BadInput(f"{short_repr(subject)} cannot be listed", hint=", ".join(LISTED))
    type, name = LISTED[subject]
    return NetlinkMessage(TYPES[type], LIST, {f"{name}_family": family})


INET = {4: k.AF_INET, 6: k.AF_INET6}


# --- checked
def check_index(index: int) -> int:
    """An interface's index. Raises BadInput."""
    checked: int = check_number(index, "an interface's index", least=1, most=2**31 - 1)
    return checked


def check_interface(name: object) -> str:
    """An interface's name, of 1 to 15 bytes without blanks, slashes and colons. Raises BadInput."""
    text = check_text(name, "an interface's name")
    bad = not 0 < len(text.encode()) <= LONGEST_NAME or text in (".", "..") or set(text) & set(" \t\n/:")
    if bad:
        raise BadInput(f"{short_repr(name)} is no name for an interface", hint=f"up to {LONGEST_NAME} bytes: eth0")
    return text


def check_mtu(mtu: object) -> int:
    """The largest packet that an interface takes, in bytes: 68 is the least that IPv4 knows. Raises BadInput."""
    if isinstance(mtu, bool) or not isinstance(mtu, int) or not 68 <= mtu <= 65535:
        raise BadInput(f"an MTU cannot be {short_repr(mtu)}", hint="bytes, from 68 to 65535: 1500")
    return mtu


def check_interface_address(address: object) -> IPv4Interface | IPv6Interface:
    """An address with the length of its network's prefix. Raises BadInput."""
    text = check_text(address, "an address")
    try:
        if "/" not in text or "%" in text:
            raise ValueError
        return ip_interface(text)
    except ValueError:
        raise BadInput(f"{short_repr(address)} is no address with a prefix", hint="10.88.0.2/24") from None


def check_router(address: object) -> IPv4Address | IPv6Address:
    """The address of a router. Raises BadInput."""
    try:
        return ip_address(check_text(address, "a router's address"))
    except ValueError:
        raise BadInput(f"{short_repr(address)} is no address", hint="10.88.0.1") from None


def check_destination(destination: str) -> IPv4Network | IPv6Network:
    """A network that a route leads to. Raises BadInput."""
    try:
        return ip_network(destination)
    except ValueError:
        raise BadInput(f"{short_repr(destination)} is no network", hint="10.89.0.0/24") from None


# --- read
@dataclass(frozen=True)
class Received:
    """One message of the kernel's: its type, flags, the fields of its structure, its attributes by name."""

    type: int
    flags: int
    fields: Mapping[str, int]
    attributes: Mapping[str, Value]


def received(raw: bytes) -> Iterator[Received]:
    """The messages of one buffer. What is cut or has a wrong length ends it."""
    while len(raw) >= HEADER:
        size, type, flags, _, _ = struct.unpack("=IHHII", raw[:HEADER])
        if not HEADER <= size <= len(raw):
            return
        body, content = BODIES.get(type), raw[HEADER:size]
        if body is not None and len(content) >= (behind := struct.calcsize(body.layout)):
            values = struct.unpack(body.layout, content[:behind])
            fields = dict(zip(body.fields, values, strict=True))
            yield Received(type, flags, fields, parse_attributes(content[behind:], body.table))
        elif body is None:
            yield Received(type, flags, {}, {})
        raw = raw[size + -size % attributes.ALIGNED :]
