"""Sockets: the system calls by which a process talks over a network. See socket(7), ip(7) and netdevice(7)."""

from __future__ import annotations

import os
import struct
from ipaddress import AddressValueError, IPv4Address

from ..errors import BadInput
from . import constants as k
from .arguments import Ref, Spelled
from .calls import Call
from .checks import check_number, check_text, short_repr


def socket(domain: int, type: int) -> Call:
    """socket(2); the descriptor is named `fd` for the calls that follow, and is closed at exec."""
    kind = check_number(type, "a type") | k.SOCK_CLOEXEC
    return Call("socket", (check_number(domain, "a domain"), kind, k.IPPROTO_IP), result="fd")


def bind(fd: int | Ref, address: str, port: int) -> Call:
    """bind(2): set the address and port of a socket."""
    return Call("bind", (check_number(fd, "a descriptor"), sockaddr_in(address, port), 16))


def listen(fd: int | Ref, backlog: int = 8) -> Call:
    """listen(2): accept connections on a socket; up to `backlog` of them queue."""
    return Call("listen", (check_number(fd, "a descriptor"), check_number(backlog, "a backlog")))


def connect(fd: int | Ref, address: str, port: int) -> Call:
    """connect(2): connect to the socket that listens on that address and port."""
    return Call("connect", (check_number(fd, "a descriptor"), sockaddr_in(address, port), 16))


def sockaddr_in(address: str, port: int) -> Spelled:
    """`struct sockaddr_in` of ip(7): an IPv4 address and a port, both in network byte order."""
    try:
        raw = IPv4Address(check_text(address, "an address")).packed
    except AddressValueError as why:
        raise BadInput(f"{short_repr(address)} is no IPv4 address", hint="such as 127.0.0.1") from why
    if isinstance(check_number(port, "a port", most=65535), Ref):
        raise BadInput("a port is a number, not a reference")
    words = f'{{sa_family=AF_INET, sin_port=htons({port}), sin_addr=inet_addr("{address}")}}'
    return Spelled(struct.pack("=H2s4s8x", k.AF_INET, port.to_bytes(2, "big"), raw), words)


def ifreq(name: str, flags: int | None = None) -> Spelled:
    """`struct ifreq` of netdevice(7): an interface by its name, and flags to set."""
    raw = os.fsencode(check_text(name, "an interface name"))
    if not 0 < len(raw) < 16:
        raise BadInput(f"an interface name has 1 to 15 bytes, not {len(raw)}")
    check_number(0 if flags is None else flags, "flags", most=65535)
    if flags is None:
        return Spelled(struct.pack("16s24x", raw), f'{{ifr_name="{name}"}}')
    return Spelled(struct.pack("16sH22x", raw, flags), f'{{ifr_name="{name}", ifr_flags={flags!r}}}')
