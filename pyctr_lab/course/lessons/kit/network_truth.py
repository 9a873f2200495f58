"""What the kernel says of a ground's networks: interfaces, routes, rules, and connections that a check makes itself.

/proc does not have the peer of an interface, and a connection must be made where it is to be proved: a small process
enters the network namespace, makes sockets there, and hands them over. They stay in the namespace in which they were
made, whichever process has them.
"""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from errno import EACCES, ENOENT, EPERM, ESRCH
from itertools import count

from ....kernel import netlink, proc
from ....kernel.netlink import Received
from ...grading import KernelView, Unreadable, again

IFF_UP, IFF_LOOPBACK, IFF_LOWER_UP = 1, 8, 1 << 16
NETFILTER = 12  # the protocol of netlink that nft(8) speaks
RULE, RULES = 10 << 8 | 6, 10 << 8 | 7  # NFT_MSG_NEWRULE and NFT_MSG_GETRULE of NFNL_SUBSYS_NFTABLES
DONE, ERROR = 3, 2
MOST = 4096  # bytes of what a server says
PATIENCE = 1.5  # seconds for a connection: the kernel repeats a lost first packet after one
HEARING = 5  # seconds for the first words of a server that has taken it: a program, on a machine that may be busy
LISTENS, ESTABLISHED = "0A", "01"  # as /proc/net/tcp writes states

#: A socket that is to be made: domain, type, protocol.
Kind = tuple[int, int, int]
ROUTING: Kind = (socket.AF_NETLINK, socket.SOCK_RAW, 0)
FILTER: Kind = (socket.AF_NETLINK, socket.SOCK_RAW, NETFILTER)
TCP: Kind = (socket.AF_INET, socket.SOCK_STREAM, 0)

#: Enter the user namespace named first, if any; then each network namespace, make sockets there, and send all of them.
MAKE = """
import ctypes, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
def enter(fd, path):
    if libc.setns(fd, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)
try:
    paths = [word for word in sys.argv[1:] if word.startswith("/")]
    opened = {path: os.open(path, os.O_RDONLY) for path in paths}
    made = []
    for word in sys.argv[1:]:
        if word in opened:
            enter(opened[word], word)
        else:
            made.append(socket.socket(*map(int, word.split(","))))
    socket.send_fds(socket.socket(fileno=0), [b"."], [each.fileno() for each in made])
except OSError as why:
    print(f"{why.filename}: {why.strerror}")
    sys.exit(why.errno)
"""


@dataclass(frozen=True)
class InterfaceSeen:
    """An interface, from a netlink dump. `peer` is the index of a veth's other end; `carrier`: that is up, too."""

    name: str
    index: int
    peer: int
    master: int
    up: bool
    carrier: bool
    loopback: bool
    addresses: tuple[str, ...]


# --- sockets of another network namespace
@contextmanager
def sockets_in(view: KernelView, wanted: Mapping[str, Sequence[Kind]]) -> Iterator[dict[str, list[socket.socket]]]:
    """Sockets of these kinds, made in the network namespaces of containers (`host` is the lab's). Raises Unreadable."""
    outer = f"/proc/{view.host}/ns/user"
    words = [] if proc.namespace("self", "user") == proc.namespace(view.host, "user") else [outer]
    for name, kinds in wanted.items():
        words += [f"/proc/{view.pid(name)}/ns/net", *(",".join(map(str, kind)) for kind in kinds)]
    ours, theirs = socket.socketpair()
    with ours, ExitStack() as open_sockets:
        with theirs:
            command = [sys.executable, "-I", "-S", "-c", MAKE, *words]
            said = subprocess.run(command, stdin=theirs.fileno(), capture_output=True, text=True)
        if said.returncode:
            raise _unreadable(view, said)
        _, fds, _, _ = socket.recv_fds(ours, 1, sum(map(len, wanted.values())))
        made = (open_sockets.enter_context(socket.socket(fileno=fd)) for fd in fds)
        yield {name: [next(made) for _ in kinds] for name, kinds in wanted.items()}


def _unreadable(view: KernelView, said: subprocess.CompletedProcess[str]) -> Unreadable:
    if said.returncode in (ENOENT, ESRCH):
        return Unreadable("a process of its ground has ended", again(view.exercise))
    if said.returncode in (EPERM, EACCES):
        return Unreadable(f"this user may not look into it: {said.stdout.strip()}", again(view.exercise))
    return Unreadable(f"no socket can be made there: {(said.stdout or said.stderr).strip()[-200:]}",
                      again(view.exercise))  # fmt: skip


# --- what rtnetlink and nftables list
def netlink_dump(kernel: socket.socket, subject: str) -> list[Received]:
    """All "links", "addresses" or "routes" of the socket's namespace."""
    (request,) = netlink.list_all(subject, socket.AF_UNSPEC if subject == "links" else socket.AF_INET).pieces()
    assert isinstance(request, bytes)
    kernel.send(request)
    return [each for each in _messages(kernel) if each.type not in (DONE, ERROR)]


def _messages(kernel: socket.socket) -> Iterator[Received]:
    kernel.settimeout(10)
    while True:
        for message in netlink.received(kernel.recv(1 << 17)):
            yield message
            if message.type in (DONE, ERROR):
                return


def interfaces(view: KernelView, *names: str) -> dict[str, list[InterfaceSeen]]:
    """The interfaces of each of these containers, with their IPv4 addresses."""
    with sockets_in(view, {name: [ROUTING] for name in names}) as made:
        return {name: _interfaces(kernel) for name, (kernel,) in made.items()}


def _interfaces(kernel: socket.socket) -> list[InterfaceSeen]:
    addresses: dict[int, list[str]] = {}
    for each in netlink_dump(kernel, "addresses"):
        text = f"{each.attributes.get('IFA_LOCAL')!s}/{each.fields['ifa_prefixlen']}"
        addresses.setdefault(each.fields["ifa_index"], []).append(text)
    return [_interface(each, addresses) for each in netlink_dump(kernel, "links") if each.fields.get("ifi_index")]


def _interface(link: Received, addresses: Mapping[int, list[str]]) -> InterfaceSeen:
    flags, index, found = link.fields["ifi_flags"], link.fields["ifi_index"], link.attributes
    peer, master = (
        number if isinstance(number := found.get(name), int) else 0 for name in ("IFLA_LINK", "IFLA_MASTER")
    )
    return InterfaceSeen(
        str(found.get("IFLA_IFNAME", "")), index, peer, master, bool(flags & IFF_UP), bool(flags & IFF_LOWER_UP),
        bool(flags & IFF_LOOPBACK), tuple(addresses.get(index, ())),
    )  # fmt: skip


def gateways(view: KernelView, *names: str) -> dict[str, list[str]]:
    """The routers of each container's default routes."""
    with sockets_in(view, {name: [ROUTING] for name in names}) as made:
        return {name: [str(each.attributes["RTA_GATEWAY"]) for each in netlink_dump(kernel, "routes")
                       if not each.fields["rtm_dst_len"] and "RTA_GATEWAY" in each.attributes]
                for name, (kernel,) in made.items()}  # fmt: skip


def rules(view: KernelView, *names: str) -> dict[str, int]:
    """How many rules of nftables the network namespace of each container has."""
    with sockets_in(view, {name: [FILTER] for name in names}) as made:
        return {name: _rules(kernel) for name, (kernel,) in made.items()}


def _rules(kernel: socket.socket) -> int:
    kernel.send(struct.pack("=IHHIIBBH", 20, RULES, 0x301, 1, 0, socket.AF_UNSPEC, 0, 0))  # a request for a dump
    return sum(each.type == RULE for each in _messages(kernel))


# --- connections
@dataclass(frozen=True)
class Heard:
    """What a connection brought: the server's words, or why there is none."""

    text: str = ""
    why: str = ""

    def __str__(self) -> str:
        return self.why or ("was answered" if self.text else "was taken, and nothing was said")


def heard_by(
    client: socket.socket, address: str, port: int, seconds: float = PATIENCE, *, hearing: float = HEARING
) -> Heard:
    """Connect a socket, and read what the server says first, within `hearing` seconds."""
    client.settimeout(seconds)
    try:
        client.connect((address, port))
        client.settimeout(hearing)
        return Heard(client.recv(MOST).decode("utf-8", "replace"))
    except TimeoutError:
        return Heard(why="timed out")
    except OSError as why:
        return Heard(why=f"failed: {why.strerror}")


def heard_from(view: KernelView, client: str, address: str, port: int, seconds: float = PATIENCE) -> Heard:
    """What a connection from a container's network namespace to an address brings."""
    with sockets_in(view, {client: [TCP]}) as made:
        return heard_by(made[client][0], address, port, seconds)


def connection_between(view: KernelView, client: str, server: str, address: str) -> Heard:
    """What a connection brings from one container to another, in which the check itself listens."""
    with sockets_in(view, {client: [TCP], server: [TCP]}) as made:
        (listening,) = made[server]
        listening.bind(("0.0.0.0", 0))  # of a namespace of its own
        listening.listen()
        client_socket, number = made[client][0], next(_numbers)
        client_socket.settimeout(PATIENCE)
        listening.settimeout(PATIENCE)
        try:
            client_socket.connect((address, listening.getsockname()[1]))
            with listening.accept()[0] as taken:  # else another process has that address
                taken.sendall(f"{number}".encode())
            return Heard(client_socket.recv(MOST).decode())
        except TimeoutError:
            return Heard(why="timed out")
        except OSError as why:
            return Heard(why=f"failed: {why.strerror}")


_numbers = count(1)


# --- sockets as /proc lists them
def tcp_sockets(pid: int | str, state: str, port: int) -> list[str]:
    """The local addresses of IPv4 sockets in a state at a port, in a process's network namespace."""
    with suppress(OSError):
        lines = proc.text_of(pid, "net/tcp").splitlines()[1:]
        rows = [line.split() for line in lines]
        return [_address(row[1]) for row in rows if row[3] == state and int(row[1].partition(":")[2], 16) == port]
    return []


def _address(word: str) -> str:
    return socket.inet_ntoa(struct.pack("=I", int(word.partition(":")[0], 16)))
