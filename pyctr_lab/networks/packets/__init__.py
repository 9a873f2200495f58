"""Decode the packets of a network: Ethernet, ARP, IPv4, IPv6, ICMP, UDP, TCP and DNS. Opens no socket."""

from __future__ import annotations

from .control import Icmp
from .internet import Internet, Piece
from .link import Arp, Ethernet
from .names import Dns, DnsQuestion, DnsRecord
from .packet import Packet, decode
from .reader import Field, Layer
from .transport import Tcp, Udp

__all__ = [
    "Arp",
    "Dns",
    "DnsQuestion",
    "DnsRecord",
    "Ethernet",
    "Field",
    "Icmp",
    "Internet",
    "Layer",
    "Packet",
    "Piece",
    "Tcp",
    "Udp",
    "decode",
]
