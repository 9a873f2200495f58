"""Sockets of the lab's network namespaces in the notebook: a socket belongs to the namespace in which it was made.

See network_namespaces(7) and pidfd_getfd(2) (Linux 5.6).
"""

from __future__ import annotations

import ctypes
import os
import socket
from collections.abc import Sequence

from ..errors import Gone
from ..interrupts import uninterrupted
from ..kernel import proc
from ..kernel.arguments import Ref
from ..kernel.calls import Answer, Call, pidfd_open, setns
from ..kernel.checks import check_each, check_kind, check_number
from ..kernel.constants import CLONE_NEWNET, SOCK_CLOEXEC
from ..kernel.descriptors import enough_descriptors
from .carrier import Carrier
from .outer_world import OuterWorld
from .process import CarriedProcess

PIDFD_GETFD = 438  # the same on every processor

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_int, ctypes.c_uint]
libc.syscall.restype = ctypes.c_long


def fetch_socket(
    process: CarriedProcess, domain: int, type: int, protocol: int = 0, *, before_fetch: Sequence[Call] = ()
) -> socket.socket:
    """Make a socket in the network namespace of a process, and return it for use in the notebook: close it there.

    It is made by a child of the launcher: the process may have become a program, and need not have a capability for
    it. `before_fetch` are calls on the socket, `Ref("fd")`, that the child makes then. Raises CallError as the kernel
    says, and Gone when the process has ended. An open socket keeps the namespace in being.
    """
    check_kind(process, CarriedProcess, "a process", hint="lab.host, or a container")
    process.world.require_open()
    if not process.alive:
        raise Gone(f"{process.name} has ended", hint="a socket is made in the namespace of a live process")
    return fetch_socket_of(process.world, process.machine_pid, domain, type, protocol, before_fetch=before_fetch)


@enough_descriptors()
@uninterrupted(firm=True)
def fetch_socket_of(
    world: OuterWorld, machine_pid: int, domain: int, type: int, protocol: int = 0, *, before_fetch: Sequence[Call] = ()
) -> socket.socket:
    """As `fetch_socket`, for a process of a lab by its number as the notebook sees it."""
    kind = check_number(type, "a type") | SOCK_CLOEXEC
    make = Call("socket", (check_number(domain, "a domain"), kind, check_number(protocol, "a protocol")), result="fd")
    after = check_each(before_fetch, Call, "the calls before")
    world.require_open()
    with world.reaper.lock:
        entering = entrance(world, machine_pid)
        _, visitor = world.launcher.fork()
        visitor.find_machine_pid()
        try:
            answers = visitor.ask([*entering, make, *after])
            if answers[-1].failed:
                raise answers[-1].error(answers)
            return socket.socket(fileno=fetch_descriptor(visitor, answers[len(entering)]))
        finally:
            visitor.close()
            visitor.wait(world.launcher)


def entrance(world: OuterWorld, machine_pid: int) -> list[Call]:
    """The calls by which a child of the launcher enters the network namespace of a process; none for the lab's own."""
    try:
        if proc.namespace(machine_pid, "net") == proc.namespace(world.machine_pid, "net"):
            return []
        there = proc.nspid(machine_pid)[len(world.launcher.pids) - 1]
    except (ProcessLookupError, FileNotFoundError):
        raise Gone("the process has ended", hint="a socket is made in the namespace of a live process") from None
    return [pidfd_open(there), setns(Ref("pidfd"), CLONE_NEWNET)]


def fetch_descriptor(carrier: Carrier, made: Answer) -> int:
    """A copy of a carrier's open descriptor, as pidfd_getfd(2) gives it; exec closes it."""
    pidfd = os.pidfd_open(carrier.machine_pid)
    try:
        fd = int(libc.syscall(PIDFD_GETFD, pidfd, made.result, 0))
    finally:
        os.close(pidfd)
    if fd < 0:
        raise Answer(Call("pidfd_getfd", (pidfd, made.result, 0)), -1, ctypes.get_errno()).error()
    return fd
