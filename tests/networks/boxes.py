"""Containers at a network, what they reach, and what a lab must not have left."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from pyctr_lab import Container, Lab, Program
from pyctr_lab.errors import LabError
from pyctr_lab.kernel import proc
from pyctr_lab.networks.links import list_links
from pyctr_lab.runtime.carrier import ended

HERE = "127.0.0.1"
SERVE = """
import socket, sys
server = socket.create_server(("", 80))
print("ready", flush=True)
while True:
    with server.accept()[0] as client:
        client.sendall(sys.argv[1].encode())
"""
SERVER = ["/usr/bin/python3", "-I", "-S", "-c", SERVE]
RTMGRP_LINK = 1


def walled(lab: Lab, name: str, **words: Any) -> Container:
    """A container that has taken all steps of its recipe."""
    box = lab.container(name, **words)
    for step in box.recipe or ():
        box.apply(step)
    return box


def reaches(box: Container | Lab, target: str, **words: Any) -> bool:
    """Whether a ping comes back."""
    return box.run(["busybox", "ping", "-c1", "-W10", target], **words).returncode == 0


def loses(box: Container, target: str) -> bool:
    """Whether a ping does not come back within a second, from a network with a name server."""
    return box.run(["busybox", "ping", "-c1", "-W1", target]).returncode == 1


def knows(box: Container, name: str) -> list[str]:
    """The addresses that a program of a container gets for a name."""
    found = box.run(["getent", "ahosts", name]).stdout.split("\n")
    return sorted({line.split()[0] for line in found if line})


def links(lab: Lab) -> set[str]:
    """The interfaces of the lab's own network namespace."""
    return {link.name for link in list_links(lab.world, lab.world.machine_pid)}


def await_links(lab: Lab, wanted: set[str]) -> None:
    """Wait until the lab has these interfaces: the kernel removes cables of ended containers in its own time."""
    with lab.host.socket(socket.AF_NETLINK, socket.SOCK_RAW) as events:
        events.bind((0, RTMGRP_LINK))
        events.settimeout(20)
        while (there := links(lab)) != wanted:
            assert events.recv(1 << 16), there


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    """A port that is free just now."""
    with closing(socket.socket(socket.AF_INET, kind)) as sock:
        sock.bind((HERE, 0))
        return int(sock.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether no socket listens at a port, and one may be bound to it."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((HERE, port))
            sock.listen(1)
        except OSError:
            return False
    return True


def await_end(pid: int) -> None:
    """Wait until a process is a zombie, or gone."""
    assert ended(pid, 20)


def service_pid(service: Any) -> int:
    """The process of a LabService that serves; its parent waits for it."""
    (child,) = proc.children(service.machine_pid)
    return child


def serving(lab: Lab, text: str, **words: Any) -> Program:
    """A program that says a text to each client of its port 80."""
    return ready(lab.start([*SERVER, text], **words))


def ready(program: Program) -> Program:
    """The same, once it has said that it is ready."""
    while "ready" not in program.stdout:
        assert program.alive, program.stderr
    return program


def asked(port: int) -> bytes:
    """What a server at a port of this machine says; empty where it closes at once."""
    try:
        with socket.create_connection((HERE, port), 20) as sock, sock.makefile("rb") as file:
            return file.read()
    except ConnectionResetError:
        return b""


@contextmanager
def refused(*, match: str = "") -> Iterator[None]:
    """An error of one line, with a remedy."""
    try:
        yield
    except LabError as why:
        assert len(str(why)) < 400 and "\n" not in str(why) and why.hint, why
        assert match in str(why), why
    else:
        raise AssertionError("it was not refused")
