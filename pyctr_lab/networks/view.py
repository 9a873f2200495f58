"""A network as data, as netlink dumps tell it: what pictures and exercises read. Nothing here asks the kernel."""

from __future__ import annotations

from dataclasses import dataclass, fields

from ..kernel.checks import check_kind


@dataclass(frozen=True)
class _Facts:
    """Data whose fields are checked, each for the type of its annotation."""

    def __post_init__(self) -> None:
        for each in fields(self):
            value, what, kind = getattr(self, each.name), f"a {type(self).__name__}'s {each.name}", str(each.type)
            several = check_kind(value, tuple, what) if kind.startswith("tuple") else (value,)
            for item in several:
                check_kind(item, KINDS.get(kind, object), what)


@dataclass(frozen=True)
class Link(_Facts):
    """A network interface (RTM_GETLINK, `ip -d -s link`). `peer` is the ifindex of a veth's other end, 0: none.

    `up` is IFF_UP, an administrator's choice; `carrier` is IFF_LOWER_UP, whether the other end is up, too. `master` is
    the name of the bridge that it is a port of. `addresses` have their prefix length. `packets`: received and sent.
    """

    name: str
    index: int
    kind: str = "veth"
    peer: int = 0
    master: str = ""
    up: bool = True
    carrier: bool = True
    mac: str = ""
    mtu: int = 1500
    addresses: tuple[str, ...] = ()
    packets: int = 0


@dataclass(frozen=True)
class Room(_Facts):
    """A network namespace with its interfaces: the lab's, or a container's. `inode` is the namespace's number."""

    name: str
    inode: int
    links: tuple[Link, ...] = ()


@dataclass(frozen=True)
class Learned(_Facts):
    """An entry of a bridge's forwarding table that it learned from a packet; `age`: seconds since the newest one."""

    mac: str
    port: str
    age: float = 0.0


@dataclass(frozen=True)
class Door(_Facts):
    """A published port: a socket on the notebook's `address`, whose connections reach `target`, a container's address.

    `relay`: a program in the lab copies the bytes. Without one, the container's server holds the socket itself.
    """

    address: str
    port: int
    protocol: str = "tcp"
    target: str = ""
    target_port: int = 0
    relay: bool = True


@dataclass(frozen=True)
class NetworkView(_Facts):
    """A network at one moment. `rooms` are containers' namespaces; `host` is the lab's, with the bridge and its ports.

    `changed` names the one thing that a picture emphasizes: a container, a port of the bridge, a learned MAC address,
    or a published port ("8080").
    """

    name: str
    subnet: str
    bridge: str
    host: Room
    rooms: tuple[Room, ...] = ()
    learned: tuple[Learned, ...] = ()
    doors: tuple[Door, ...] = ()
    changed: str = ""


KINDS: dict[str, type | tuple[type, ...]] = {
    "str": str, "int": int, "float": (int, float), "bool": bool, "Room": Room, "tuple[str, ...]": str,
    "tuple[Link, ...]": Link, "tuple[Room, ...]": Room, "tuple[Learned, ...]": Learned, "tuple[Door, ...]": Door,
}  # fmt: skip
"""What a field, or each item of a tuple, may be, by its annotation."""
