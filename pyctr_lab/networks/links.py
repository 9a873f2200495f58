"""What the kernel says of a network namespace: interfaces, addresses, routes, neighbours. See rtnetlink(7)."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Iterator

from ..errors import LabError
from ..kernel import netlink
from ..kernel.constants import AF_BRIDGE, AF_NETLINK, SOCK_RAW
from ..kernel.netlink import Received
from ..runtime.outer_world import OuterWorld
from ..runtime.sockets import fetch_socket_of
from .view import Learned, Link

IFF_UP, IFF_LOWER_UP, IFF_LOOPBACK = 1, 1 << 16, 8
NTF_SELF, NUD_PERMANENT, NUD_REACHABLE = 2, 0x80, 0x02
DONE, ERROR = 3, 2
TICKS = 100  # a second: USER_HZ, in which the kernel says ages
SECONDS = 10  # for the kernel's answer


def dump(world: OuterWorld, machine_pid: int, subject: str, family: int = 0) -> list[Received]:
    """All "links", "addresses", "routes" or "neighbours" of a process's network namespace, as the kernel lists them."""
    with fetch_socket_of(world, machine_pid, AF_NETLINK, SOCK_RAW) as kernel:
        kernel.settimeout(SECONDS)
        (request,) = netlink.list_all(subject, family).pieces()
        kernel.send(request)  # type: ignore[arg-type]
        return list(_answers(kernel))


def _answers(kernel: socket.socket) -> Iterator[Received]:
    while True:
        for message in netlink.received(kernel.recv(1 << 17)):
            if message.type == DONE:
                return
            yield refuse_error(message)


def decode_answer(answer: bytes) -> list[Received]:
    """The messages of one answer to a request for a list."""
    return [refuse_error(message) for message in netlink.received(answer) if message.type != DONE]


def refuse_error(message: Received) -> Received:
    """A message that is no error. Raises LabError for one that is."""
    if message.type == ERROR:
        raise LabError("the kernel refuses to list its interfaces")
    return message


def list_links(world: OuterWorld, machine_pid: int) -> list[Link]:
    """The interfaces of a process's network namespace, with their addresses."""
    addressed = dump(world, machine_pid, "addresses")
    return links_of(dump(world, machine_pid, "links"), addressed)


def links_of(dumped: Iterable[Received], addressed: Iterable[Received]) -> list[Link]:
    """Interfaces, from the messages about them and about their addresses."""
    addresses: dict[int, list[str]] = {}
    for each in addressed:
        text = str(each.attributes.get("IFA_LOCAL") or each.attributes.get("IFA_ADDRESS"))
        addresses.setdefault(each.fields["ifa_index"], []).append(f"{text}/{each.fields['ifa_prefixlen']}")
    links = [each for each in dumped if each.fields.get("ifi_index")]
    names = {each.fields["ifi_index"]: str(each.attributes.get("IFLA_IFNAME", "")) for each in links}
    return [_link(each, names, tuple(addresses.get(each.fields["ifi_index"], ()))) for each in links]


def _link(each: Received, names: dict[int, str], addresses: tuple[str, ...]) -> Link:
    flags, found = each.fields["ifi_flags"], each.attributes
    info = found.get("IFLA_LINKINFO")
    kind = str(info.get("IFLA_INFO_KIND", "")) if isinstance(info, dict) else ""
    peer, master, mtu, counted = (found.get(f"IFLA_{name}", 0) for name in ("LINK", "MASTER", "MTU", "STATS64"))
    packets = sum(struct.unpack_from("=2Q", counted)) if isinstance(counted, bytes) and len(counted) >= 16 else 0
    return Link(
        name=str(found.get("IFLA_IFNAME", "")), index=each.fields["ifi_index"],
        kind="loopback" if flags & IFF_LOOPBACK else kind or "other",
        peer=peer if isinstance(peer, int) else 0, master=names.get(master, "") if isinstance(master, int) else "",
        up=bool(flags & IFF_UP), carrier=bool(flags & IFF_LOWER_UP), mac=str(found.get("IFLA_ADDRESS", "")),
        mtu=mtu if isinstance(mtu, int) else 0, addresses=addresses, packets=packets,
    )  # fmt: skip


def list_learned(world: OuterWorld, bridge: int) -> list[Learned]:
    """A bridge's table of addresses: what it learned from packets, not its own and not permanent entries."""
    links = {each.index: each.name for each in list_links(world, world.machine_pid)}
    found = []
    for each in dump(world, world.machine_pid, "neighbours", AF_BRIDGE):
        permanent = each.fields["ndm_state"] & NUD_PERMANENT or each.fields["ndm_flags"] & NTF_SELF
        if each.attributes.get("NDA_MASTER") == bridge and not permanent:
            cache = each.attributes.get("NDA_CACHEINFO")
            age = struct.unpack_from("=3I", cache)[2] / TICKS if isinstance(cache, bytes) and len(cache) >= 12 else 0.0
            port = links.get(each.fields["ndm_ifindex"], "")
            found.append(Learned(str(each.attributes.get("NDA_LLADDR", "")), port, age))
    return found
