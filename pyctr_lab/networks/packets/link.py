"""Ethernet and ARP. See IEEE 802.3, 802.1Q and RFC 826."""

from __future__ import annotations

from dataclasses import dataclass

from .reader import Damage, Reader, hexadecimal

ARP, IPV4, IPV6 = 0x0806, 0x0800, 0x86DD
TAGS = {0x8100: "802.1Q", 0x88A8: "802.1ad"}
ETHERTYPES = {ARP: "ARP", IPV4: "IPv4", IPV6: "IPv6"}
LEAST_ETHERTYPE = 0x600  # a smaller number is the length of an 802.3 frame
MOST_TAGS = 2


@dataclass(frozen=True)
class Ethernet:
    """The header of a frame. `vlan` is the number in its 802.1Q tag, if it has one."""

    destination: str
    source: str
    ethertype: int
    vlan: int | None = None

    @property
    def kind(self) -> str:
        """The name of what the frame carries."""
        if self.ethertype < LEAST_ETHERTYPE:
            return "802.3 frame"
        return ETHERTYPES.get(self.ethertype, f"ethertype {hexadecimal(self.ethertype)}")

    def words(self) -> str:
        """Sender, receiver and what is carried."""
        return f"{self.source} > {self.destination}: {self.kind}"


@dataclass(frozen=True)
class Arp:
    """A question for the hardware address of an IPv4 address, or its answer. `operation` is 1 or 2."""

    operation: int
    sender_mac: str
    sender: str
    target_mac: str
    target: str

    @property
    def kind(self) -> str:
        """As tcpdump names it."""
        return {1: "ARP who-has", 2: "ARP is-at"}.get(self.operation, f"ARP operation {self.operation}")

    def words(self) -> str:
        """As tcpdump says it."""
        if self.operation == 1:
            return f"ARP who-has {self.target} tell {self.sender}"
        return f"ARP {self.sender} is-at {self.sender_mac}" if self.operation == 2 else self.kind


def read_ethernet(reader: Reader) -> int:
    """Read the header, and skip tags; the ethertype."""
    reader.layer = "Ethernet"
    destination, source = reader.mac("destination"), reader.mac("source")
    ethertype, vlan = reader.number(2, "type", hexadecimal), None
    for _ in range(MOST_TAGS):
        if ethertype in TAGS:
            tag = reader.number(2, f"{TAGS[ethertype]} tag", lambda tag: f"VLAN {tag & 0xFFF}")
            ethertype, vlan = reader.number(2, "type", hexadecimal), tag & 0xFFF
    reader.layers.append(Ethernet(destination, source, ethertype, vlan))
    return ethertype


def read_arp(reader: Reader) -> None:
    """Read an ARP packet for IPv4 over Ethernet."""
    reader.layer = "ARP"
    hardware, protocol = reader.number(2, "hardware type"), reader.number(2, "protocol type", hexadecimal)
    sizes = reader.number(1, "hardware size"), reader.number(1, "protocol size")
    if (hardware, protocol, sizes) != (1, IPV4, (6, 4)):
        raise Damage("damaged: ARP for another protocol than IPv4 over Ethernet")
    operation = reader.number(2, "operation")
    sender_mac, sender = reader.mac("sender's MAC"), reader.ipv4("sender's address")
    target_mac, target = reader.mac("target's MAC"), reader.ipv4("target's address")
    reader.layers.append(Arp(operation, sender_mac, sender, target_mac, target))
