"""What a process sees, as data. Most of it /proc tells; the rest only the process itself can be asked."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from errno import EADDRNOTAVAIL, ENODEV

from ..kernel import proc
from ..kernel.arguments import Ref
from ..kernel.calls import Answer, Call, clock_gettime, close, getgid, getuid, ioctl, uname
from ..kernel.constants import (
    AF_INET,
    CAPABILITIES,
    CLOCK_BOOTTIME,
    IFF_UP,
    MSG_INFO,
    SEM_INFO,
    SHM_INFO,
    SIOCGIFADDR,
    SIOCGIFFLAGS,
    SOCK_DGRAM,
)
from ..kernel.sockets import ifreq, socket

Ask = Callable[[Sequence[Call]], list[Answer]]


@dataclass(frozen=True)
class Process:
    """A process, by its number as it is seen from inside."""

    pid: int
    name: str


@dataclass(frozen=True)
class Interface:
    """A network interface, and its IPv4 addresses."""

    name: str
    up: bool
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ipc:
    """How many System V objects there are: shared memory segments, message queues, semaphore sets. See ipcs(1)."""

    segments: int = 0
    queues: int = 0
    semaphores: int = 0


@dataclass(frozen=True)
class View:
    """What a process sees. `uptime` is its boot clock, in seconds; `capabilities` are the effective ones."""

    hostname: str
    namespaces: dict[str, int]
    processes: tuple[Process, ...]
    mounts: tuple[proc.Mount, ...]
    interfaces: tuple[Interface, ...]
    uid: int
    gid: int
    uid_map: tuple[proc.IdRange, ...]
    gid_map: tuple[proc.IdRange, ...]
    ipc: Ipc
    cgroup: str
    uptime: float
    capabilities: frozenset[str]
    bounding: frozenset[str]
    no_new_privs: bool
    seccomp: int
    limits: dict[str, tuple[int | None, int | None]]

    def same(self, other: View) -> dict[str, bool]:
        """For each kind of namespace, whether both are in the same one."""
        return {kind: inode == other.namespaces.get(kind) for kind, inode in self.namespaces.items()}


def look(machine_pid: int, ask: Ask, cgroup_root: str, top: int, visitor: int = 0) -> View:
    """What the process `machine_pid` sees; `ask` makes calls with its view, `top` is the process above all of the lab.

    `visitor` is the process that was sent in to be asked, if one was: it is not counted.
    """
    names = interface_names(machine_pid)
    answers = ask(questions(names))
    status = proc.status(machine_pid)
    fixed, asked = answers[:7], answers[8:-1]
    return View(
        hostname=fixed[0].buffers[0][65:130].partition(b"\0")[0].decode(errors="replace"),
        namespaces=proc.namespaces(machine_pid),
        processes=visible_processes(machine_pid, top, visitor),
        mounts=proc.mountinfo(machine_pid),
        interfaces=tuple(map(interface, names, asked[::2], asked[1::2])),
        uid=fixed[2].result,
        gid=fixed[3].result,
        uid_map=proc.uid_map(machine_pid),
        gid_map=proc.gid_map(machine_pid),
        ipc=Ipc(*(used(answer, place) for answer, place in zip(fixed[4:7], (0, 0, 7), strict=True))),
        cgroup=within(proc.cgroup(machine_pid), cgroup_root),
        uptime=boot_clock(fixed[1]),
        capabilities=capability_names(status["CapEff"]),
        bounding=capability_names(status["CapBnd"]),
        no_new_privs=status.get("NoNewPrivs") == "1",
        seccomp=int(status.get("Seccomp", "0")),
        limits=proc.limits(machine_pid),
    )


def questions(interfaces: Sequence[str]) -> list[Call]:
    """What only the process itself can answer, as one list."""
    fd, gone = Ref("fd"), (EADDRNOTAVAIL, ENODEV)
    each = [ioctl(fd, ask, ifreq(name)).accepting(*gone) for name in interfaces for ask in (SIOCGIFFLAGS, SIOCGIFADDR)]
    ipc = [Call("shmctl", (0, SHM_INFO, bytes(112))), Call("msgctl", (0, MSG_INFO, bytes(64))),
           Call("semctl", (0, 0, SEM_INFO, bytes(64)))]  # fmt: skip
    return [
        uname(),
        clock_gettime(CLOCK_BOOTTIME),
        getuid(),
        getgid(),
        *ipc,
        socket(AF_INET, SOCK_DGRAM),
        *each,
        close(fd),
    ]


def interface_names(machine_pid: int) -> list[str]:
    """The network interfaces of a process's network namespace."""
    lines = proc.text_of(machine_pid, "net/dev").splitlines()[2:]
    return [line.partition(":")[0].strip() for line in lines]


def interface(name: str, flags: Answer, address: Answer) -> Interface:
    """An interface from the two answers about it. See netdevice(7)."""
    raised = bool(flags.buffers) and bool(struct.unpack_from("H", flags.buffers[0], 16)[0] & IFF_UP)
    found = (".".join(map(str, address.buffers[0][20:24])),) if address.buffers and not address.errno else ()
    return Interface(name, raised, found)


def used(answer: Answer, place: int) -> int:
    """How many objects there are, at int number `place` of shm_info (0), msginfo (0) or seminfo (7)."""
    return int(struct.unpack_from("i", answer.buffers[0], 4 * place)[0]) if answer.buffers and not answer.errno else 0


def boot_clock(answer: Answer) -> float:
    """Seconds since the machine started, as a time namespace shifts them."""
    seconds, nanoseconds = struct.unpack("qq", answer.buffers[0])
    return float(seconds + nanoseconds / 1e9)


def capability_names(mask: str) -> frozenset[str]:
    """The capabilities of a mask in hexadecimal, as in /proc/PID/status."""
    bits = int(mask, 16)
    return frozenset(repr(capability) for capability in CAPABILITIES if bits >> capability & 1)


def within(path: str, root: str) -> str:
    """A cgroup path as it is seen from a cgroup namespace whose root is `root`."""
    if path == root or root == "/":
        return "/" if path == root else path
    return path.removeprefix(root) if path.startswith(root + "/") else path


def visible_processes(machine_pid: int, top: int, visitor: int = 0) -> tuple[Process, ...]:
    """The processes in the pid namespace of `machine_pid`, or in one below it, found from `top` downwards."""
    home = proc.namespace(machine_pid, "pid")
    depth = len(proc.nspid(machine_pid)) - 1
    found: list[Process] = []
    waiting = [(top, False)]
    while waiting:
        pid, seen_above = waiting.pop()
        try:
            seen = seen_above or proc.namespace(pid, "pid") == home
            if seen and pid != visitor:
                numbers = proc.nspid(pid)
                found.append(Process(numbers[min(depth, len(numbers) - 1)], proc.text_of(pid, "comm").strip()))
            waiting += [(child, seen) for child in proc.children(pid)]
        except (ProcessLookupError, FileNotFoundError, PermissionError):
            continue  # it ended meanwhile, or will not be looked at
    return tuple(sorted(found, key=lambda process: process.pid))
