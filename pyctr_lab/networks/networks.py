"""The networks of a lab, by their names, and recipes of containers at one."""

from __future__ import annotations

import re
import weakref
from collections.abc import Iterable, Iterator
from typing import Any

from ..errors import BadInput
from ..interrupts import uninterrupted
from ..kernel.checks import check_kind, check_text, short_repr
from ..kernel.netlink import check_mtu
from ..runtime import Lab
from ..runtime.outer_world import OuterWorld
from ..runtime.resources import KEEPERS, Held
from ..steps import (
    Environment,
    LoopbackUp,
    NetworkEnd,
    NewNamespace,
    PivotRoot,
    ReadOnlyRoot,
    Recipe,
    SetHostname,
    Step,
)
from ..steps.network import bridge_name
from .network import Network, NetworkSettings
from .ports import OpenPort, Published, PublishedPort, address_of, published_ports
from .subnets import check_subnet, free_subnet, refuse_overlap

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}")
MOST = 200  # networks of a lab
_of_world: weakref.WeakKeyDictionary[OuterWorld, weakref.ref[Networks]] = weakref.WeakKeyDictionary()


class Networks:
    """The networks of one lab."""

    def __init__(self, lab: Lab) -> None:
        self._lab, self.world = lab, lab.world
        self._there: dict[str, Network] = {}
        self.ports: weakref.WeakSet[OpenPort] = weakref.WeakSet()  # open ones; of all networks
        _of_world[lab.world] = weakref.ref(self)

    def __getitem__(self, name: str) -> Network:
        if name not in self._there or self._there[name].removed:
            names = ", ".join(network.name for network in self) or "none yet"
            raise BadInput(
                f"there is no network {short_repr(name)}", hint=f'lab.network("web") makes one; here: {names}'
            )
        return self._there[name]

    def __iter__(self) -> Iterator[Network]:
        return (network for network in self._there.values() if not network.removed)

    def __len__(self) -> int:
        return len(list(iter(self)))

    @uninterrupted()
    def make(
        self, name: str, *, subnet: str | None = None, ipv6: bool = False, mtu: int = 1500, isolated: bool = False,
        bare: bool = False, internet: bool = False,
    ) -> Network:  # fmt: skip
        """A network. One that has this name already is removed first; Busy where a container is at it."""
        if not NAME.fullmatch(check_text(name, "a network's name")):
            raise BadInput(f"{short_repr(name)} is no name for a network", hint="up to 63 letters, digits, _ . and -")
        check_mtu(mtu)
        self.world.require_open()
        if any(network.name == name for network in self):
            self.remove(name)
        for other in self:
            if other.interface == bridge_name(name):
                raise BadInput(f"{short_repr(name)} and {other.name} would both have the bridge {other.interface}",
                               hint="names that differ in their first 12 letters")  # fmt: skip
        taken = {network.name: network.subnet for network in self}
        if subnet is None:
            chosen = free_subnet(taken.values())
        else:
            refuse_overlap(chosen := check_subnet(subnet), taken)
        settings = NetworkSettings(chosen, ipv6, mtu, isolated, bare, internet)
        for flag in ("ipv6", "isolated", "bare", "internet"):
            check_kind(getattr(settings, flag), bool, flag)
        if bare and internet:
            raise BadInput("a bare network has no address, and so no way out", hint="leave one of both out")
        made = Network(self._lab.host, name, self._number(), settings, self.ports)
        made.make()
        self._there[name] = made
        return made

    def _number(self) -> int:
        used = {network.number for network in self}
        if len(used) >= MOST:
            raise BadInput(f"a lab has at most {MOST} networks", hint="remove some")
        return next(number for number in range(MOST) if number not in used)

    def remove(self, name: str) -> None:
        """Remove a network. Raises Busy while a container is at it."""
        self[name].remove()
        del self._there[name]

    def end_programs(self) -> None:
        """End name servers, relays and ways out, when the lab is closed."""
        for network in self:
            network.end_programs()
        for port in list(self.ports):
            port.leave()

    def find(self, network: Network | str) -> Network:
        """A network, itself or by its name. Raises BadInput."""
        found = self[network] if isinstance(network, str) else check_kind(network, Network, "a network")
        if found.world is not self.world:
            raise BadInput(
                f"{short_repr(network)} belongs to another lab", hint="lab.network(...) makes one in this lab"
            )
        found.require_there()
        return found

    def recipe(
        self, base: Recipe, network: Network | str, *, address: str | None = None, aliases: Iterable[str] = (),
        publish: Published | None = None,
    ) -> Recipe:  # fmt: skip
        """A recipe for one container at a network. Raises BadInput for one without a network namespace of its own."""
        found = self.find(network)
        if not any(isinstance(step, NewNamespace) and step.kind == "net" for step in base):
            raise BadInput(
                "a recipe without a network namespace has no interface of its own", hint='NewNamespace("net")'
            )
        hostname = next((step.name for step in base if isinstance(step, SetHostname)), None)
        end = found.end(address, (*([hostname] if hostname else []), *aliases))
        published = published_ports(publish, address_of(end.addresses[0])) if publish else []
        steps = list(networked(base, [*found.steps(end), *published], found))
        if found.way_out is not None:
            steps.append(Environment({**base.environment, **found.way_out.environment}))
        return Recipe(steps, shared=base.shared)


def networked(base: Recipe, steps: list[Step], network: Network) -> Iterator[Step]:
    """The steps, with a network's behind the loopback, and its name server named before the root is closed."""
    resolver = network.resolver()
    left = list(steps)
    last_own = max((place for place, step in enumerate(base) if isinstance(step, LoopbackUp | NewNamespace)), default=0)
    for place, step in enumerate(base):
        if resolver is not None and isinstance(step, ReadOnlyRoot | PivotRoot):
            yield resolver
            resolver = None
        yield step
        if place == last_own:
            yield from left


class EndKeeper:
    """How a container's end of a network is made."""

    def refuse_harm(self, world: OuterWorld, resource: NetworkEnd, pid: int) -> None:
        """Nothing of the lab's is changed but a port of the bridge."""

    def adopt(self, world: OuterWorld, resource: NetworkEnd, holder: Any) -> Held:
        """Take the address, and tell the names, before the container starts."""
        if not resource.network:
            return NoEnd()
        found = _of_world.get(world)
        networks = found() if found is not None else None
        if networks is None:
            raise BadInput(f"this lab has no network {resource.network}", hint=f'lab.network("{resource.network}")')
        return networks[resource.network].attach(resource, holder)

    def made(self, world: OuterWorld, answers: object) -> None:
        """Nothing is left to do."""


class PortKeeper:
    """How published ports are made."""

    def refuse_harm(self, world: OuterWorld, resource: PublishedPort, pid: int) -> None:
        """Nothing of the lab's is changed."""

    def adopt(self, world: OuterWorld, resource: PublishedPort, holder: Any) -> OpenPort:
        """Open the port before the container starts: one that is taken is said first."""
        made = OpenPort(world, resource)
        if holder.machine_pid:
            made.close_with(holder.machine_pid)
        else:
            holder.on_start.append(made.close_with)
        found = _of_world.get(world)
        if found is not None and (networks := found()) is not None:
            networks.ports.add(made)
        return made

    def made(self, world: OuterWorld, answers: object) -> None:
        """Nothing is left to do."""


class NoEnd:
    """Of a cable that leads to no network, but to the lab's host: it goes with the container's namespace."""

    def leave(self) -> None:
        """Nothing is to be given back."""

    remove = leave


KEEPERS[NetworkEnd] = EndKeeper()
KEEPERS[PublishedPort] = PortKeeper()
