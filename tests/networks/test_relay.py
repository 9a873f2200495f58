from __future__ import annotations

import os
import select
import signal
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from networks.served import Served, served
from pyctr_lab import Lab
from pyctr_lab.errors import BadInput, Gone
from pyctr_lab.kernel import proc
from pyctr_lab.networks.programs import relay
from pyctr_lab.runtime.service import LabService

HERE = "127.0.0.1"
RESET = struct.pack("ii", 1, 0)


class Pair:
    """A server's listening socket, and a relay to it."""

    def __init__(self, door: socket.socket, server: socket.socket, program: Served) -> None:
        self.door, self.server, self.program = door, server, program

    def connect(self) -> socket.socket:
        return socket.create_connection(self.door.getsockname(), 20)

    def accept(self) -> socket.socket:
        sock, _ = self.server.accept()
        sock.settimeout(20)
        return sock

    def refuses(self) -> bool:
        """Whether a new connection is reset at once, maybe before it is seen to be there."""
        try:
            with self.connect() as sock:
                return is_reset(sock)
        except ConnectionResetError:
            return True

    def both(self) -> tuple[socket.socket, socket.socket]:
        return self.connect(), self.accept()


@contextmanager
def relayed(kind: int = socket.SOCK_STREAM, **words: Any) -> Iterator[Pair]:
    with socket.socket(socket.AF_INET, kind) as door, socket.socket(socket.AF_INET, kind) as server:
        for sock in (door, server):
            sock.bind((HERE, 0))
            sock.settimeout(20)
            if kind == socket.SOCK_STREAM:
                sock.listen(128)
        words = {"listener": door.fileno(), "target": server.getsockname(), **words}
        with served(relay.serve, **words) as program:
            yield Pair(door, server, program)


@pytest.fixture
def pair() -> Iterator[Pair]:
    with relayed() as made:
        yield made


def is_reset(sock: socket.socket) -> bool:
    """Whether it ends by a reset, after whatever came before."""
    try:
        while sock.recv(65536):
            pass
    except ConnectionResetError:
        return True
    return False


def reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    sock.close()


def test_bytes_go_both_ways_at_once_and_whole(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "TURNS", 1)
    ours, theirs = pair.both()
    sent = os.urandom(1 << 20) * 8
    received: dict[socket.socket, bytes] = {}

    def send(sock: socket.socket) -> None:
        sock.sendall(sent)
        sock.shutdown(socket.SHUT_WR)

    def receive(sock: socket.socket) -> None:
        with sock.makefile("rb") as file:
            received[sock] = file.read()

    with ours, theirs:
        threads = [threading.Thread(target=what, args=(sock,)) for what in (send, receive) for sock in (ours, theirs)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert received[ours] == received[theirs] == sent


def test_a_half_close_is_handed_on_and_the_other_half_stays(pair: Pair) -> None:
    ours, theirs = pair.both()
    with ours, theirs:
        ours.sendall(b"question")
        ours.shutdown(socket.SHUT_WR)
        with theirs.makefile("rb") as file:
            assert file.read() == b"question"
        theirs.sendall(b"answer")
        assert ours.recv(100) == b"answer"
        theirs.close()
        assert ours.recv(100) == b""


@pytest.mark.parametrize("end", ["client", "server"])
def test_a_reset_is_handed_on(pair: Pair, end: str) -> None:
    ours, theirs = pair.both()
    first, other = (ours, theirs) if end == "client" else (theirs, ours)
    with other:
        first.sendall(b"last words")
        assert other.recv(100) == b"last words"
        reset(first)
        assert is_reset(other)


def test_a_reader_that_does_not_read_holds_up_no_other(pair: Pair) -> None:
    ours, theirs = pair.both()
    ours.setblocking(False)
    with pytest.raises(BlockingIOError):
        while True:
            ours.send(b"x" * 65536)
    with ours, theirs, ExitStack() as stack:
        other, reader = (stack.enter_context(sock) for sock in pair.both())
        other.sendall(b"passes by")
        assert reader.recv(100) == b"passes by"


def test_a_refused_connection_is_closed_at_once(pair: Pair) -> None:
    pair.server.close()
    assert pair.refuses()


def test_the_target_is_changed_and_taken_away(pair: Pair) -> None:
    ours, theirs = pair.both()
    with ours, theirs, socket.create_server((HERE, 0)) as second:
        second.settimeout(20)
        assert pair.program.ask({"target": second.getsockname()}) == {"done": True}
        with pair.connect() as sock, second.accept()[0] as other:
            ours.sendall(b"1")
            sock.sendall(b"2")
            assert theirs.recv(10) + other.recv(10) == b"12", "those that are open stay"
            assert pair.program.ask({"target": None}) == {"done": True}
            assert is_reset(ours) and is_reset(other)
        assert pair.refuses()
        pair.program.ask({"target": pair.server.getsockname()})
        with pair.connect(), pair.accept():
            pass


@pytest.mark.parametrize("when", ["before", "after"])
def test_it_ends_with_the_process_that_it_watches(when: str) -> None:
    with subprocess.Popen(["sleep", "1000"]) as process, relayed() as pair:
        ours, theirs = pair.both()
        if when == "before":
            process.kill()
            process.wait()
        assert pair.program.ask({"until": process.pid}) == {"done": True}
        process.kill()
        with ours, theirs:
            assert is_reset(ours)


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"until": "it"},
        {"until": -1},
        {"target": [HERE]},
        {"target": ["x", 1]},
        {"target": [HERE, 0]},
        {"target": 5},
    ],
)
def test_a_wrong_target_is_refused(pair: Pair, order: dict[str, Any]) -> None:
    assert "wrong order" in pair.program.ask(order)["error"]
    with pair.connect(), pair.accept():
        pass


def test_too_many_connections_wait_in_the_backlog() -> None:
    with relayed(most=2) as pair, ExitStack() as stack:
        first = [tuple(map(stack.enter_context, pair.both())) for _ in range(2)]
        third = stack.enter_context(pair.connect())
        third.sendall(b"waits")
        first[0][0].sendall(b"works")
        assert first[0][1].recv(10) == b"works"
        pair.server.setblocking(False)
        with pytest.raises(BlockingIOError):
            pair.server.accept()
        pair.server.settimeout(20)
        for sock in first[0]:
            sock.close()
        with pair.accept() as late:
            assert late.recv(10) == b"waits"


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_a_flood_leaks_no_descriptor(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "SPARE", 0)
    with pair.connect(), pair.accept():
        pass
    counts = []
    for _ in range(3):
        for number in range(100):
            ours, theirs = pair.both()
            ours.sendall(b"x" * 1000)
            (reset if number % 2 else socket.socket.close)(ours)
            while number % 2 == 0 and theirs.recv(2000):
                pass
            theirs.close()
        pair.program.ask({"target": None})
        pair.program.ask({"target": pair.server.getsockname()})
        counts.append(descriptors())
    assert counts[1:] == counts[:1] * 2


# --- UDP
def client_of(pair: Pair) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(20)
    sock.connect(pair.door.getsockname())
    return sock


def exchange(pair: Pair, client: socket.socket, text: bytes) -> Any:
    """Send a datagram and have it answered; return what the server saw as the client."""
    client.send(text)
    got, address = pair.server.recvfrom(65535)
    pair.server.sendto(got + b"!", address)
    assert got == text and client.recv(65535) == text + b"!"
    return address


def test_datagrams_find_their_way_back_to_each_client() -> None:
    with relayed(socket.SOCK_DGRAM) as pair, client_of(pair) as one, client_of(pair) as other:
        seen = [exchange(pair, sock, text) for sock in (one, other) for text in (b"", b"a", b"b" * 60_000)]
        assert len(set(seen)) == 2


def test_the_client_that_was_silent_longest_makes_room() -> None:
    with relayed(socket.SOCK_DGRAM, most=2) as pair, ExitStack() as stack:
        first, second, third = (stack.enter_context(client_of(pair)) for _ in range(3))
        before = [exchange(pair, sock, b"x") for sock in (first, second, first, third)]
        assert exchange(pair, first, b"x") == before[0]
        assert exchange(pair, second, b"x") != before[1]


def test_an_idle_client_is_forgotten() -> None:
    with relayed(socket.SOCK_DGRAM, idle=0) as pair, client_of(pair) as sock:
        before = descriptors()
        sock.send(b"x")
        pair.server.recvfrom(10)
        pair.program.ask({})  # its turn is over
        assert descriptors() == before


def test_a_target_that_refuses_datagrams_does_not_end_it() -> None:
    with relayed(socket.SOCK_DGRAM) as pair, client_of(pair) as sock:
        target = pair.server.getsockname()
        pair.server.close()
        for _ in range(10):
            sock.send(b"lost")
        for _ in range(2):  # by the second answer they have had their turn
            pair.program.ask({})
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as pair.server:
            pair.server.bind(target)
            pair.server.settimeout(20)
            sock.send(b"found")
            while pair.server.recv(10) != b"found":
                pass


# --- in a lab
SERVER = "import socket; s = socket.create_server(('127.0.0.1', 7)); print('ready', flush=True); c, _ = s.accept()"
SERVER += "; c.sendall(c.recv(100).upper()); c.recv(1)"


@pytest.mark.machine
@pytest.mark.parametrize("victim", ["nothing", "service", "launcher"])
def test_a_port_of_the_notebook_leads_into_a_lab_and_ends_with_it(victim: str) -> None:
    with Lab(private=True) as lab, socket.create_server((HERE, 0)) as door:
        lab.host.run(["ip", "link", "set", "lo", "up"])
        server = lab.host.start(["python3", "-c", SERVER])
        while "ready" not in server.stdout:
            pass
        words: dict[str, Any] = {"target": [HERE, 7]}
        with LabService(lab.world, f"{relay.__name__}:serve", {"listener": door.fileno()}, **words) as service:
            with pytest.raises(BadInput):
                service.ask({"target": "there"})
            address = door.getsockname()
            door.close()
            with socket.create_connection(address, 20) as sock:
                sock.sendall(b"hello")
                assert sock.recv(100) == b"HELLO"
                (child,) = proc.children(service.machine_pid)
                gone = os.pidfd_open(child)
                if victim == "nothing":
                    service.end()
                else:
                    os.kill(child if victim == "service" else lab.world.machine_pid, signal.SIGKILL)
                assert select.select([gone], [], [], 20)[0]
                os.close(gone)
                assert is_reset(sock) or sock.recv(1) == b""
            with pytest.raises(Gone) as raised:
                service.ask({"target": None})
            assert raised.value.hint and not service.alive and proc.has_ended(child)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, 20)
