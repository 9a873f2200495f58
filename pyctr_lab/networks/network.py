"""A network of a lab: a bridge with an address, containers at its ports, and a name server. See bridge(8), veth(4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from errno import ENODEV
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from typing import Protocol

from ..errors import BadInput, Busy, Gone
from ..interrupts import uninterrupted
from ..kernel import netlink, proc
from ..kernel.arguments import Ref
from ..kernel.calls import Answer, Call, CallError, pidfd_open, setns
from ..kernel.checks import short_repr
from ..kernel.constants import CLONE_NEWNET
from ..runtime.carrier import ended
from ..runtime.container import Container
from ..runtime.outer_world import OuterWorld
from ..runtime.resources import Held
from ..steps import Address, LinkUp, NetworkEnd, Resolver, Route, Step, Veth
from ..steps.network import INDEX, bridge_name
from .links import list_learned, list_links
from .names import NameServer, check_names
from .ports import OpenPort
from .rules import apply_rules, loss_rules
from .subnets import PORTS, Pool
from .view import Door, NetworkView, Room
from .way_out import WayOut

FIRST_BRIDGE, FIRST_PORT, ROOM = 100, 10_000, 1024  # indexes of interfaces: bridges, and the ports of each
ULA = 0xFD88 << 112  # the first bits of the IPv6 subnets: unique local addresses, RFC 4193


@dataclass(frozen=True)
class NetworkSettings:
    """What was said of a network when it was made."""

    subnet: IPv4Network
    ipv6: bool = False
    mtu: int = 1500
    isolated: bool = False
    bare: bool = False
    internet: bool = False


class Joinable(Protocol):
    """A container, a running program, or the start of one."""

    @property
    def held(self) -> list[Held]:
        """What it has, given back at its end."""

    @property
    def machine_pid(self) -> int:
        """Its number as the notebook sees it."""


class Attached:
    """A container's end of a network, held until the container has ended."""

    def __init__(self, network: Network, end: NetworkEnd, holder: Joinable) -> None:
        self.network, self.end, self.holder = network, end, holder

    @property
    def machine_pid(self) -> int:
        """The container's process; -1 where it has ended, 0 where it has not begun."""
        try:
            return self.holder.machine_pid
        except Gone:
            return -1

    @property
    def shown_name(self) -> str:
        """A name for pictures: the last alias, the container's name, or its address."""
        return (*self.end.addresses[:1], *self.end.names)[-1]

    def leave(self) -> None:
        """Give the address and the names back. The cable goes with the container's network namespace."""
        self.network.forget(self)

    remove = leave


class Network:
    """A bridge and what belongs to it. Made by `Lab.network`."""

    def __init__(
        self, host: Container, name: str, number: int, settings: NetworkSettings, ports: Iterable[OpenPort] = ()
    ) -> None:
        self.world, self.name, self.number, self.settings = host.world, name, number, settings
        self._host, self._ports = host, ports
        self.bridge = FIRST_BRIDGE + number
        self.pool = Pool(settings.subnet)
        self._used: set[int] = set()  # indexes of ports that there have been
        self._losing: set[int] = set()  # those with a rule
        self.attached: dict[int, Attached] = {}  # by the index of the port
        self.names = NameServer(host.world, self.routers) if not settings.bare else None
        self.way_out: WayOut | None = None
        self.removed = False

    # --- what it is
    @property
    def subnet(self) -> IPv4Network:
        """Its IPv4 subnet."""
        return self.settings.subnet

    @property
    def subnet6(self) -> IPv6Network | None:
        """Its IPv6 subnet, if it has one."""
        return IPv6Network((ULA | self.number << 64, 64)) if self.settings.ipv6 else None

    @property
    def router(self) -> str:
        """The bridge's own address."""
        return str(self.pool.router)

    @property
    def routers(self) -> tuple[str, ...]:
        """All addresses of the bridge."""
        return (self.router, *([str(self.subnet6[1])] if self.subnet6 else []))

    @property
    def interface(self) -> str:
        """The name of its bridge in the lab."""
        return bridge_name(self.name)

    @property
    def containers(self) -> list[str]:
        """The names of the containers that are at it."""
        return [attached.end.names[0] if attached.end.names else "" for attached in self.attached.values()]

    # --- made and removed
    def make(self) -> None:
        """Make the bridge, in one list of calls, and start the name server."""
        bridge = netlink.new_link(
            self.interface, "bridge", index=self.bridge, mac=mac_of(self.pool.router), mtu=self.settings.mtu, up=True
        )
        given = [] if self.settings.bare else [netlink.new_address(self.bridge, each) for each in self._own_addresses()]
        self._ask(netlink.request(bridge, *given))
        if self.names is not None:
            self.names.start()
        if self.settings.internet:
            self.way_out = WayOut(self.world, self.router)

    def _own_addresses(self) -> list[str]:
        return [f"{self.router}/{self.subnet.prefixlen}", *([f"{self.subnet6[1]}/64"] if self.subnet6 else [])]

    @uninterrupted()
    def remove(self) -> None:
        """Remove the bridge and the name server. Raises Busy while a container is at it. Twice is fine."""
        if self.removed:
            return
        self.sweep()
        if self.attached:
            there = ", ".join(sorted(filter(None, self.containers)))
            raise Busy(f"the network {self.name} is in use by {there or 'a container'}", hint="end it first")
        self.removed = True
        self.end_programs()
        if self.world.alive:
            present = [link.index for link in list_links(self.world, self.world.machine_pid)]
            self._remove_links(*self._used.intersection(present), self.bridge)

    @uninterrupted(firm=True)
    def end_programs(self) -> None:
        """End its name server and its way out. Twice is fine."""
        if self.names is not None:
            self.names.end()
        if self.way_out is not None:
            self.way_out.end()

    @property
    def opened(self) -> tuple[str, ...]:
        """The targets that its containers have reached by its way out, `name:port` each."""
        return self.way_out.opened if self.way_out is not None else ()

    # --- ends
    def end(self, address: str | None = None, names: Iterable[str] = (), *, interface: int = 0) -> NetworkEnd:
        """An end for one container, with the next free address or the one that is named: `Veth(web.end())`."""
        self.require_there()
        if address is None:
            self.sweep_if_full()
            chosen = self.pool.next_address()
        else:
            chosen = self.pool.check(address)
        place = int(chosen) - int(self.subnet.network_address)
        addresses = [f"{chosen}/{self.subnet.prefixlen}", *([f"{self.subnet6[place]}/64"] if self.subnet6 else [])]
        port = FIRST_PORT + ROOM * self.number + place
        return NetworkEnd(
            self.name, self.bridge, port, mac_of(chosen), self.settings.mtu, tuple(addresses),
            f"eth{interface}", INDEX + interface, check_names(names), self.settings.isolated,
        )  # fmt: skip

    def steps(self, end: NetworkEnd) -> list[Step]:
        """The steps that connect a container: cable, addresses, link up, and but for a bare network the route."""
        index = netlink.interface_index(end.index, end.name)
        made: list[Step] = [Veth(end)]
        if not self.settings.bare:
            made += [Address(address, index) for address in end.addresses]
            made += [LinkUp(index), *(Route(router, index=index) for router in self.routers if end.index == INDEX)]
        return made

    def resolver(self) -> Resolver | None:
        """The step that names the network's name server; None for a bare network."""
        return None if self.settings.bare else Resolver((self.router,))

    def attach(self, end: NetworkEnd, holder: Joinable) -> Attached:
        """Take an end. Raises Busy where another container has its address."""
        self.require_there()
        address = IPv4Address(end.addresses[0].partition("/")[0])
        if end.port in self.attached:
            self.sweep()
        self.pool.claim(address, end.names[0] if end.names else "another container")
        if end.port in self._used:
            self._remove_links(end.port)
        self._used.add(end.port)
        attached = self.attached[end.port] = Attached(self, end, holder)
        if self.names is not None and end.names:
            self.names.add(end.names, [each.partition("/")[0] for each in end.addresses])
        return attached

    def _remove_links(self, *indexes: int) -> None:
        """Remove interfaces, cables of ended containers too: the kernel is slow, or waits for a socket that is open."""
        calls = netlink.request(*map(netlink.delete_link, indexes))
        self._ask([call.accepting(ENODEV) if call.own_errno >= 0 else call for call in calls])

    def forget(self, attached: Attached) -> None:
        """Give an end back. Twice is fine."""
        end = attached.end
        if self.attached.get(end.port) is not attached:
            return
        del self.attached[end.port]
        if end.port in self._losing and self.world.alive:
            self._lose(end.port, 0)
        if self.names is not None and end.names and self.world.alive:
            self.names.remove(end.names, [each.partition("/")[0] for each in end.addresses])
        self.pool.release(IPv4Address(end.addresses[0].partition("/")[0]))

    def sweep(self) -> None:
        """Give back the ends of containers that have ended, though no caller has waited for them."""
        for attached in list(self.attached.values()):
            pid = attached.machine_pid
            if pid < 0 or (pid and ended(pid, 0)):
                attached.leave()

    def sweep_if_full(self) -> None:
        """Before the network is said to be full."""
        if len(self.attached) >= min(PORTS, self.pool.most):
            self.sweep()

    def require_there(self) -> None:
        """Raise Gone where it has been removed, or its lab has ended."""
        self.world.require_open()
        if self.removed:
            raise Gone(f"the network {self.name} has been removed", hint=f'lab.network("{self.name}") makes a new one')

    def view(self, changed: str = "") -> NetworkView:
        """What the kernel says of it now, as data; `changed` names what a picture emphasizes."""
        self.require_there()
        pid = self.world.machine_pid
        rooms = tuple(filter(None, (self._room(attached) for attached in self.attached.values())))
        host = Room("lab host", proc.namespace(pid, "net") or 0, tuple(list_links(self.world, pid)))
        doors = (each.wanted for each in self._ports if each.is_open and IPv4Address(each.wanted.target) in self.subnet)
        shown = tuple(Door(each.address, each.port, each.protocol, each.target, each.target_port) for each in doors)
        learned = tuple(list_learned(self.world, self.bridge))
        return NetworkView(self.name, str(self.subnet), self.interface, host, rooms, learned, shown, changed)

    def _room(self, attached: Attached) -> Room | None:
        """The network namespace of one container; None where it has ended."""
        try:
            pid = attached.machine_pid
            links = tuple(list_links(self.world, pid))
            return Room(attached.shown_name, proc.namespace(pid, "net") or 0, links)
        except (Gone, ProcessLookupError, CallError):
            return None

    # --- live changes
    def attached_of(self, box: Joinable) -> Attached:
        """A container's end of this network. Raises BadInput where it has none."""
        pid = machine_pid_of(box)
        found = next((attached for attached in self.attached.values() if attached.machine_pid == pid), None)
        if found is None:
            raise BadInput(f"{short_repr(box)} is not at the network {self.name}", hint="network.connect(...)")
        return found

    @uninterrupted()
    def connect(self, box: Joinable, *, address: str | None = None, names: Iterable[str] = ()) -> NetworkEnd:
        """Connect a container that lives already, as one more interface. Raises BadInput for one without a network
        namespace of its own, or one that is connected already."""
        pid = machine_pid_of(box)
        if pid not in self.world.processes() | {self.world.machine_pid}:
            raise BadInput(f"{short_repr(box)} belongs to another lab", hint=f"the network {self.name} is its lab's")
        if any(attached.machine_pid == pid for attached in self.attached.values()):
            raise BadInput(f"{short_repr(box)} is at the network {self.name} already", hint="network.disconnect(...)")
        if proc.namespace(pid, "net") == proc.namespace(self.world.machine_pid, "net"):
            raise BadInput(f"{short_repr(box)} has no network namespace of its own", hint='apply NewNamespace("net")')
        there = [link.index - INDEX for link in list_links(self.world, pid) if link.index >= INDEX]
        end = self.end(address, names or name_of_container(box), interface=max(there, default=-1) + 1)
        attached = self.attach(end, box)
        try:
            self._connect(attached, pid)
        except BaseException:
            attached.leave()
            raise
        box.held.append(attached)
        return end

    def _connect(self, attached: Attached, pid: int) -> None:
        there = proc.nspid(pid)[len(self.world.launcher.pids) - 1]
        for step in self.steps(attached.end):
            calls = step.calls()
            if calls[0].outside:
                self._ask(calls, there)
            else:
                carry_inside(self.world, there, calls)

    @uninterrupted()
    def disconnect(self, box: Joinable) -> None:
        """Take a container off the network: both ends of its cable are removed."""
        attached = self.attached_of(box)
        self._ask(netlink.request(netlink.delete_link(attached.end.port)))
        attached.leave()
        box.held.remove(attached)

    def cut(self, box: Joinable) -> None:
        """Cut a container's cable: the lab's end goes down, and the interface inside has no carrier."""
        self._ask(netlink.request(netlink.set_link(self.attached_of(box).end.port, up=False)))

    def mend(self, box: Joinable) -> None:
        """Mend a cable that was cut."""
        self._ask(netlink.request(netlink.set_link(self.attached_of(box).end.port, up=True)))

    def lose(self, box: Joinable, percent: float) -> None:
        """Lose so many of a hundred packets that go to a container; 0 ends it. Raises Unsupported without nft."""
        self._lose(self.attached_of(box).end.port, percent)

    def _lose(self, port: int, percent: float) -> None:
        apply_rules(self._host, loss_rules(port, percent))
        (self._losing.add if percent else self._losing.discard)(port)

    def _ask(self, calls: Sequence[Call], pid: int | None = None) -> list[Answer]:
        answers = self.world.outside([call.from_outside() for call in calls], pid)
        if answers[-1].failed:
            raise answers[-1].error(answers)
        return answers

    def __repr__(self) -> str:
        gone = ", removed" if self.removed else ""
        return f"Network({self.name!r}, {self.subnet}, {len(self.attached)} containers{gone})"


def mac_of(address: IPv4Address) -> str:
    """The hardware address that follows from an IPv4 address: 02:42 before its four bytes."""
    return "02:42:" + address.packed.hex(":")


def machine_pid_of(box: Joinable) -> int:
    """The number of a container's process. Raises BadInput for what is none."""
    pid = getattr(box, "machine_pid", None)
    if not isinstance(pid, int):
        raise BadInput(f"{short_repr(box)} is no container", hint='lab.container("web"), or lab.start([...])')
    return pid


def name_of_container(box: Joinable) -> tuple[str, ...]:
    """The name of a container, if it has one."""
    name = getattr(box, "name", "")
    return (name,) if name else ()


def carry_inside(world: OuterWorld, pid: int, calls: Sequence[Call]) -> list[Answer]:
    """Make calls in the network namespace of a process of the lab, by a child of the launcher that enters it.

    `pid` is the process's number as the launcher sees it. Raises CallError as the kernel says.
    """
    with world.reaper.lock:
        _, visitor = world.launcher.fork()
        try:
            entered = [pidfd_open(pid), setns(Ref("pidfd"), CLONE_NEWNET)]
            answers = visitor.ask([*entered, *calls])
        finally:
            visitor.close()
            visitor.wait(world.launcher)
    if answers[-1].failed:
        raise answers[-1].error(answers)
    return answers
