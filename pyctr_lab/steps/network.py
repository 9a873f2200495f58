"""An interface with an address, at the end of a cable to a bridge. See veth(4), rtnetlink(7) and resolv.conf(5)."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from errno import EEXIST, ENOENT
from ipaddress import ip_interface

from ..errors import BadInput
from ..kernel import netlink
from ..kernel.arguments import Ref, Subject
from ..kernel.calls import Call, close, mkdirat, openat, openat2, unlinkat, write
from ..kernel.checks import check_list, check_number, check_path, check_text
from ..kernel.constants import O_CREAT, O_DIRECTORY, O_EXCL, O_PATH, O_WRONLY, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS
from ..kernel.netlink.messages import check_interface, check_interface_address, check_router
from .mounts import ROOT, MountStep
from .step import AtBirth, Resource, Step

INDEX = 10  # of a container's first interface: chosen, so that calls that name it are data
ETH0 = netlink.interface_index(INDEX, "eth0")


@dataclass(frozen=True)
class NetworkEnd(Resource):
    """A container's end of a network, as data: taken from the network's pool, and given back at the container's end.

    `port` is the index of the lab's end of the cable, a port of the bridge with the index `bridge`. Without a network
    and a bridge the cable leads to the lab's host itself.
    """

    network: str
    bridge: int
    port: int
    mac: str = ""
    mtu: int = 1500
    addresses: tuple[str, ...] = ()
    name: str = "eth0"
    index: int = INDEX  # of the process's interface
    names: tuple[str, ...] = ()  # by which the network's name server knows the container
    isolated: bool = False  # from other isolated ports of the bridge

    def __post_init__(self) -> None:
        check_text(self.network, "a network's name")
        check_number(self.bridge, "a bridge's index", most=2**31 - 1)
        check_number(self.port, "a port's index", least=1, most=2**31 - 1)
        netlink.check_mtu(self.mtu)
        check_interface(self.name)
        for address in check_list(self.addresses, "addresses"):
            check_interface_address(address)

    def calls(self) -> list[Call]:
        """None: the cable is made by one message, with the process at its other end."""
        return []


class NetworkStep(Step):
    """A step that changes a network namespace, which must be the container's own."""

    touches = ("net",)
    changes = "net"

    def at_birth(self) -> AtBirth | None:
        """Made by the process as soon as it may go on: these calls differ from start to start."""
        return AtBirth((), None, tuple(self.calls()))


@dataclass(frozen=True)
class Veth(NetworkStep):
    """Lay a cable: one end is an interface of the process, the other a port of a network's bridge. From outside.

    One message makes the pair, plugs the lab's end into the bridge, and puts the other into the process's namespace.
    """

    end: NetworkEnd
    shell_form = "outside"

    def __post_init__(self) -> None:
        if not isinstance(self.end, NetworkEnd):
            raise BadInput(f"a cable needs an end of a network, not {self.end!r:.40}", hint="network.end()")

    @property
    def needs(self) -> frozenset[str]:
        return frozenset({"own net"})

    @property
    def provides(self) -> frozenset[str]:
        return super().provides | {"interface"}

    def resources(self) -> tuple[Resource, ...]:
        return (self.end,)

    def calls(self) -> list[Call]:
        end = self.end
        peer = {"index": end.index, **netlink.link_attributes(name=end.name, mac=end.mac, mtu=end.mtu, pid=Subject())}
        made = netlink.new_link(
            f"v{end.port}", "veth", index=end.port, master=end.bridge, mtu=end.mtu, up=True, peer=peer
        )
        isolated = [netlink.isolate_port(end.port)] if end.isolated else []
        return [call.from_outside() for call in netlink.request(made, *isolated)]

    def at_birth(self) -> AtBirth:
        return AtBirth((self.end,), None, (), outside=tuple(self.calls()))

    def advice(self, errno: int) -> str:
        if errno != EEXIST:
            return ""
        return f"the lab's host has an interface {self.end.port} or v{self.end.port}, or the process one of this name"

    def describe(self) -> str:
        other = f"the bridge of the network {self.end.network}" if self.end.bridge else "the lab's host"
        return f"Lay a cable from {self.end.name} to {other}. Done from outside."

    def shell(self) -> str:
        end = self.end
        mac = f"address {end.mac} " if end.mac else ""
        master = f"master {bridge_name(end.network)} " if end.bridge else ""
        return (
            f"ip link add v{end.port} index {end.port} mtu {end.mtu} up {master}type veth"
            f" peer name {end.name} index {end.index} {mac}mtu {end.mtu} netns $pid"
        ) + (f" && ip link set v{end.port} type bridge_slave isolated on" if end.isolated else "")

    @property
    def title(self) -> str:
        return f"cable to {self.end.network or 'the host'}"


@dataclass(frozen=True)
class Address(NetworkStep):
    """Give an interface an address, with the length of its network's prefix."""

    address: str
    index: int = ETH0

    def __post_init__(self) -> None:
        check_interface_address(self.address)
        check_number(self.index, "an interface's index", least=1, most=2**31 - 1)

    @property
    def needs(self) -> frozenset[str]:
        return super().needs | {"interface"}

    @property
    def provides(self) -> frozenset[str]:
        return super().provides | {"address"}

    def calls(self) -> list[Call]:
        return netlink.request(netlink.new_address(self.index, self.address))

    def describe(self) -> str:
        return f"Give its interface the address {self.address}."

    def shell(self) -> str:
        return f"ip address add {self.address} dev {interface_name(self.index)}" + (
            " nodad" if ip_interface(self.address).version == 6 else ""
        )

    @property
    def title(self) -> str:
        return f"address {self.address}"


@dataclass(frozen=True)
class LinkUp(NetworkStep):
    """Switch an interface on."""

    index: int = ETH0

    def __post_init__(self) -> None:
        check_number(self.index, "an interface's index", least=1, most=2**31 - 1)

    @property
    def needs(self) -> frozenset[str]:
        return super().needs | {"interface"}

    @property
    def provides(self) -> frozenset[str]:
        return super().provides | {"link up"}

    def calls(self) -> list[Call]:
        return netlink.request(netlink.set_link(self.index, up=True))

    def shell(self) -> str:
        return f"ip link set {interface_name(self.index)} up"

    @property
    def title(self) -> str:
        return "link up"


@dataclass(frozen=True)
class Route(NetworkStep):
    """Send by a router what no other route reaches, or what is meant for one `destination`."""

    gateway: str
    destination: str = ""
    index: int = ETH0

    def __post_init__(self) -> None:
        check_number(self.index, "an interface's index", least=1, most=2**31 - 1)
        netlink.new_route(self.gateway, self.index, self.destination)

    @property
    def needs(self) -> frozenset[str]:
        return super().needs | {"router in reach", "link that is up"}

    def calls(self) -> list[Call]:
        return netlink.request(netlink.new_route(self.gateway, self.index, self.destination))

    def describe(self) -> str:
        return f"Send by {self.gateway} {f'what is meant for {self.destination}' if self.destination else 'all else'}."

    def shell(self) -> str:
        return f"ip route add {self.destination or 'default'} via {self.gateway} dev {interface_name(self.index)}"

    @property
    def title(self) -> str:
        return f"route by {self.gateway}"


@dataclass(frozen=True)
class Resolver(MountStep):
    """Name the network's name server in the new root's /etc/resolv.conf. No link in an image leads out of the root."""

    servers: tuple[str, ...]
    target: str = f"{ROOT}/etc/resolv.conf"

    def __post_init__(self) -> None:
        for server in check_list(self.servers, "name servers"):
            check_router(server)
        check_path(self.target, "a file")

    @property
    def needs(self) -> frozenset[str]:
        return super().needs | {"folder in the new root"}

    @property
    def text(self) -> str:
        """The file's content."""
        return "".join(f"nameserver {server}\n" for server in self.servers) + "options ndots:0\n"

    def calls(self) -> list[Call]:
        top, etc, file = Ref("top"), Ref("etc"), Ref("fd")
        return [
            openat(ROOT, O_PATH | O_DIRECTORY).named("top"),
            mkdirat("etc", at=top).accepting(EEXIST),
            openat2(top, "etc", O_PATH | O_DIRECTORY, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS).named("etc"),
            unlinkat("resolv.conf", at=etc).accepting(ENOENT),
            openat2(etc, "resolv.conf", O_WRONLY | O_CREAT | O_EXCL, RESOLVE_IN_ROOT, mode=0o644),
            write(file, self.text),
            *map(close, (file, etc, top)),
        ]

    def describe(self) -> str:
        return f"Have names looked up by {', '.join(self.servers)}."

    def shell(self) -> str:
        file = shlex.quote(self.target)
        return f"mkdir -p {ROOT}/etc && rm -f {file} && printf %s {shlex.quote(self.text)} > {file}"

    @property
    def title(self) -> str:
        return "resolv.conf"


def bridge_name(network: str) -> str:
    """The name of a network's bridge: an interface's has at most 15 bytes."""
    return f"br-{network}"[:15]


def interface_name(index: int) -> str:
    """The name of an interface for a shell: `eth0`, or where only its number is known `if10`."""
    return repr(index).partition('"')[2].rstrip('")') if repr(index).startswith("if_nametoindex") else f"if{index}"


__all__ = ["INDEX", "Address", "LinkUp", "NetworkEnd", "Resolver", "Route", "Veth", "bridge_name"]
