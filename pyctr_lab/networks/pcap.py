"""Files of captured packets, which tcpdump and Wireshark read: classic pcap with nanoseconds, Ethernet.

See https://ietf-opsawg-wg.github.io/draft-ietf-opsawg-pcap/draft-ietf-opsawg-pcap.html
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import BadInput
from ..kernel.checks import check_each, check_file_name
from .packets import Packet, decode

NANOSECONDS, MICROSECONDS = 0xA1B23C4D, 0xA1B2C3D4
ETHERNET = 1  # LINKTYPE_ETHERNET
HEADER, RECORD = "IHHiIII", "IIII"
LONGEST = 262_144  # bytes of one packet: what tcpdump takes
MOST = 1 << 28  # bytes of a file


@dataclass(frozen=True)
class Captured:
    """A packet, when and where it was seen. `length` is that on the wire, in bytes: it may have been cut.

    `direction` is "in", "out", "broadcast", "multicast" or, to another machine, "passing". A file keeps neither
    interface nor direction.
    """

    time_ns: int
    interface: str
    direction: str
    packet: Packet
    length: int

    def __repr__(self) -> str:
        return f"Captured({' '.join(filter(None, (self.interface, self.direction, self.packet.summary())))!r})"


def write_pcap(file: str | os.PathLike[str], packets: Iterable[Captured]) -> None:
    """Write packets into a file, in the order given."""
    path = check_file_name(file)
    parts = [struct.pack("<" + HEADER, NANOSECONDS, 2, 4, 0, 0, LONGEST, ETHERNET)]
    for seen in check_each(packets, Captured, "packets"):
        seconds, rest = divmod(seen.time_ns, 1_000_000_000)
        parts += [struct.pack("<" + RECORD, seconds, rest, len(seen.packet.frame), seen.length), seen.packet.frame]
    path.write_bytes(b"".join(parts))


def read_pcap(file: str | os.PathLike[str]) -> tuple[Captured, ...]:
    """The packets of a file, of either byte order. Raises BadInput for a file that is damaged, or of another kind."""
    path = check_file_name(file)
    if path.stat().st_size > MOST:
        raise BadInput(f"{path} is larger than {MOST >> 20} MiB", hint="editcap cuts it into smaller ones")
    return tuple(records_in(path, path.read_bytes()))


def records_in(path: Path, data: bytes) -> Iterator[Captured]:
    """The packets of a file's bytes."""
    order = next((order for order in "<>" if data[:4] in magics(order)), None)
    if order is None or len(data) < struct.calcsize(order + HEADER):
        raise BadInput(f"{path} is no pcap file", hint="tcpdump -w writes one; editcap -F pcap converts")
    magic, major, _, _, _, _, link = struct.unpack_from(order + HEADER, data)
    if major != 2 or link & 0xFFFF != ETHERNET:
        raise BadInput(f"{path} has version {major} and link type {link}, not 2 and {ETHERNET} (Ethernet)")
    unit, at = 1 if magic == NANOSECONDS else 1000, struct.calcsize(order + HEADER)
    while at < len(data):
        begin = at + struct.calcsize(order + RECORD)
        if begin > len(data):
            raise BadInput(f"{path} is damaged: it ends within a header at byte {at}")
        seconds, fraction, size, length = struct.unpack_from(order + RECORD, data, at)
        at = begin + size
        if at > len(data) or size > min(LONGEST, length) or fraction * unit >= 1_000_000_000:
            raise BadInput(f"{path} is damaged: no whole packet at byte {begin}")
        yield Captured(seconds * 1_000_000_000 + fraction * unit, "", "", decode(data[begin:at]), length)


def magics(order: str) -> tuple[bytes, ...]:
    """How a file of this byte order begins."""
    return struct.pack(order + "I", NANOSECONDS), struct.pack(order + "I", MICROSECONDS)
