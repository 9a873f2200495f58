"""UDP and TCP. See RFC 768 and RFC 9293."""

from __future__ import annotations

from dataclasses import dataclass

from .internet import Internet
from .reader import Damage, Reader, hexadecimal

FLAGS = ((2, "SYN"), (1, "FIN"), (4, "RST"), (8, "PSH"), (16, "ACK"), (32, "URG"), (64, "ECE"), (128, "CWR"))
END_OF_OPTIONS, NO_OPERATION, MAXIMUM_SEGMENT = 0, 1, 2


@dataclass(frozen=True)
class Udp:
    """The header of a datagram; `length` is that of its data, in bytes."""

    source_port: int
    destination_port: int
    length: int

    @property
    def kind(self) -> str:
        """The protocol."""
        return "UDP"

    def words(self) -> str:
        """The protocol, and how much data."""
        return f"UDP, length {self.length}"


@dataclass(frozen=True)
class Tcp:
    """The header of a segment; `length` is that of its data, in bytes, `mss` the maximum segment size, if it says one.

    `seq`, `ack` and `window` are as they stand there: not relative, not scaled.
    """

    source_port: int
    destination_port: int
    seq: int
    ack: int
    flags: tuple[str, ...]
    window: int
    length: int
    mss: int | None = None

    @property
    def kind(self) -> str:
        """The protocol, and the flags."""
        return f"TCP {'+'.join(self.flags) or 'without flags'}"

    def words(self) -> str:
        """The flags, and the numbers that count."""
        ack = f", ack {self.ack}" if "ACK" in self.flags else ""
        mss = f", mss {self.mss}" if self.mss is not None else ""
        return f"{self.kind}, seq {self.seq}{ack}, win {self.window}{mss}, length {self.length}"


def read_udp(reader: Reader, header: Internet) -> Udp:
    """Read a header; the reader then stands at the data."""
    reader.layer, start = "UDP", reader.at
    ports = reader.number(2, "source port"), reader.number(2, "destination port")
    length = reader.number(2, "length")
    reader.number(2, "checksum", hexadecimal)
    if length < 8:
        raise Damage(f"damaged: UDP of {length} bytes with a header of 8")
    if not header.fragment:
        reader.limit(start + length)
    found = Udp(*ports, length - 8)
    reader.layers.append(found)
    return found


def read_tcp(reader: Reader, header: Internet) -> Tcp:
    """Read a header with its options; the reader then stands at the data."""
    reader.layer, start = "TCP", reader.at
    ports = reader.number(2, "source port"), reader.number(2, "destination port")
    seq, ack = reader.number(4, "sequence number"), reader.number(4, "acknowledgement")
    size = reader.number(1, "header length", lambda byte: f"{(byte >> 4) * 4} bytes") >> 4
    flags = reader.number(1, "flags", lambda bits: "+".join(flag_names(bits)) or "none")
    window = reader.number(2, "window")
    reader.number(2, "checksum", hexadecimal)
    reader.number(2, "urgent pointer")
    if size < 5:
        raise Damage(f"damaged: TCP with a header of {size * 4} bytes")
    reader.need(start + size * 4)
    mss = read_options(reader, start + size * 4)
    found = Tcp(*ports, seq, ack, flag_names(flags), window, max(0, header.length - size * 4), mss)
    reader.layers.append(found)
    return found


def read_options(reader: Reader, end: int) -> int | None:
    """Read the options up to the end of the header: the maximum segment size, if there is one."""
    mss = None
    while reader.at < end:
        kind = reader.number(1, "option", option_name)
        if kind == END_OF_OPTIONS:
            reader.raw(end - reader.at, "padding", bytes.hex)
        elif kind != NO_OPERATION:
            size = reader.number(1, "option's length")
            if size < 2 or reader.at + size - 2 > end:
                raise Damage(f"damaged: a TCP option of {size} bytes")
            if (kind, size) == (MAXIMUM_SEGMENT, 4):
                mss = reader.number(2, "maximum segment size")
            else:
                reader.raw(size - 2, "option's data", bytes.hex)
    return mss


def flag_names(bits: int) -> tuple[str, ...]:
    """The flags that are set."""
    return tuple(name for bit, name in FLAGS if bits & bit)


def option_name(kind: int) -> str:
    """An option's name."""
    names = ("end", "no operation", "maximum segment size", "window scale", "selective ack allowed", "selective ack")
    return names[kind] if kind < len(names) else {8: "timestamps"}.get(kind, str(kind))
