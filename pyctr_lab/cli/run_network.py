"""The options of `run` for a network, named as Docker's: the network is made for this run, and ends with it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from ipaddress import AddressValueError, IPv4Address, IPv4Network

from ..errors import BadInput
from ..kernel.checks import short_repr
from ..lab import Lab
from ..networks.ports import LOOPBACK, PROTOCOLS, Publish
from ..steps import Address, Recipe, Resolver, Step, Veth
from ..steps.network import NetworkEnd

DEFAULT = "bridge"  # Docker's name for the network of a container that names none
FORM = "[ADDRESS:]PORT:CONTAINER_PORT[/udp]"
REFUSED = {
    "host": "a lab has no power over this machine's network",
    "container": "the networks of other runs are not this run's",
}


def check_network_words(words: argparse.Namespace) -> None:
    """Raise BadInput for options that contradict each other, before anything is made."""
    named, chosen = words.network, network_name(words)
    kind = (named or "").partition(":")[0]
    if kind in REFUSED:
        hint = "--network NAME makes one for this run, with none it has its own loopback"
        raise BadInput(f"--network {short_repr(named)} is not here: {REFUSED[kind]}", hint=hint)
    if not chosen and asks_for_network(words):
        raise BadInput("--network none has no address and no port to publish", hint="--network NAME makes a network")
    if words.ip is not None:
        check_ipv4(words.ip)
    for server in words.dns:
        check_ipv4(server)
    published(words.publish)


def network_name(words: argparse.Namespace) -> str:
    """The name of the run's network; empty for none. As in Docker, an option that needs one has a network made."""
    if words.network is None:
        return DEFAULT if asks_for_network(words) else ""
    return "" if words.network == "none" else str(words.network)


def asks_for_network(words: argparse.Namespace) -> bool:
    """Whether an option makes sense with a network only."""
    return bool(words.publish or words.network_alias or words.ip or words.dns)


def check_ipv4(text: str) -> IPv4Address:
    """An IPv4 address. Raises BadInput."""
    try:
        return IPv4Address(text)
    except AddressValueError:
        raise BadInput(f"{short_repr(text)} is no IPv4 address", hint="such as 10.88.0.7") from None


def published(words: Sequence[str]) -> dict[int | str, int]:
    """What each -p publishes, as `Lab.run` takes it. Raises BadInput."""
    found: dict[int | str, int] = {}
    for word in words:
        place, inside = publish_words(word)
        if place in found:
            raise BadInput(f"-p {short_repr(word)}: this port is published twice", hint="each port leads to one place")
        found[place] = inside
    return found


def publish_words(word: str) -> tuple[str, int]:
    """ADDRESS:PORT/PROTOCOL of this machine, and the container's port, of one -p."""
    ports, _, protocol = word.partition("/")
    *address, outside, inside = ports.rsplit(":", 2) if ":" in ports else ("", ports)
    if not outside:
        hint = f"{FORM}: 8080:{inside if is_port(inside) else 80}"
        raise BadInput(f"-p {short_repr(word)}: no port of this machine is chosen at random", hint=hint)
    if "-" in ports:
        raise BadInput(f"-p {short_repr(word)}: ranges of ports are not here", hint="-p once for each port")
    if not (is_port(outside) and is_port(inside)) or (protocol or "tcp") not in PROTOCOLS:
        raise BadInput(f"-p {short_repr(word)} publishes nothing", hint=f"write {FORM}: 8080:80")
    return f"{check_ipv4(address[0]) if address else LOOPBACK}:{outside}/{protocol or 'tcp'}", int(inside)


def is_port(text: str) -> bool:
    """Whether it is the number of a port."""
    return text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= 65535


def with_network(lab: Lab, recipe: Recipe, words: argparse.Namespace) -> Recipe:
    """The recipe at a network that is made for this run, or as it is."""
    name = network_name(words)
    if not name:
        return recipe
    subnet = str(IPv4Network((words.ip, 24), strict=False)) if words.ip is not None else None
    network = lab.network(name, subnet=subnet)
    aliases = [*([words.name] if words.name != words.hostname else []), *words.network_alias]
    made = lab.networks.recipe(
        recipe, network, address=words.ip, aliases=aliases, publish=published(words.publish) or None
    )
    return Recipe(with_servers(made, words.dns), shared=made.shared) if words.dns else made


def with_servers(steps: Recipe, servers: Sequence[str]) -> Iterator[Step]:
    """The steps, with these name servers in place of the network's own."""
    for step in steps:
        yield Resolver(tuple(servers)) if isinstance(step, Resolver) else step


def beside(lab: Lab, recipe: Recipe) -> Recipe:
    """The recipe for one more container at the same network: with another address, and no published port."""
    old = next((step.end for step in recipe if isinstance(step, Veth)), None)
    if old is None:
        return recipe
    new = lab.networks[old.network].end()
    return Recipe(
        (at_other_end(step, old, new) for step in recipe if not isinstance(step, Publish)), shared=recipe.shared
    )


def at_other_end(step: Step, old: NetworkEnd, new: NetworkEnd) -> Step:
    """A step, for another end of the network."""
    match step:
        case Veth():
            return Veth(new)
        case Address(address, index) if address in old.addresses:
            return Address(new.addresses[old.addresses.index(address)], index)
    return step
