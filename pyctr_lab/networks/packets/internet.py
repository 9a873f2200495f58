"""IPv4 and IPv6. See RFC 791 and RFC 8200."""

from __future__ import annotations

from dataclasses import dataclass

from .reader import Damage, Reader, hexadecimal

ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
PROTOCOLS = {ICMP: "ICMP", 2: "IGMP", TCP: "TCP", UDP: "UDP", 47: "GRE", ICMPV6: "ICMPv6", 132: "SCTP"}
HOP_BY_HOP, ROUTING, FRAGMENT, NOTHING, DESTINATION = 0, 43, 44, 59, 60
EXTENSIONS = {HOP_BY_HOP: "hop-by-hop options", ROUTING: "routing", DESTINATION: "destination options"}
MOST_EXTENSIONS = 8


@dataclass(frozen=True)
class Piece:
    """One fragment of a larger packet: where its bytes belong, how many they are, and whether more follow."""

    offset: int
    length: int
    more: bool

    def words(self) -> str:
        """The bytes of the larger packet that it carries."""
        return f"{self.length} bytes at {self.offset}, {'more follow' if self.more else 'the last'}"


@dataclass(frozen=True)
class Internet:
    """The header of an IPv4 or IPv6 packet. `ttl` is its hop limit; `length` is that of what it carries, in bytes."""

    version: int
    source: str
    destination: str
    protocol: int
    ttl: int
    length: int
    identification: int = 0
    dont_fragment: bool = False
    fragment: Piece | None = None

    @property
    def kind(self) -> str:
        """The name of the protocol that it carries."""
        if self.fragment and self.fragment.offset:
            return f"IPv{self.version} fragment"
        return PROTOCOLS.get(self.protocol, f"IPv{self.version} protocol {self.protocol}")

    def words(self) -> str:
        """The protocol that it carries, and how much."""
        if self.fragment and self.fragment.offset:
            return f"{self.kind}, {self.fragment.words()}"
        return f"{self.kind}, length {self.length}"


def read_ipv4(reader: Reader) -> Internet:
    """Read an IPv4 header with its options. Its checksum is not compared: a card may not have filled it in yet."""
    reader.layer, start = "IPv4", reader.at
    first = reader.number(1, "version, header length", lambda byte: f"{byte >> 4}, {(byte & 15) * 4} bytes")
    if first >> 4 != 4 or first & 15 < 5:
        raise Damage(f"damaged: IPv4 with version {first >> 4} and a header of {(first & 15) * 4} bytes")
    reader.number(1, "type of service", hexadecimal)
    total = reader.number(2, "total length") or len(reader.frame) - start  # 0 before a card cuts it into segments
    identification = reader.number(2, "identification")
    piece = reader.number(2, "flags, fragment offset", piece_words)
    ttl, protocol = reader.number(1, "time to live"), reader.number(1, "protocol", protocol_name)
    reader.number(2, "checksum", hexadecimal)
    source, destination = reader.ipv4("source"), reader.ipv4("destination")
    header = (first & 15) * 4
    if header > 20:
        reader.raw(header - 20, "options", bytes.hex)
    if total < header:
        raise Damage(f"damaged: IPv4 of {total} bytes with a header of {header}")
    reader.limit(start + total)
    cut = Piece((piece & 0x1FFF) * 8, total - header, bool(piece & 0x2000)) if piece & 0x3FFF else None
    found = Internet(4, source, destination, protocol, ttl, total - header, identification, bool(piece & 0x4000), cut)
    reader.layers.append(found)
    return found


def read_ipv6(reader: Reader) -> Internet:
    """Read an IPv6 header, and the extension headers behind it."""
    reader.layer = "IPv6"
    first = reader.number(4, "version, class, flow", lambda word: f"{word >> 28}, {word >> 20 & 255}, {word & 0xFFFFF}")
    if first >> 28 != 6:
        raise Damage(f"damaged: IPv6 with version {first >> 28}")
    length = reader.number(2, "payload length")
    following = reader.number(1, "next header", protocol_name)
    ttl = reader.number(1, "hop limit")
    source, destination = reader.ipv6("source"), reader.ipv6("destination")
    end = reader.at + (length or len(reader.frame) - reader.at)
    reader.limit(end)
    following, identification, piece = read_extensions(reader, following, end)
    rest = max(0, end - reader.at)
    found = Internet(6, source, destination, following, ttl, rest, identification, fragment=piece)
    reader.layers.append(found)
    return found


def read_extensions(reader: Reader, following: int, end: int) -> tuple[int, int, Piece | None]:
    """Walk the extension headers: the protocol behind them, and what a fragment header says."""
    identification, piece = 0, None
    for _ in range(MOST_EXTENSIONS):
        if piece and piece.offset:  # what follows is the middle of a packet
            break
        if following == FRAGMENT:
            following = reader.number(1, "next header", protocol_name)
            reader.number(1, "reserved")
            word = reader.number(2, "fragment offset, more", lambda word: f"{word & 0xFFF8}, {word & 1}")
            identification = reader.number(4, "identification")
            piece = Piece(word & 0xFFF8, max(0, end - reader.at), bool(word & 1))
        elif following in EXTENSIONS:
            name = EXTENSIONS[following]
            following = reader.number(1, "next header", protocol_name)
            size = reader.number(1, f"length of {name}", lambda eights: f"{eights * 8 + 8} bytes") * 8 + 6
            reader.raw(size, name, bytes.hex)
        else:
            break
    return following, identification, piece


def piece_words(word: int) -> str:
    """IPv4's flags and fragment offset."""
    flags = [name for bit, name in ((0x4000, "don't fragment"), (0x2000, "more follow")) if word & bit]
    return ", ".join([*flags, f"offset {(word & 0x1FFF) * 8}"])


def protocol_name(number: int) -> str:
    """A protocol by its number and name."""
    name = PROTOCOLS.get(number) or EXTENSIONS.get(number) or {FRAGMENT: "fragment", NOTHING: "nothing"}.get(number)
    return f"{number} ({name})" if name else str(number)


def with_port(address: str, port: int) -> str:
    """An address with a port, as in a URL."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
