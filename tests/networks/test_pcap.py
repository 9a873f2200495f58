"""Files of packets: tcpdump reads ours and says of each packet what it should, and what tcpdump writes we read."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest

from networks.frames import FRAMES
from pyctr_lab.errors import BadInput
from pyctr_lab.networks.packets import decode
from pyctr_lab.networks.pcap import Captured, read_pcap, write_pcap

BEGIN = 1_700_000_000_123_456_789  # nanoseconds
PACKETS = [
    Captured(BEGIN + number, "", "", decode(sent.frame), len(sent.frame)) for number, sent in enumerate(FRAMES.values())
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "seen.pcap"
    write_pcap(path, PACKETS)
    return path


def tcpdump(*words: str) -> list[str]:
    done = subprocess.run(["tcpdump", "-n", "-S", *words], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_tcpdump_says_of_each_packet_what_it_is(file: Path) -> None:
    said = tcpdump("-t", "-r", str(file))
    assert [line.strip().startswith(sent.tcpdump) for line, sent in zip(said, FRAMES.values(), strict=True)] == [
        True
    ] * len(FRAMES), said


def test_times_are_kept_to_the_nanosecond(file: Path) -> None:
    first, second, *_ = tcpdump("-tt", "--nano", "-r", str(file))
    assert first.startswith("1700000000.123456789 ") and second.startswith("1700000000.123456790 ")


def test_what_was_written_is_read(file: Path) -> None:
    assert list(read_pcap(file)) == PACKETS


@pytest.mark.parametrize("precision", ["nano", "micro"])
def test_what_tcpdump_writes_is_read(file: Path, tmp_path: Path, precision: str) -> None:
    copy = tmp_path / "copy.pcap"
    tcpdump("-r", str(file), "-w", str(copy), f"--time-stamp-precision={precision}")
    found = read_pcap(copy)
    assert [seen.packet for seen in found] == [seen.packet for seen in PACKETS]
    assert found[1].time_ns == (BEGIN + 1 if precision == "nano" else BEGIN // 1000 * 1000)


def test_a_file_of_the_other_byte_order_is_read(file: Path) -> None:
    frame = FRAMES["SYN"].frame
    header = struct.pack(">IHHiIIIIIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1, 7, 9, len(frame), 2000)
    file.write_bytes(header + frame)
    assert read_pcap(file) == (Captured(7_000_000_009, "", "", decode(frame), 2000),)


def test_every_cut_file_is_refused(file: Path) -> None:
    write_pcap(file, PACKETS[:2])
    whole = file.read_bytes()
    ends = {24, 24 + 16 + len(PACKETS[0].packet.frame)}  # behind the header, and behind a packet
    for size in set(range(len(whole))) - ends:
        file.write_bytes(whole[:size])
        with pytest.raises(BadInput, match=r"damaged|is no pcap file"):
            read_pcap(file)


@pytest.mark.parametrize(
    ("at", "word", "said"),
    [
        (0, 0x0A0D0D0A, "is no pcap file"),  # pcapng
        (4, 1, "has version 1"),
        (20, 113, "link type 113"),
        (28, 1_000_000_000, "damaged"),  # nanoseconds
        (32, 0xFFFFFFFF, "damaged"),  # the size of a packet
        (36, 3, "damaged"),  # its length on the wire: less than is there
    ],
)
def test_a_damaged_file_is_refused(file: Path, at: int, word: int, said: str) -> None:
    data = bytearray(file.read_bytes())
    struct.pack_into("<I", data, at, word)
    file.write_bytes(data)
    with pytest.raises(BadInput, match=said):
        read_pcap(file)


def test_a_huge_file_is_not_read(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.truncate(1 << 40)
    with pytest.raises(BadInput, match="larger than 256 MiB"):
        read_pcap(file)


def test_only_captured_packets_are_written(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="each of packets is a Captured"):
        write_pcap(tmp_path / "seen.pcap", [decode(b"")])  # type: ignore[list-item]
