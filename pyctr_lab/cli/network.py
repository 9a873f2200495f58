"""`pyctr-lab network`: networks of labs that run now, in Docker's words. They end with their labs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

from ..errors import BadInput
from ..kernel.checks import short_repr
from ..networks.running import RunningEnd, RunningNetwork, running_networks
from .image import print_table


def network_words(made: argparse.ArgumentParser, run: Callable[[argparse.Namespace], int]) -> None:
    """The words of `network`."""
    added = made.add_subparsers(title="words", metavar="WORD", required=True)
    for name, function, about in (
        ("ls", list_networks, "list networks; LAB is the process that opened the lab: `run`, or a notebook's"),
        ("inspect", inspect_networks, "what networks are, as JSON: subnet, containers, published ports"),
    ):
        word = added.add_parser(name, help=about, description=about)
        word.set_defaults(command=run, network=function, parser=word)
        if function is inspect_networks:
            word.add_argument("names", nargs="+", metavar="NAME")


def network_command(words: argparse.Namespace) -> int:
    """Run one word of `network`."""
    return int(words.network(words))


def list_networks(_: argparse.Namespace) -> int:
    """A line a network."""
    rows = [
        (each.name, "bridge", subnet_of(each), len(each.ends), ", ".join(each.ports) or "-", each.lab.owner)
        for each in running_networks()
    ]
    return print_table(("NAME", "DRIVER", "SUBNET", "CONTAINERS", "PORTS", "LAB"), rows)


def subnet_of(network: RunningNetwork) -> str:
    """Its IPv4 subnet; `-` for a bare network."""
    return str(network.router.network) if network.router else "-"


def inspect_networks(words: argparse.Namespace) -> int:
    """Print a list, as Docker does. Several labs may have networks of one name."""
    there = running_networks()
    found = [each for name in words.names for each in networks_named(there, name)]
    print(json.dumps([inspected(each) for each in found], indent=2))
    return 0


def networks_named(there: list[RunningNetwork], name: str) -> list[RunningNetwork]:
    """The networks with a name. Raises BadInput where there is none."""
    found = [each for each in there if each.is_named(name)]
    if not found:
        names = ", ".join(sorted({each.name for each in there})) or "none"
        hint = f"a network ends with its lab; here: {names}"
        raise BadInput(f"no lab of yours that runs has a network {short_repr(name)}", hint=hint)
    return found


def inspected(network: RunningNetwork) -> dict[str, Any]:
    """A network in the words of `docker network inspect`, with the ports of all its containers and its lab."""
    router = network.router
    config = [{"Subnet": str(router.network), "Gateway": str(router.ip)}] if router else []
    return {
        "Name": network.name,
        "Driver": "bridge",
        "Interface": network.bridge.name,
        "Lab": network.lab.owner,
        "IPAM": {"Config": config},
        "Containers": [container_words(each) for each in network.ends],
        "Ports": list(network.ports),
    }


def container_words(end: RunningEnd) -> dict[str, str]:
    """A container, by its host name."""
    four, six = ([each for each in end.link.addresses if (":" in each) == is_six] for is_six in (False, True))
    return {
        "Name": end.hostname,
        "Interface": end.link.name,
        "MacAddress": end.link.mac,
        "IPv4Address": "".join(four[:1]),
        "IPv6Address": "".join(each for each in six if not each.startswith("fe80"))[:43],
    }
