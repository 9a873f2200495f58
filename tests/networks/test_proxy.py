from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pyctr_lab.networks.programs import proxy

HERE = "127.0.0.1"


class Way:
    """A proxy as a program, and a server on loopback."""

    def __init__(self, process: subprocess.Popen[bytes], door: socket.socket, server: socket.socket) -> None:
        self.process, self.door, self.server = process, door, server
        self.target = f"{HERE}:{server.getsockname()[1]}"

    def ask(self, request: str) -> socket.socket:
        sock = socket.create_connection(self.door.getsockname(), 20)
        sock.sendall(request.encode() + b"\r\n\r\n")
        return sock

    def said(self, request: str) -> str:
        with self.ask(request) as sock, sock.makefile("rb") as file:
            return file.read().decode()


@contextmanager
def opened(*words: str) -> Iterator[Way]:
    with socket.create_server((HERE, 0)) as door, socket.create_server((HERE, 0)) as server:
        server.settimeout(20)
        command = [sys.executable, "-I", "-S", proxy.__file__, str(door.fileno()), *words]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, pass_fds=[door.fileno()]) as process:
            yield Way(process, door, server)
            assert process.stdin
            process.stdin.close()
            assert process.wait(20) == 0


@pytest.fixture(scope="module")
def way() -> Iterator[Way]:
    with opened("loopback") as made:
        yield made


def row(way: Way) -> dict[str, str]:
    assert way.process.stdout
    return json.loads(way.process.stdout.readline())


def test_connect_leads_to_the_target_and_is_reported(way: Way) -> None:
    with way.ask(f"CONNECT {way.target} HTTP/1.1\r\nHost: {way.target}") as ours:
        theirs, _ = way.server.accept()
        with theirs, ours.makefile("rb") as file, theirs.makefile("rb") as other:
            assert file.readline() == b"HTTP/1.1 200 Connection established\r\n" and file.readline() == b"\r\n"
            assert row(way) == {"connect": way.target}
            ours.sendall(b"x" * 1_000_000)
            ours.shutdown(socket.SHUT_WR)
            assert other.read() == b"x" * 1_000_000
            theirs.sendall(b"answer")
            theirs.shutdown(socket.SHUT_WR)
            assert file.read() == b"answer"


def test_a_reset_ends_both(way: Way) -> None:
    with way.ask(f"CONNECT {way.target} HTTP/1.1") as ours:
        theirs, _ = way.server.accept()
        row(way)
        assert ours.recv(1000).startswith(b"HTTP/1.1 200")
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        theirs.close()
        assert ours.recv(1) == b""
    with way.ask(f"CONNECT {way.target} HTTP/1.1") as ours, way.server.accept()[0] as theirs:
        row(way)
        ours.recv(1000)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        ours.close()
        assert theirs.recv(1) == b""


@pytest.mark.parametrize(
    ("request_line", "status", "why"),
    [
        ("GET http://example.org/ HTTP/1.1", 405, "CONNECT alone"),
        ("CONNECT here HTTP/1.1", 400, "host:port"),
        ("CONNECT :80 HTTP/1.1", 400, "host:port"),
        ("CONNECT here:99999 HTTP/1.1", 400, "host:port"),
        (f"CONNECT {'x' * 300}:80 HTTP/1.1", 400, "host:port"),
        ("CONNECT a:1 HTTP/1.1\r\nX: " + "y" * 20_000, 400, "no end"),
        ("CONNECT a:1 HTTP/1.1\r\n\r\nmore", 400, "before it sends"),
        ("", 405, "CONNECT alone"),
    ],
)
def test_what_is_refused_is_explained(way: Way, request_line: str, status: int, why: str) -> None:
    said = way.said(request_line)
    assert said.startswith(f"HTTP/1.1 {status} ") and why in said


def test_a_target_that_refuses_is_named(way: Way) -> None:
    with socket.socket() as closed:
        closed.bind((HERE, 0))
        target = closed.getsockname()[1]
        assert f"{HERE} port {target}: Connection refused" in way.said(f"CONNECT {HERE}:{target} HTTP/1.1")


def test_this_machine_is_not_outside() -> None:
    with opened() as way:
        port = way.server.getsockname()[1]
        for host in (HERE, "127.9.9.9", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "169.254.169.254"):
            assert way.said(f"CONNECT {host}:{port} HTTP/1.1").startswith("HTTP/1.1 403 "), host
        way.server.setblocking(False)
        with pytest.raises(BlockingIOError):
            way.server.accept()


def test_a_flood_waits_its_turn(way: Way) -> None:
    crowd = [socket.create_connection(way.door.getsockname(), 20) for _ in range(proxy.MOST)]
    late = way.ask("GET / HTTP/1.1")
    crowd.pop().close()
    with late:
        assert late.recv(100).startswith(b"HTTP/1.1 405")
    for sock in crowd:
        sock.close()
