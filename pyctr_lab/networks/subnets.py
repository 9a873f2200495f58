"""Subnets of networks, and the pool of a network's addresses."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from ipaddress import AddressValueError, IPv4Address, IPv4Network, NetmaskValueError
from pathlib import Path

from ..errors import BadInput, Busy
from ..kernel.checks import check_text, short_repr

PORTS = 1023  # of a bridge: the kernel gives no more (EXFULL)
SMALLEST = 29  # bits of a prefix: a router and five containers
LARGEST = 16
DEFAULTS = IPv4Network("10.88.0.0/16")  # of which each network that names no subnet takes 256 addresses
ROUTES = Path("/proc/net/route")


def check_subnet(subnet: object) -> IPv4Network:
    """An IPv4 subnet as `10.88.0.0/24`. Raises BadInput."""
    text = check_text(subnet, "a subnet")
    hint = "such as 10.88.0.0/24"
    if ":" in text:
        raise BadInput(
            f"{short_repr(subnet)} is of IPv6", hint=f"a subnet is of IPv4, {hint}; ipv6=True adds the other"
        )
    try:
        made = IPv4Network(text, strict=False)
    except (AddressValueError, NetmaskValueError):
        raise BadInput(f"{short_repr(subnet)} is no subnet", hint=hint) from None
    if str(made.network_address) != text.partition("/")[0]:
        raise BadInput(f"{short_repr(subnet)} has bits behind its prefix", hint=f"its subnet is {made}")
    if not LARGEST <= made.prefixlen <= SMALLEST:
        size = "small" if made.prefixlen > SMALLEST else "large"
        raise BadInput(f"the subnet {made} is too {size}", hint=f"/{LARGEST} to /{SMALLEST}, {hint}")
    if not made.is_private or made.is_loopback or made.is_link_local:
        raise BadInput(f"the subnet {made} is not for private use", hint=f"see RFC 1918; {hint}")
    return made


def machine_subnets(routes: Path = ROUTES) -> list[IPv4Network]:
    """The subnets that this machine has routes to, without the default. See proc(5), /proc/net/route."""
    found = []
    try:
        lines = routes.read_text().splitlines()[1:]
    except OSError:
        return []
    for line in lines:
        words = line.split()
        network, mask = (int.from_bytes(bytes.fromhex(words[place]), "little") for place in (1, 7))
        if mask:
            found.append(IPv4Network((network, mask.bit_count())))
    return found


def free_subnet(taken: Iterable[IPv4Network]) -> IPv4Network:
    """The first default subnet that overlaps none of those `taken`. Raises Busy."""
    there = [*taken, *machine_subnets()]
    for subnet in DEFAULTS.subnets(new_prefix=24):
        if not any(subnet.overlaps(other) for other in there):
            return subnet
    raise Busy("all default subnets are taken", hint='name one: subnet="172.20.0.0/24"')


def refuse_overlap(subnet: IPv4Network, taken: dict[str, IPv4Network]) -> None:
    """Raise BadInput for a subnet that overlaps another network's, or one that this machine has a route to."""
    for name, other in taken.items():
        if subnet.overlaps(other):
            raise BadInput(f"the subnet {subnet} overlaps {other} of the network {name}", hint="name another one")
    for other in machine_subnets():
        if subnet.overlaps(other):
            raise BadInput(f"the subnet {subnet} overlaps {other}, which this machine has a route to",
                           hint="leave it out: a free one is taken")  # fmt: skip


class Pool:
    """The addresses of one subnet, each for one container at a time, and the ports of its bridge."""

    def __init__(self, subnet: IPv4Network, ports: int = PORTS) -> None:
        self.subnet = subnet
        self.router = subnet[1]
        self.taken: dict[IPv4Address, str] = {}  # and by which container
        self.most = min(ports, subnet.num_addresses - 3)  # without the network's own, the router's, the broadcast
        self._last = 1
        self._lock = threading.Lock()  # two threads never get the same next address

    def next_address(self) -> IPv4Address:
        """The next free address: each in its turn, so that an address is not used again at once. Raises Busy."""
        with self._lock:
            for step in range(self.most):
                place = 2 + (self._last - 1 + step) % self.most
                if self.subnet[place] not in self.taken:
                    self._last = place
                    return self.subnet[place]
        raise Busy(f"the subnet {self.subnet} has no free address: {len(self.taken)} containers have one",
                        hint="end some, or make another network")  # fmt: skip

    def check(self, address: object) -> IPv4Address:
        """An address that a container may have. Raises BadInput, and Busy where another has it."""
        try:
            made = IPv4Address(check_text(address, "an address"))
        except AddressValueError:
            raise BadInput(f"{short_repr(address)} is no IPv4 address", hint=str(self.subnet[2])) from None
        place = int(made) - int(self.subnet.network_address)
        if made == self.router or not 2 <= place <= self.most + 1:
            raise BadInput(f"{made} is no address for a container here",
                           hint=f"{self.subnet[2]} to {self.subnet[self.most + 1]}")  # fmt: skip
        return made

    def claim(self, address: IPv4Address, holder: str) -> None:
        """Take an address. Raises Busy where another container has it."""
        if address in self.taken:
            raise Busy(
                f"{address} belongs to the container {self.taken[address]}", hint="a new recipe has a new address"
            )
        self.taken[address] = holder

    def release(self, address: IPv4Address) -> None:
        """Give an address back. Twice is fine."""
        self.taken.pop(address, None)
