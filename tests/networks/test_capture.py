"""What goes over a network of the lab is seen: all of it within the bounds, and what was dropped is counted."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from socket import AF_INET, SOCK_DGRAM, SOCK_STREAM

import pytest

from pyctr_lab import Container, Lab
from pyctr_lab.errors import BadInput, Gone
from pyctr_lab.interrupts import uninterrupted
from pyctr_lab.kernel import proc
from pyctr_lab.networks.capture import capture, without_doubles
from pyctr_lab.networks.packets import decode
from pyctr_lab.networks.pcap import Captured, read_pcap
from pyctr_lab.networks.ring import Ring
from pyctr_lab.runtime.sockets import fetch_socket
from pyctr_lab.steps import LoopbackUp, NewNamespace

pytestmark = pytest.mark.machine
THERE = ("127.0.0.1", 8642)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as made:
        made.host.apply(LoopbackUp())
        yield made


@pytest.fixture(autouse=True)
def nothing_is_left(lab: Lab) -> Iterator[None]:
    """No descriptor and no mapping of a ring here, no child there."""
    before = sorted(os.listdir("/proc/self/fd"))
    yield
    assert sorted(os.listdir("/proc/self/fd")) == before
    assert "socket:[" not in Path("/proc/self/maps").read_text()
    assert lab.closed or proc.children(lab.host.machine_pid) == ()


@pytest.fixture
def receiver(lab: Lab) -> Iterator[socket.socket]:
    """A socket that takes datagrams, so that no ICMP message comes back."""
    with fetch_socket(lab.host, AF_INET, SOCK_DGRAM) as made:
        made.bind(THERE)
        yield made


@pytest.fixture
def sender(lab: Lab, receiver: socket.socket) -> Iterator[socket.socket]:
    with fetch_socket(lab.host, AF_INET, SOCK_DGRAM) as made:
        made.connect(THERE)
        yield made


def kinds(packets: tuple[Captured, ...]) -> list[str]:
    return [seen.packet.kind for seen in packets]


def test_a_connection_over_loopback_is_seen(lab: Lab) -> None:
    before = time.time_ns()
    with ExitStack() as opened, capture(lab.host, "lo") as seen:
        server, client = (opened.enter_context(fetch_socket(lab.host, AF_INET, SOCK_STREAM)) for _ in range(2))
        server.bind(THERE)
        server.listen()
        client.connect(THERE)
        client.sendall(b"hello")
        accepted = opened.enter_context(server.accept()[0])
        assert accepted.recv(9) == b"hello"
    first = seen.packets[:8]  # what acknowledges the data may come later
    times = [packet.time_ns for packet in first]
    assert times == sorted(times) and before <= times[0] <= times[-1] <= time.time_ns()
    assert [(packet.interface, packet.direction) for packet in first].count(("lo", "out")) == 4
    assert kinds(without_doubles(first)) == ["TCP SYN", "TCP SYN+ACK", "TCP ACK", "TCP PSH+ACK"]
    assert {packet.direction for packet in first} == {"in", "out"} and seen.dropped == 0
    assert repr(seen) == f"Capture({len(seen.packets)} packets, 0 dropped)"


def test_a_refused_datagram_is_answered_by_icmp(lab: Lab) -> None:
    with fetch_socket(lab.host, AF_INET, SOCK_DGRAM) as sent, capture(lab.host) as seen:
        sent.sendto(b"hello", THERE)
        assert kinds(without_doubles(seen.wait(4))) == ["UDP", "ICMP port unreachable"]


# --- a bridge
@pytest.fixture
def bridge(lab: Lab) -> Iterator[tuple[Container, Container]]:
    """Two containers on a bridge: 10.9.0.1 and 10.9.0.2."""
    with lab.container("one") as one, lab.container("two") as two:
        ip(lab.host, "link add br9 address 02:00:00:00:09:00 type bridge", "link set br9 up")
        for number, box in enumerate((one, two), 1):
            box.apply(NewNamespace("net"))
            ip(lab.host, f"link add p{number} master br9 up type veth peer name eth0 netns {box.pid}")
            ip(box, f"address add 10.9.0.{number}/24 dev eth0", "link set eth0 up")
        yield one, two
        ip(lab.host, "link delete br9", "link delete p1", "link delete p2")


def ip(box: Container, *commands: str) -> None:
    for command in commands:
        run = box.run(["ip", *command.split()])
        assert run.returncode == 0, run.stderr


def datagram_between(one: Container, two: Container) -> None:
    with fetch_socket(one, AF_INET, SOCK_DGRAM) as sent, fetch_socket(two, AF_INET, SOCK_DGRAM) as received:
        received.bind(("10.9.0.2", 53000))
        sent.sendto(b"hello", ("10.9.0.2", 53000))
        assert received.recv(9) == b"hello"


def test_what_passes_between_ports_is_seen_on_the_bridge(lab: Lab, bridge: tuple[Container, Container]) -> None:
    with capture(lab.host, "br9") as seen:
        datagram_between(*bridge)
    found = {kind: seen.direction for kind, seen in zip(kinds(seen.packets), seen.packets, strict=True)}
    assert found["ARP who-has"] == "broadcast" and found["ARP is-at"] == found["UDP"] == "passing"


def test_on_all_interfaces_a_packet_is_seen_at_each(lab: Lab, bridge: tuple[Container, Container]) -> None:
    with capture(lab.host) as seen:
        datagram_between(*bridge)
    places = [(each.interface, each.direction) for each in seen.packets if each.packet.kind == "UDP"]
    assert [place for place in places if place[0] != "br9"] == [("p1", "passing"), ("p2", "out")]
    assert kinds(without_doubles(seen.packets)).count("UDP") == 1


def test_inside_a_container(bridge: tuple[Container, Container]) -> None:
    with capture(bridge[1], "eth0") as seen:
        datagram_between(*bridge)
    assert [each.direction for each in seen.packets if each.packet.kind == "UDP"] == ["in"]


def test_a_tag_is_put_back_where_it_was(lab: Lab, bridge: tuple[Container, Container]) -> None:
    frame = bytes.fromhex("ffffffffffff020000000009" + "8100002a" + "88b5") + bytes(46)
    with capture(lab.host, "p1") as seen, fetch_socket(bridge[0], socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind(("eth0", 0))
        raw.send(frame)
        while (frame, len(frame)) not in [(each.packet.frame, each.length) for each in seen.packets]:
            seen.wait(len(seen.packets) + 1)


def test_the_same_frame_again_is_no_double() -> None:
    def at(milliseconds: int, place: str, direction: str = "in") -> Captured:
        return Captured(milliseconds * 1_000_000, place, direction, decode(b"question"), 8)

    first, again, later = at(0, "p1"), at(3, "p1"), at(1000, "p2", "out")
    passing = [at(1, "br0", "passing"), at(2, "p2", "out")], [at(4, "p2", "out")]
    assert without_doubles([first, *passing[0], again, *passing[1], later]) == (first, again, later)


# --- bounds
@pytest.mark.parametrize("count", [5, 100])  # in the ring there is room for 32 frames
def test_the_first_are_kept_and_the_others_counted(
    lab: Lab, sender: socket.socket, receiver: socket.socket, count: int
) -> None:
    with capture(lab.host, "lo", most=6) as seen:
        for number in range(count):
            sender.send(bytes([number]))
            assert receiver.recv(9) == bytes([number])
    assert [each.packet.frame[-1] for each in seen.packets] == [0, 0, 1, 1, 2, 2]
    assert seen.dropped == 2 * count - 6


def test_reading_in_between_makes_room(lab: Lab, sender: socket.socket) -> None:
    with capture(lab.host, "lo", most=400, size=60000) as seen:
        for number in range(200):
            sender.send(bytes([number]))
            seen.wait(2 * number + 2)
    assert [each.packet.frame[-1] for each in seen.packets[::2]] == list(range(200)) and seen.dropped == 0


def test_a_long_packet_is_cut_to_size(lab: Lab, sender: socket.socket, tmp_path: Path) -> None:
    with capture(lab.host, "lo", size=100) as seen:
        sender.send(bytes(5000))
        seen.wait(2)
    first = seen.packets[0]
    assert (len(first.packet.frame), first.length) == (100, 5042)
    assert first.packet.damage == "cut after 100 of 5042 bytes"
    seen.write(tmp_path / "seen.pcap")
    assert [(each.time_ns, each.packet, each.length) for each in read_pcap(tmp_path / "seen.pcap")] == [
        (each.time_ns, each.packet, each.length) for each in seen.packets
    ]


def test_it_ends_with_its_time(lab: Lab, sender: socket.socket) -> None:
    with capture(lab.host, "lo", seconds=0.05) as seen:
        assert seen.wait() == ()
        sender.send(b"late")
    assert seen.packets == () and seen.dropped == 0


def test_a_wait_ends_with_the_packet(lab: Lab, sender: socket.socket, waits: WaitsOfRing) -> None:
    with capture(lab.host, "lo") as seen:
        with running(lambda: (waits.begun.wait(), sender.send(b"hello"))):
            assert kinds(seen.wait(2)) == ["UDP", "UDP"]
        assert len(seen.wait(3, timeout=0)) == 2


# --- ends
class WaitsOfRing:
    """How often a ring has waited; `begun` is set when it is about to."""

    def __init__(self) -> None:
        self.count, self.begun = 0, threading.Event()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> WaitsOfRing:
    seen, wait = WaitsOfRing(), Ring.wait

    def counted(ring: Ring, pidfd: int, timeout: float | None) -> bool:
        seen.count += 1
        seen.begun.set()
        return wait(ring, pidfd, timeout)

    monkeypatch.setattr(Ring, "wait", counted)
    return seen


@contextmanager
def running(target: Callable[[], object]) -> Iterator[None]:
    """Meanwhile, another thread runs the function."""
    thread = threading.Thread(target=target)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def test_an_interrupt_ends_the_wait_and_the_capture(lab: Lab) -> None:
    with pytest.raises(KeyboardInterrupt), capture(lab.host, "lo") as seen, uninterrupted():
        os.kill(os.getpid(), signal.SIGINT)
        seen.wait()
    assert seen.packets == ()


def test_a_link_that_goes_down_and_up(lab: Lab, bridge: tuple[Container, Container], waits: WaitsOfRing) -> None:
    with capture(lab.host, "br9") as seen:
        ip(lab.host, "link set br9 down")
        seen.wait(timeout=0.01)
        assert waits.count <= 10  # the error is taken note of once: no busy loop
        ip(lab.host, "link set br9 up")
        datagram_between(*bridge)
        assert "UDP" in kinds(seen.packets)


def test_the_end_of_a_container(lab: Lab) -> None:
    box = lab.container("one")
    with capture(box) as seen:
        box.kill()
        with pytest.raises(Gone, match=r"one has ended.*`.packets` has what was seen"):
            seen.wait()
    with pytest.raises(Gone, match="one has ended"), capture(box):
        pass


def test_a_container_that_goes_on_in_a_child(lab: Lab, waits: WaitsOfRing) -> None:
    with lab.container("one") as box:
        box.apply(NewNamespace("net"))
        box.apply(LoopbackUp())
        sent = fetch_socket(box, AF_INET, SOCK_DGRAM)

        def go_on() -> None:
            waits.begun.wait()
            box.apply(NewNamespace("pid"))
            sent.sendto(b"hello", THERE)

        with sent, capture(box, "lo") as seen, running(go_on):
            assert len(seen.wait(4)) == 4


def test_the_end_of_the_lab() -> None:
    with Lab() as other, capture(other.host, "lo") as seen:
        other.close()
        with pytest.raises(Gone, match=r"host has ended.*opens a new one"):
            seen.wait()
    with pytest.raises(Gone, match="this lab is closed"), capture(other.host):
        pass


def test_wrong_arguments(lab: Lab) -> None:
    with pytest.raises(BadInput, match=r"host has no interface eth9 \(it has lo"), capture(lab.host, "eth9"):
        pass
    with capture(lab.host) as seen, pytest.raises(BadInput, match="has begun already"), seen:
        pass
    with pytest.raises(BadInput, match="a process is a CarriedProcess"):
        capture("br0")  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="an interface name has 1 to 15 bytes"):
        capture(lab.host, "a name that is too long")
    with pytest.raises(BadInput, match="take more than 256 MiB"):
        capture(lab.host, most=10_000, size=65_000)
    for wrong in ({"most": 0}, {"size": 1 << 20}, {"seconds": 0}):
        with pytest.raises(BadInput, match="cannot be"):
            capture(lab.host, **wrong)  # type: ignore[arg-type]
