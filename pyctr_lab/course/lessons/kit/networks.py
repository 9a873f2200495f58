"""Networks as ground of an exercise: cables between containers, servers that say a mark, and what takes them away."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING, Any

from .... import BadInput, Lab, LabError, Unsupported, steps
from ....errors import Busy
from ....kernel import netlink, proc
from ....networks import published_ports
from ....networks.rules import FOLDERS
from ...grading import Ground, KernelView
from . import fingerprint_of

if TYPE_CHECKING:
    from ....networks import Network
    from ....runtime import Container, Program

NFT = shutil.which("nft", path=FOLDERS)
FIRST = 10  # the index of a container's first interface, eth0; eth1 has the next
WEB = 80
LOOPBACK, ANY = "127.0.0.1", "0.0.0.0"
PORTS = range(20_000, 30_000)  # below the range of outgoing connections

#: Reads a port and a mark; answers each connection with the mark, and keeps it until the other side ends it.
SERVER = """
import os, socket, threading
def serve(taken):
    with taken:
        taken.sendall(said)
        while taken.recv(4096):
            pass
port, mark = os.read(0, 4096).split(b" ", 1)
said = b"HTTP/1.0 200 OK\\r\\nContent-Type: text/plain\\r\\nContent-Length: %d\\r\\n\\r\\n%s" % (len(mark), mark)
listening = socket.create_server(("", int(port)))
os.write(0, b"ready")
while True:
    threading.Thread(target=serve, args=listening.accept()[:1], daemon=True).start()
"""


def without_nft() -> str:
    """Why rules of nftables cannot be had here; empty where they can."""
    if NFT:
        return ""
    return str(Unsupported("it needs nft, which is not installed", hint="./lab packages network"))


# --- made for a ground
def add_apart(ground: Ground, name: str) -> Container:
    """A container with a network namespace of its own, in which the loopback is up."""
    box = ground.add(name)
    box.apply(steps.NewNamespace("net"))
    box.apply(steps.LoopbackUp())
    return box


def lay_cable(one: Container, other: Container, *, index: int = FIRST, other_index: int = FIRST) -> None:
    """A veth pair between two containers; both ends are down and have no address."""
    peer = {"index": other_index, **netlink.link_attributes(name=_eth(other_index), pid=other.pid)}
    one.carry(netlink.request(netlink.new_link(_eth(index), "veth", index=index, peer=peer)))


def _eth(index: int) -> str:
    return f"eth{index - FIRST}"


def switch_on(box: Container, address: str, *, index: int = FIRST) -> None:
    """Give an interface of a container an address, and set it up."""
    box.apply(steps.Address(address, index))
    box.apply(steps.LinkUp(index))


def begin_server(ground: Ground, box: Container, mark: str, port: int = WEB) -> Program:
    """A server at a port of a container that answers with a mark: it listens when this returns."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            ours.sendall(f"{port} {mark}".encode())
            program = box.start(["python3", "-I", "-S", "-c", SERVER], stdin=theirs.fileno())
        ground.programs[f"server of {box.name}"] = program
        ours.settimeout(60)
        if ours.recv(16) != b"ready":
            raise LabError(f"the server of {box.name} could not begin")
    return program


def network_of(ground: Ground, name: str, subnet: str) -> Network:
    """A network of the exercise's own. What a start that failed has left at it goes. Raises BadInput."""
    lab = lab_of(ground)
    for network in [each for each in lab.networks if each.name == name]:
        for attached in [*network.attached.values()]:
            with suppress(LabError, OSError):
                network.disconnect(attached.holder)
    return lab.network(name, subnet=subnet)


def lab_of(ground: Ground) -> Lab:
    """The lab of a ground, with its networks. Raises BadInput for a lab that has none."""
    if not isinstance(ground.lab, Lab):
        raise BadInput("this lab has no networks", hint="from pyctr_lab import Lab; lab = Lab()")
    return ground.lab


def remove_network(ground: Ground, name: str) -> None:
    """End the containers of a ground, and remove its network; one that a learner's containers use stays.

    The cables are removed first: with a network namespace alone they go some time after it.
    """
    networks = lab_of(ground).networks
    for box in ground.boxes.values():
        with suppress(LabError, OSError):
            networks[name].disconnect(box)
    ground.end()
    with suppress(BadInput, Busy):
        networks.remove(name)


def remove_links(ground: Ground, indexes: list[int]) -> None:
    """Remove interfaces of the lab by their indexes: both ends of a cable go."""
    for index in indexes:
        with suppress(OSError):  # it is gone already
            ground.lab.host.carry(netlink.request(netlink.delete_link(index)))


def rules_of(box: Container, batch: str) -> None:
    """Have nft apply a batch in a container's network namespace. Raises LabError."""
    done = box.run([NFT or "nft", "-f", "-"], stdin=batch)
    if done.returncode:
        raise LabError(f"nft refused the rules: {done.stderr.strip()[:200]}")


# --- ports of this machine
def free_ports() -> Iterator[int]:
    """Ports of this machine at which nothing listens now; another notebook draws others."""
    return (port for port in Random(os.getpid()).sample(PORTS, len(PORTS)) if is_free_port(port))


def is_free_port(port: int) -> bool:
    """Whether a socket can be bound to a port at all addresses."""
    with socket.socket() as trial, suppress(OSError):
        trial.bind((ANY, port))
        return True
    return False


def publish_at(box: Container, port: int | str, address: str) -> None:
    """Publish what is at port 80 of an address, for as long as a container lives. Raises Busy."""
    (step,) = published_ports({port: WEB}, address)
    box.apply(step)


def publish_somewhere(box: Container, address: str) -> int:
    """Publish it at a port that is free, and return that."""
    for port in free_ports():
        with suppress(Busy):  # another program was quicker
            publish_at(box, port, address)
            return port
    raise LabError("no port of this machine is free")


# --- read by a check
def in_own_networks(view: KernelView, *names: str) -> bool:
    """Whether each of these containers has a network namespace that neither another of them nor the host has."""
    inodes = [view.namespace(name, "net") for name in ("host", *names)]
    return len(set(inodes)) == len(inodes)


def rooms(view: KernelView) -> str:
    """A fingerprint of where the containers of a ground and their servers are, and the host."""
    own = [name for name in sorted(view.boxes) if name.rpartition(" ")[2] in view.values["names"]]
    return fingerprint_of(f"{name} {view.namespace(name, 'net')}" for name in ("host", *own))


def hosts_entry(view: KernelView, name: str, host: str) -> str:
    """The address that a container's /etc/hosts has for a name; empty for none."""
    with suppress(OSError):
        for line in proc.text_of(view.pid(name), "root/etc/hosts").splitlines():
            words = line.partition("#")[0].split()
            if host in words[1:]:
                return words[0]
    return ""


def interfaces_in_words(found: Any) -> str:
    """What an interface list has, in words: `eth0 up 10.1.0.2/24`; "nothing but lo" for an empty one."""
    shown = [f"{each.name} {'up' if each.up else 'down'}{'' if each.carrier or not each.up else ' without carrier'}"
             f" {', '.join(each.addresses) or 'without address'}" for each in found if not each.loopback]  # fmt: skip
    return "; ".join(shown) or "nothing but lo"
