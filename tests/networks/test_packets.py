"""Frames in words: what tcpdump would say of them; damaged ones are said to be, and never raise."""

from __future__ import annotations

import random
import struct

import pytest

from networks.frames import FRAMES
from pyctr_lab.errors import BadInput
from pyctr_lab.networks.packets import (
    Arp,
    Dns,
    DnsQuestion,
    DnsRecord,
    Ethernet,
    Icmp,
    Internet,
    Packet,
    Piece,
    Tcp,
    Udp,
    decode,
)

each = pytest.mark.parametrize("name", FRAMES)
UNKNOWN = ("802.3", "LLDP")  # what is in them is not decoded, so that nothing can be missed


def is_sound(packet: Packet) -> bool:
    """Whether its fields are in order, do not overlap, and stay within it, and all text can be printed."""
    ends = [0, *(field.offset + field.length for field in packet.fields())]
    starts = [*(field.offset for field in packet.fields()), len(packet.frame)]
    texts = [packet.summary(), packet.kind, packet.damage, *(field.value for field in packet.fields())]
    return all(map(int.__le__, ends, starts)) and all(map(str.isprintable, texts))


@each
def test_a_frame_is_said_in_one_line(name: str) -> None:
    packet = decode(FRAMES[name].frame)
    assert (packet.kind, packet.summary(), packet.damage) == (FRAMES[name].kind, FRAMES[name].summary, "")


@each
def test_each_byte_belongs_to_one_field(name: str) -> None:
    packet = decode(FRAMES[name].frame)
    assert is_sound(packet) and sum(field.length for field in packet.fields()) == len(packet.frame)


@pytest.mark.parametrize(
    ("name", "layers"),
    {
        "ARP with a VLAN tag": [
            Ethernet("ff:ff:ff:ff:ff:ff", "02:00:00:00:00:0a", 0x0806, 42),
            Arp(1, "02:00:00:00:00:0a", "10.0.1.2", "00:00:00:00:00:00", "10.0.1.1"),
        ],
        "SYN": [
            Ethernet("02:00:00:00:00:01", "02:00:00:00:00:0a", 0x0800),
            Internet(4, "10.0.1.2", "10.0.1.1", 6, 64, 40, 30219, dont_fragment=True),
            Tcp(37654, 80, 3992590940, 0, ("SYN",), 64240, 0, 1460),
        ],
        "last fragment over IPv6": [
            Ethernet("02:00:00:00:00:01", "02:00:00:00:00:0a", 0x86DD),
            Internet(6, "fd00:1::2", "fd00:1::1", 58, 64, 560, 0xAD5E0EE1, fragment=Piece(1448, 560, False)),
        ],
        "fragmentation needed": [
            Ethernet("02:00:00:00:00:0a", "02:00:00:00:00:01", 0x0800),
            Internet(4, "10.0.1.1", "10.0.1.2", 1, 64, 556, 5650),
            Icmp(4, 3, 4, 556, mtu=1400, about="UDP 10.0.1.2:52716 > 10.0.2.2:9"),
        ],
        "answer with CNAME and A": [
            Ethernet("02:00:00:00:00:0a", "02:00:00:00:00:01", 0x0800),
            Internet(4, "10.0.1.1", "10.0.1.2", 17, 64, 64, 32646, dont_fragment=True),
            Udp(53, 47078, 56),
            Dns(
                0x1234,
                True,
                "NOERROR",
                (DnsQuestion("web.", "A"),),
                (DnsRecord("web.", "CNAME", 60), DnsRecord("web1.web.", "A", 60, "10.0.1.9")),
            ),
        ],
    }.items(),
)
def test_layers_hold_the_numbers_of_the_headers(name: str, layers: list[object]) -> None:
    packet = decode(FRAMES[name].frame)
    assert list(packet.layers) == layers
    assert (packet.source, packet.destination) == (layers[0].source, layers[0].destination)  # type: ignore[attr-defined]
    assert packet.ethertype == layers[0].ethertype  # type: ignore[attr-defined]


def test_a_field_has_its_place_and_value() -> None:
    found = {(field.layer, field.name): field for field in decode(FRAMES["SYN"].frame).fields()}
    ttl, flags = found["IPv4", "time to live"], found["TCP", "flags"]
    assert (ttl.offset, ttl.length, ttl.value) == (22, 1, "64")
    assert (flags.offset, flags.length, flags.value) == (47, 1, "SYN")
    quoted = decode(FRAMES["port unreachable"].frame).fields()
    assert [field.value for field in quoted if field.layer == "quoted UDP"][:2] == ["52716", "9"]


# --- damage
@each
def test_a_cut_frame_is_said_to_be_cut(name: str) -> None:
    whole = FRAMES[name].frame
    for size in range(len(whole)):
        packet = decode(whole[:size])
        assert is_sound(packet), size
        padding = name == "protocol 89 with padding" and size >= 38
        if not padding and (name not in UNKNOWN or size < 14):
            assert packet.damage.startswith(f"cut after {size} of "), size
            assert size < int(packet.damage.split()[4]) <= len(whole), size


@each
@pytest.mark.repeat(few=200, many=5000)
def test_no_change_of_bytes_raises(name: str, repeats: int) -> None:
    choose = random.Random(name)
    for _ in range(repeats):
        frame = bytearray(FRAMES[name].frame[:200])
        for _ in range(choose.randint(1, 8)):
            frame[choose.randrange(12, len(frame))] = choose.choice((0, 1, 0xC0, 0xFF, choose.randrange(256)))
        assert is_sound(decode(bytes(frame))), frame.hex()


def datagram(data: bytes, *, port: int = 53, says: int | None = None) -> bytes:
    """A frame with an IPv4 datagram to a port; its header says another length, if that is wanted."""
    header = struct.pack(">HHHH", 5000, port, (len(data) if says is None else says) + 8, 0)
    start = struct.pack(">BBHHHBBH8x", 0x45, 0, 28 + len(data), 0, 0, 64, 17, 0)
    return bytes(12) + b"\x08\x00" + start + header + data


def question(name: bytes, count: int = 1) -> bytes:
    return struct.pack(">6H", 1, 0, count, 0, 0, 0) + (name + b"\0\1\0\1") * count


IMPOSSIBLE = {
    "a name that leads to itself": (datagram(question(b"\xc0\x0c")), "damaged: a DNS name of more than 255 bytes"),
    "a name that leads out": (datagram(question(b"\xff\xff")), "damaged: DNS ends at byte 60, and needs 16426"),
    "a label of a new kind": (datagram(question(b"\x80a\0")), "damaged: a DNS label of an unknown kind"),
    "longer than its packet": (
        datagram(b"hello", port=9, says=50),
        "damaged: UDP ends at byte 92, what it is in at 47",
    ),
    "shorter than its header": (
        datagram(b"hello", port=9, says=-1),
        "damaged: UDP of 7 bytes with a header of 8",
    ),
    "another version": (
        FRAMES["ACK"].frame.replace(b"\x08\x00\x45", b"\x08\x00\x65"),
        "damaged: IPv4 with version 6 and a header of 20 bytes",
    ),
    "a header of 16 bytes": (
        FRAMES["ACK"].frame.replace(b"\x08\x00\x45", b"\x08\x00\x44"),
        "damaged: IPv4 with version 4 and a header of 16 bytes",
    ),
    "shorter than its own header": (
        FRAMES["ACK"].frame.replace(b"\x45\x00\x00\x34", b"\x45\x00\x00\x13"),
        "damaged: IPv4 of 19 bytes with a header of 20",
    ),
    "an option of no bytes": (
        FRAMES["neighbour solicitation"].frame[:-7] + bytes(7),
        "damaged: an option of no bytes",
    ),
    "a TCP option behind its header": (
        FRAMES["SYN"].frame[:-1].replace(b"\x02\x04\x05\xb4", b"\x02\x40\x05\xb4") + b"\x0a",
        "damaged: a TCP option of 64 bytes",
    ),
}


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_what_cannot_be_true_is_said(case: str) -> None:
    frame, damage = IMPOSSIBLE[case]
    packet = decode(frame)
    assert packet.damage == damage and packet.summary().endswith(f"[{damage}]")


def test_a_datagram_in_fragments_is_not_taken_for_damaged() -> None:
    whole = datagram(question(b"\x03web\0", 100), says=1400)
    first = decode(whole[:20] + b"\x20\x00" + whole[22:])  # more follow
    assert (first.kind, first.damage) == ("UDP", "")
    assert first.summary().endswith("UDP, length 1400, fragment of 920 bytes at 0, more follow")


def test_a_name_from_the_network_cannot_write_to_the_screen() -> None:
    packet = decode(datagram(question(b"\x04a\x1b.\xe9\x01b\0")))
    assert packet.layers[-1].words() == r"DNS question A? a\027\046\233.b."


def test_of_many_questions_the_first_are_read() -> None:
    packet = decode(datagram(question(b"\x03web\0", 2000)))
    last = packet.layers[-1]
    assert isinstance(last, Dns) and len(last.questions) == 32 and packet.fields()[-1].name == "other records"


def test_only_bytes_are_a_frame() -> None:
    with pytest.raises(BadInput, match="a frame is a bytes"):
        decode("ff")  # type: ignore[arg-type]
    assert decode(bytearray(FRAMES["LLDP"].frame)) == decode(FRAMES["LLDP"].frame)
    assert repr(decode(b"")) == "Packet('damaged frame [cut after 0 of 6 bytes]')"
