"""A whole packet: its layers, in one line, and field by field."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...kernel.checks import check_kind
from .control import read_icmp
from .internet import ICMP, ICMPV6, TCP, UDP, Internet, read_ipv4, read_ipv6, with_port
from .link import ARP, IPV4, IPV6, Ethernet, read_arp, read_ethernet
from .names import PORT, read_dns
from .reader import Damage, Field, Layer, Reader
from .transport import Tcp, Udp, read_tcp, read_udp


@dataclass(frozen=True)
class Packet:
    """A frame that was decoded as far as possible. `damage` says why no further; it is empty for a whole frame.

    `layers` are Ethernet, then Arp or Internet, then Icmp, Udp or Tcp, then Dns.
    """

    frame: bytes
    layers: tuple[Layer, ...]
    damage: str = ""
    noted: tuple[Field, ...] = field(default=(), compare=False)

    @property
    def kind(self) -> str:
        """What it is: "ARP who-has", "ICMP echo request", "TCP SYN", "DNS question"."""
        return self.layers[-1].kind if self.layers else "damaged frame"

    @property
    def ethernet(self) -> Ethernet | None:
        """The header of the frame."""
        return next((layer for layer in self.layers if isinstance(layer, Ethernet)), None)

    @property
    def source(self) -> str:
        """The sender's MAC; empty for a frame that has none."""
        return self.ethernet.source if self.ethernet else ""

    @property
    def destination(self) -> str:
        """The receiver's MAC; empty for a frame that has none."""
        return self.ethernet.destination if self.ethernet else ""

    @property
    def ethertype(self) -> int:
        """What the frame carries: 0x0800 is IPv4; 0 for a frame that was cut before it."""
        return self.ethernet.ethertype if self.ethernet else 0

    def fields(self) -> tuple[Field, ...]:
        """Each field of each header, in the order of the bytes."""
        return self.noted

    def summary(self) -> str:
        """What it says, as one line."""
        header = next((layer for layer in self.layers if isinstance(layer, Internet)), None)
        said = self.layers[-1].words() if self.layers else self.kind
        if header and header.fragment and not header.fragment.offset:
            said += f", fragment of {header.fragment.words()}"
        route = self._route(header) if header else ""
        return " ".join(part for part in (route, said, f"[{self.damage}]" if self.damage else "") if part)

    def __repr__(self) -> str:
        return f"Packet({self.summary()!r})"

    def _route(self, header: Internet) -> str:
        ports = next((layer for layer in self.layers if isinstance(layer, Udp | Tcp)), None)
        if ports is None:
            return f"{header.source} > {header.destination}:"
        ends = with_port(header.source, ports.source_port), with_port(header.destination, ports.destination_port)
        return f"{ends[0]} > {ends[1]}:"


def decode(frame: bytes) -> Packet:
    """Decode an Ethernet frame. A frame that is cut or damaged is decoded up to there, and never raises."""
    reader = Reader(bytes(check_kind(frame, (bytes, bytearray, memoryview), "a frame")))
    try:
        read_layers(reader)
        damage = reader.cut
    except Damage as why:
        damage = str(why)
    return Packet(reader.frame, tuple(reader.layers), damage, tuple(reader.fields))


def read_layers(reader: Reader) -> None:
    """Read header after header."""
    ethertype = read_ethernet(reader)
    if ethertype == ARP:
        read_arp(reader)
    elif ethertype in (IPV4, IPV6):
        read_carried(reader, (read_ipv4 if ethertype == IPV4 else read_ipv6)(reader))
    reader.layer, reader.end = "Ethernet", len(reader.frame)
    reader.said = None
    reader.rest("padding" if len(reader.layers) > 1 else "data")


def read_carried(reader: Reader, header: Internet) -> None:
    """Read what an IP packet carries; the middle of a fragmented one has no header."""
    middle = header.fragment and header.fragment.offset
    if not middle and (header.version, header.protocol) in ((4, ICMP), (6, ICMPV6)):
        read_icmp(reader, header)
    elif not middle and header.protocol in (TCP, UDP):
        ports = read_tcp(reader, header) if header.protocol == TCP else read_udp(reader, header)
        if not header.fragment and PORT in (ports.source_port, ports.destination_port):
            read_message(reader, over_tcp=header.protocol == TCP)
    reader.rest("data")


def read_message(reader: Reader, *, over_tcp: bool) -> None:
    """Read a DNS message: over TCP it stands behind its length, and is read if it is whole."""
    if not over_tcp:
        read_dns(reader)
    elif int.from_bytes(reader.frame[reader.at : reader.at + 2], "big") == reader.end - reader.at - 2 > 0:
        reader.layer = "DNS"
        reader.number(2, "message's length")
        read_dns(reader)
