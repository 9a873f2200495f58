"""The networks of labs that run in other processes, as the kernel shows them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, ip_interface
from pathlib import Path
from typing import Any

from ..errors import Gone
from ..kernel import netlink
from ..runtime.job import run_as_root
from ..runtime.running import RunningLab, process_words, running_labs
from ..runtime.service import ALL_KINDS
from ..steps.network import bridge_name
from .links import decode_answer, links_of
from .ports import PROGRAM
from .view import Link

SURVEY = "pyctr_lab.networks.programs.survey:survey"
SUBJECTS = ("addresses", "links")


@dataclass(frozen=True)
class RunningEnd:
    """A container's end of a network: its host name, and its interface."""

    hostname: str
    link: Link


@dataclass(frozen=True)
class RunningNetwork:
    """A network of a lab that runs: its bridge, the containers at it, and their published ports as text."""

    lab: RunningLab
    bridge: Link
    ends: tuple[RunningEnd, ...]
    ports: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its name, cut to what fits into the name of its bridge."""
        return self.bridge.name.removeprefix(bridge_name(""))

    @property
    def router(self) -> IPv4Interface | None:
        """The bridge's IPv4 address; None for a bare network."""
        found = (ip_interface(each) for each in self.bridge.addresses)
        return next((each for each in found if isinstance(each, IPv4Interface)), None)

    def is_named(self, name: str) -> bool:
        """Whether this is its name. A bridge's name has room for 12 letters of it."""
        return bridge_name(name) == self.bridge.name


def running_networks() -> list[RunningNetwork]:
    """The networks of all labs of this user that run now, the oldest lab first."""
    return [network for lab in running_labs() for network in networks_of(lab)]


def networks_of(lab: RunningLab) -> list[RunningNetwork]:
    """The networks of one lab; none where it ends meanwhile."""
    try:
        rows = list(run_as_root(lab, SURVEY, kinds=ALL_KINDS, requests=dict(_requests())))
    except (Gone, FileNotFoundError):
        return []
    host, *others = ((row["hostname"], _links(row)) for row in rows)
    bridges = [link for link in host[1] if link.kind == "bridge"]
    ports = published_by(lab)
    return [_network(lab, bridge, host[1], others, ports) for bridge in bridges]


def _requests() -> Iterator[tuple[str, str]]:
    for subject in SUBJECTS:
        (request,) = netlink.list_all(subject).pieces()
        assert isinstance(request, bytes)
        yield subject, request.hex()


def _links(row: dict[str, Any]) -> list[Link]:
    addresses, links = (
        [one for raw in row[subject] for one in decode_answer(bytes.fromhex(raw))] for subject in SUBJECTS
    )
    return links_of(links, addresses)


def _network(
    lab: RunningLab, bridge: Link, host: list[Link], others: list[tuple[str, list[Link]]], ports: list[str]
) -> RunningNetwork:
    plugged = {link.index for link in host if link.master == bridge.name}
    ends = tuple(RunningEnd(name, link) for name, links in others for link in links if link.peer in plugged)
    inside = {address.partition("/")[0] for end in ends for address in end.link.addresses}
    return RunningNetwork(lab, bridge, ends, tuple(each for each in ports if _target(each) in inside))


def published_by(lab: RunningLab) -> list[str]:
    """The published ports of a lab: each relay has its own as the last word of its command line, for ps(1) too."""
    found = []
    for each in Path("/proc").iterdir():
        words = process_words(int(each.name)) if each.name.isdigit() else []
        if PROGRAM in words and str(lab.machine_pid) in words:
            found.append(words[-1])
    return sorted(set(found))


def _target(port: str) -> str:
    """The container's address, of `127.0.0.1:8080 -> 10.88.0.2:80/tcp`."""
    address = port.partition(" -> ")[2].partition(":")[0]
    return str(IPv4Address(address)) if address else ""
