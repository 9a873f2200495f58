"""What lesson 05 uses beside the lab: pages, echoes, rules, datagrams, a stream that is timed."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyctr_lab import Container, Lab, LabError, steps
from pyctr_lab.course import network as kit
from pyctr_lab.networks.rules import FOLDERS

needs_busybox = pytest.mark.skipif(not shutil.which("busybox"), reason="needs busybox")
needs_nft = pytest.mark.skipif(not shutil.which("nft", path=FOLDERS), reason="needs nft")


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab() as lab:
        yield lab


@pytest.fixture
def two(lab: Lab) -> tuple[Container, Container]:
    web = lab.network("web")
    made = lab.container("a"), lab.container("b")
    for box in made:
        box.apply(steps.NewNamespace("net"))
        for step in web.steps(web.end()):
            box.apply(step)
    return made


def test_a_page_is_served_when_the_server_is_there(two: tuple[Container, Container]) -> None:
    one, other = two
    assert kit.read_page(one, "10.88.0.3") == "Connection refused"
    kit.serve(other, "welcome")
    assert kit.read_page(one, "10.88.0.3") == "welcome"


def test_a_page_ends_with_its_length_though_its_server_talks_on(two: tuple[Container, Container]) -> None:
    with two[1].socket() as server, two[0].socket() as client:
        server.bind(("10.88.0.3", 80))
        server.listen()
        client.connect(("10.88.0.3", 80))
        there, _ = server.accept()
        with there:
            there.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 7\r\n\r\nwelcome")
            client.settimeout(60)
            assert kit.page_of(client) == "welcome"


def test_a_server_that_says_nothing_is_told_from_one_that_is_not_there(
    two: tuple[Container, Container], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kit, "WAIT", 0.2)
    with two[1].socket() as mute:
        mute.bind(("10.88.0.3", 80))
        mute.listen()
        assert kit.read_page(two[0], "10.88.0.3") == "connected, then nothing"


def test_a_program_that_does_not_listen_is_an_error(two: tuple[Container, Container]) -> None:
    with pytest.raises(LabError, match="no program listens on port 70000"):
        kit.serve(two[1], "welcome", port=70000)


@needs_busybox
def test_an_echo_in_the_kernels_words(lab: Lab, two: tuple[Container, Container]) -> None:
    assert kit.ping(two[0], "10.88.0.3") == "it answers"
    alone = lab.container("alone")
    alone.apply(steps.NewNamespace("net"))
    assert kit.ping(alone, "10.88.0.3") == "Network is unreachable"


def test_a_step_is_applied_once(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    box = lab.container("a")
    box.apply(steps.NewNamespace("net"))
    cable = steps.Veth(steps.NetworkEnd("", 0, 10002))
    for _ in range(2):
        kit.apply_once(box, cable)
    assert len(box.history) == 2
    assert capsys.readouterr().out.count("in the shell: ip link add v10002") == 2


def test_an_interface_without_ipv6_has_no_address_of_it(lab: Lab) -> None:
    box = lab.container("a")
    box.apply(steps.NewNamespace("net"))
    kit.without_ipv6(box)
    for step in (steps.Veth(steps.NetworkEnd("", 0, 10002)), steps.LinkUp()):
        box.apply(step)
    assert not Path(f"/proc/{box.machine_pid}/net/if_inet6").read_text()


@needs_nft
def test_rules_take_the_place_of_others(two: tuple[Container, Container]) -> None:
    for name in ("first", "second"):
        kit.set_rules(two[0], f"table ip {name} {{\n}}")
    assert kit.list_rules(two[0]) == "table ip second {\n}"
    with pytest.raises(LabError, match="nft refused"):
        kit.set_rules(two[0], "nonsense")


def test_datagrams_are_read_until_none_comes(two: tuple[Container, Container]) -> None:
    with two[1].socket(type=socket.SOCK_DGRAM) as inbox, two[0].socket(type=socket.SOCK_DGRAM) as out:
        inbox.bind(("10.88.0.3", 7000))
        for word in (b"one", b"two"):
            out.sendto(word, ("10.88.0.3", 7000))
        assert kit.datagrams(inbox) == [b"one", b"two"]


def test_a_stream_has_a_rate(two: tuple[Container, Container]) -> None:
    assert kit.gigabits(two[1], two[0], "10.88.0.3", seconds=0.05) > 0


def test_a_unused_port_can_be_taken() -> None:
    with socket.create_server(("127.0.0.1", kit.unused_port())) as server:
        assert server.getsockname()[0] == "127.0.0.1"
