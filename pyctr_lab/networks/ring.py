"""A ring of packets: the kernel copies each into a free slot of memory that the notebook has mapped, with its time.

A packet for which no slot is free is dropped and counted. The notebook needs no thread: a cell that computes loses
nothing. See packet(7), and Documentation/networking/packet_mmap.rst for TPACKET_V2.
"""

from __future__ import annotations

import mmap
import os
import select
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from errno import ENODEV
from fcntl import ioctl

from ..errors import BadInput
from ..interrupts import waiting
from ..kernel.sockets import ifreq
from ..runtime.carrier import milliseconds
from ..runtime.process import CarriedProcess
from ..runtime.sockets import fetch_socket
from ..runtime.view import interface_names
from .packets import decode
from .pcap import Captured

ETH_P_ALL = 3
SOL_PACKET, PACKET_ADD_MEMBERSHIP, PACKET_RX_RING, PACKET_STATISTICS, PACKET_VERSION = 263, 1, 5, 6, 10
TPACKET_V2, PACKET_MR_PROMISC = 1, 1
SIOCGIFNAME, SIOCGIFINDEX = 0x8910, 0x8933
TP_STATUS_USER, TP_STATUS_VLAN_VALID = 1, 16
TPACKET2_HDR, SOCKADDR_LL = "=IIIHHIIHH", "=HHiHB"
ADDRESS_AT = 32  # of the sockaddr_ll in a slot: TPACKET_ALIGN(sizeof(struct tpacket2_hdr))
OVERHEAD = 96  # bytes of a slot before the packet, at most
BLOCK = 1 << 16  # bytes that the kernel allocates at once, or one slot if that is larger
WITH_ETHERNET_HEADER = (1, 772)  # ARPHRD_ETHER, ARPHRD_LOOPBACK
DIRECTIONS = {0: "in", 1: "broadcast", 2: "multicast", 3: "passing", 4: "out"}  # PACKET_HOST, ...


def slot_size(size: int) -> int:
    """The bytes of a slot for packets of this size: a power of two, as is BLOCK, so that slots fill blocks."""
    return 1 << (size + OVERHEAD - 1).bit_length()


class Ring:
    """A socket of a network namespace that captures packets of one interface, or of all."""

    def __init__(self, process: CarriedProcess, interface: str | None, slots: int, size: int) -> None:
        self.size, self.slot = size, slot_size(size)
        block = max(BLOCK, self.slot)
        blocks = -(-slots * self.slot // block)
        self.slots, self._next = blocks * block // self.slot, 0
        self._names: dict[int, str] = {}
        with ExitStack() as opened:
            protocol = socket.htons(ETH_P_ALL) if interface is None else 0  # 0: nothing comes before `bind`
            self.socket = opened.enter_context(fetch_socket(process, socket.AF_PACKET, socket.SOCK_RAW, protocol))
            self.socket.setsockopt(SOL_PACKET, PACKET_VERSION, TPACKET_V2)
            request = struct.pack("4I", block, blocks, self.slot, self.slots)
            self.socket.setsockopt(SOL_PACKET, PACKET_RX_RING, request)
            self.memory = opened.enter_context(mmap.mmap(self.socket.fileno(), blocks * block))
            if interface is not None:
                self._bind(process, interface)
            self._open = opened.pop_all()

    def _bind(self, process: CarriedProcess, interface: str) -> None:
        """Choose one interface, promiscuous: what goes between a bridge's ports is seen, too."""
        try:
            index = struct.unpack_from("i", ioctl(self.socket, SIOCGIFINDEX, bytes(ifreq(interface))), 16)[0]
        except OSError as why:
            if why.errno != ENODEV:
                raise
            names = ", ".join(interface_names(process.machine_pid))
            raise BadInput(f"{process.name} has no interface {interface}", hint=f"it has {names}") from None
        self.socket.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, struct.pack("iHH8x", index, PACKET_MR_PROMISC, 0))
        self.socket.bind((interface, ETH_P_ALL))

    def take(self) -> Iterator[Captured]:
        """The packets that came since the last look; their slots are free again."""
        while True:
            at = self._next * self.slot
            header = struct.unpack_from(TPACKET2_HDR, self.memory, at)
            status, length, kept, start, _, seconds, nanoseconds, tag, tag_type = header
            if not status & TP_STATUS_USER:
                return
            _, _, index, hardware, direction = struct.unpack_from(SOCKADDR_LL, self.memory, at + ADDRESS_AT)
            frame = self.memory[at + start : at + start + min(kept, self.size)]
            self.memory[at : at + 4] = bytes(4)  # TP_STATUS_KERNEL
            self._next = (self._next + 1) % self.slots
            if status & TP_STATUS_VLAN_VALID:  # the kernel has taken the tag out
                frame = frame[:12] + struct.pack(">HH", tag_type or 0x8100, tag) + frame[12:]
                length += 4
            if hardware in WITH_ETHERNET_HEADER:
                when = seconds * 1_000_000_000 + nanoseconds
                yield Captured(when, self._name(index), DIRECTIONS.get(direction, "in"), decode(frame), length)

    def _name(self, index: int) -> str:
        if index not in self._names:
            try:
                found = ioctl(self.socket, SIOCGIFNAME, struct.pack("16xi20x", index))
                self._names[index] = os.fsdecode(found[:16].rstrip(b"\0"))
            except OSError:  # it is gone already
                self._names[index] = f"interface {index}"
        return self._names[index]

    def dropped(self) -> int:
        """How many packets found no free slot since the last look."""
        return int(struct.unpack("II", self.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[1])

    def wait(self, pidfd: int, timeout: float | None) -> bool:
        """Wait for a packet, the end of a process, or the end of the time; whether the process has ended."""
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        poll.register(pidfd, select.POLLIN)
        with waiting():
            ready = dict(poll.poll(None if timeout is None else milliseconds(timeout)))
        if ready.get(self.socket.fileno(), 0) & select.POLLERR:
            self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)  # the interface went down: it may come up again
        return pidfd in ready

    def close(self) -> None:
        """Unmap the slots and close the socket. Twice is fine."""
        self._open.close()
