"""A socket is used in the notebook, and belongs to the network namespace in which it was made."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from errno import EADDRINUSE, EPROTONOSUPPORT
from socket import AF_INET, AF_PACKET, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM

import pytest

from pyctr_lab import Container, Lab
from pyctr_lab.errors import BadInput, Gone
from pyctr_lab.kernel import proc
from pyctr_lab.kernel.arguments import Ref
from pyctr_lab.kernel.calls import CallError
from pyctr_lab.kernel.sockets import bind, listen
from pyctr_lab.runtime.carrier import ended
from pyctr_lab.runtime.sockets import fetch_socket
from pyctr_lab.steps import Exec, LoopbackUp, NewNamespace

pytestmark = pytest.mark.machine
PORT = 8642


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as made:
        made.host.apply(LoopbackUp())
        yield made


@pytest.fixture(autouse=True)
def nothing_is_left(lab: Lab) -> Iterator[None]:
    """No descriptor here, no child there."""
    before = sorted(os.listdir("/proc/self/fd"))
    yield
    assert sorted(os.listdir("/proc/self/fd")) == before
    assert lab.closed or proc.children(lab.host.machine_pid) == ()


def listens(process: Container) -> bool:
    """Whether a socket listens on PORT in the network namespace of a process."""
    return f":{PORT:04X} 00000000:0000 0A" in proc.text_of(process.machine_pid, "net/tcp")


def listening(process: Container) -> socket.socket:
    calls = [bind(Ref("fd"), "127.0.0.1", PORT), listen(Ref("fd"))]
    return fetch_socket(process, AF_INET, SOCK_STREAM, before_fetch=calls)


def walled(lab: Lab, box: Container) -> None:
    for step in lab.recipe():
        box.apply(step)


def test_what_listens_in_the_lab_is_reached_from_the_lab_alone(lab: Lab) -> None:
    with listening(lab.host) as server, fetch_socket(lab.host, AF_INET, SOCK_STREAM) as client:
        assert not os.get_inheritable(server.fileno())
        assert (server.family, server.type, server.getsockname()) == (AF_INET, SOCK_STREAM, ("127.0.0.1", PORT))
        with socket.socket() as outsider, pytest.raises(ConnectionRefusedError):
            outsider.connect(("127.0.0.1", PORT))
        client.connect(("127.0.0.1", PORT))
        accepted, _ = server.accept()
        with accepted, client:  # the client closes first: no TIME_WAIT keeps the port
            client.sendall(b"hello")
            assert accepted.recv(9) == b"hello"


def test_a_container_has_its_own_ports(lab: Lab) -> None:
    with lab.container("web") as box:
        walled(lab, box)
        with listening(lab.host), listening(box):  # the same port twice
            assert listens(box) and listens(lab.host)
        assert not listens(box) and not listens(lab.host)


def test_a_container_that_shares_the_namespace_shares_the_ports(lab: Lab) -> None:
    with lab.container("web") as box, listening(lab.host):
        with pytest.raises(CallError) as failed:
            listening(box)
        assert failed.value.errno == EADDRINUSE and failed.value.call.name == "bind"


def test_a_container_that_has_become_a_program(lab: Lab) -> None:
    with lab.container("web") as box:
        walled(lab, box)
        box.apply(Exec(["sleep", "1000"]))
        with listening(box), fetch_socket(box, AF_PACKET, SOCK_RAW) as raw:  # for which it has no capability
            assert listens(box) and not listens(lab.host) and raw.type == SOCK_RAW


def test_the_kernels_refusal_is_reported(lab: Lab) -> None:
    with pytest.raises(CallError) as failed:
        fetch_socket(lab.host, AF_INET, SOCK_DGRAM, socket.IPPROTO_TCP)
    assert failed.value.errno == EPROTONOSUPPORT and failed.value.call.name == "socket"


def test_a_process_that_has_ended(lab: Lab) -> None:
    box = lab.container("web")
    box.apply(NewNamespace("net"))
    box.kill()
    with pytest.raises(Gone, match="web has ended"):
        fetch_socket(box, AF_INET, SOCK_DGRAM)
    box = lab.container("web")
    os.kill(box.machine_pid, signal.SIGKILL)
    assert ended(box.machine_pid)  # and is a zombie
    with pytest.raises(Gone, match="web has ended"):
        fetch_socket(box, AF_INET, SOCK_DGRAM)
    box.kill()
    with Lab() as other:
        host = other.host
    with pytest.raises(Gone, match=r"this lab is closed .*opens a new one"):
        fetch_socket(host, AF_INET, SOCK_DGRAM)


def test_wrong_arguments(lab: Lab) -> None:
    with pytest.raises(BadInput, match="a process is a CarriedProcess"):
        fetch_socket(lab, AF_INET, SOCK_DGRAM)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="a type is a number"):
        fetch_socket(lab.host, AF_INET, "tcp")  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="each of the calls before is a Call"):
        fetch_socket(lab.host, AF_INET, SOCK_DGRAM, before_fetch=["listen"])  # type: ignore[list-item]
    with pytest.raises(BadInput, match="no call before it in this list has a result named pidfd"):
        fetch_socket(lab.host, AF_INET, SOCK_DGRAM, before_fetch=[listen(Ref("pidfd"))])
