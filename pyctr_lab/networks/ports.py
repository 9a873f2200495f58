"""Published ports: a socket of the notebook's, whose connections a relay takes to a container. See ip(7), splice(2).

A socket belongs to the network namespace in which it was made: the listening one to the notebook's, the relay's own,
to the container, to the lab's.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface
from typing import TypeAlias

from ..errors import BadInput, Busy, Gone
from ..kernel import proc
from ..kernel.calls import Call
from ..kernel.checks import check_text, short_repr
from ..runtime.outer_world import OuterWorld
from ..runtime.service import LabService
from ..steps import Resource, Step

PROGRAM = "pyctr_lab.networks.programs.relay:serve"
LOOPBACK = "127.0.0.1"
PROTOCOLS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
SHAPE = '{8080: 80}, or {"127.0.0.1:8053/udp": 53}'
Published: TypeAlias = "Mapping[int | str, int]"
"""Of a port of the notebook's, as `8080`, `"8080/udp"` or `"0.0.0.0:8080"`, to a container's."""


@dataclass(frozen=True)
class PublishedPort(Resource):
    """A port of the notebook's that leads to a container's, as data."""

    port: int
    target: str
    target_port: int
    address: str = LOOPBACK
    protocol: str = "tcp"

    def calls(self) -> list[Call]:
        """None: the socket is made by the notebook, not by the lab."""
        return []

    def __str__(self) -> str:
        return f"{self.address}:{self.port} -> {self.target}:{self.target_port}/{self.protocol}"


@dataclass(frozen=True)
class Publish(Step):
    """Publish a port: what connects to it on this machine is relayed to the container. Done from outside."""

    port: PublishedPort
    shell_form = "outside"

    def resources(self) -> tuple[Resource, ...]:
        return (self.port,)

    def calls(self) -> list[Call]:
        return []

    def describe(self) -> str:
        return f"Publish {self.port}: a relay takes each connection there."

    @property
    def title(self) -> str:
        return f"port {self.port.port}"


def published_ports(wanted: Published, target: str) -> list[Publish]:
    """The steps that publish ports of a container with this address. Raises BadInput."""
    if not isinstance(wanted, Mapping):
        raise BadInput(f"{short_repr(wanted)} publishes nothing", hint=SHAPE)
    return [Publish(_port(place, inside, target)) for place, inside in wanted.items()]


def _port(place: int | str, inside: int, target: str) -> PublishedPort:
    address, port, protocol = LOOPBACK, place, "tcp"
    if isinstance(place, str):
        rest, _, named = place.partition("/")
        address, _, number = rest.rpartition(":")
        address, protocol = address or LOOPBACK, named or "tcp"
        port = int(number) if number.isascii() and number.isdigit() and len(number) < 9 else place
    if protocol not in PROTOCOLS:
        raise BadInput(f"{short_repr(place)}: the protocol is tcp or udp", hint=SHAPE)
    return PublishedPort(
        check_port(port, "a port"), target, check_port(inside, "a container's port"), check_local(address), protocol
    )


def check_port(port: object, what: str) -> int:
    """A port's number. Raises BadInput."""
    if isinstance(port, bool) or not isinstance(port, int) or not 1 <= port <= 65535:
        raise BadInput(f"{what} cannot be {short_repr(port)}", hint=f"a number from 1 to 65535: {SHAPE}")
    return port


def check_local(address: object) -> str:
    """An IPv4 address of this machine. Raises BadInput."""
    try:
        return str(IPv4Address(check_text(address, "an address")))
    except ValueError:
        raise BadInput(f"{short_repr(address)} is no IPv4 address", hint=f"{LOOPBACK}, or 0.0.0.0 for all") from None


def listening_socket(wanted: PublishedPort) -> socket.socket:
    """The socket, bound and listening in this process's network namespace. Raises Busy or BadInput."""
    made = socket.socket(socket.AF_INET, PROTOCOLS[wanted.protocol])
    try:
        if wanted.protocol == "tcp":
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that ended may linger
        made.bind((wanted.address, wanted.port))
        if wanted.protocol == "tcp":
            made.listen(128)
        return made
    except PermissionError:
        made.close()
        raise BadInput(f"port {wanted.port} is for root alone", hint="take one above 1023: 8080") from None
    except OSError as why:
        made.close()
        if why.errno == errno.EADDRNOTAVAIL:
            raise BadInput(f"{wanted.address} is no address of this machine", hint=LOOPBACK) from None
        raise Busy(f"port {wanted.port} of {wanted.address} is taken", hint="by another program or container; take"
                   " another one: ss -ltnp says by which") from None  # fmt: skip


class OpenPort:
    """A published port that is open: the relay alone has its socket, and it is free when the relay has ended."""

    def __init__(self, world: OuterWorld, wanted: PublishedPort) -> None:
        self.world, self.wanted = world, wanted
        with listening_socket(wanted) as listening:
            target = [wanted.target, wanted.target_port]
            self.relay = LabService(world, PROGRAM, {"listener": listening.fileno()}, label=str(wanted), target=target)

    def close_with(self, machine_pid: int) -> None:
        """Close the port when a process ends, though no caller waits for it: the relay watches that process."""
        with suppress(Gone, ProcessLookupError):  # the relay was killed: the port is closed already
            self.relay.ask({"until": proc.nspid(machine_pid)[len(self.world.launcher.pids) - 1]})

    @property
    def is_open(self) -> bool:
        """Whether its relay lives."""
        return self.relay.alive

    def leave(self) -> None:
        """Close the port: it is free when this returns. Twice is fine."""
        self.relay.end()

    remove = leave


def address_of(interface: str) -> str:
    """An address without the length of its prefix."""
    return str(IPv4Interface(interface).ip)
