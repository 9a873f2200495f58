"""The way out of a network: off unless asked for, closed to this machine, and it names what it opens."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from networks.boxes import HERE
from pyctr_lab import Lab
from pyctr_lab.networks import Network, way_out

pytestmark = pytest.mark.machine
CONNECT = "printf 'CONNECT {} HTTP/1.1\\r\\n\\r\\n' | busybox nc -w 10 {} 3128"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab(private=True) as made:
        yield made


@pytest.fixture
def net(lab: Lab) -> Iterator[Network]:
    network = lab.network("out", internet=True)
    yield network
    network.remove()
    assert network.way_out is not None and not network.way_out.alive


def said(lab: Lab, network: Network, target: str) -> str:
    return lab.run(["sh", "-c", CONNECT.format(target, network.router)], network=network).stdout


def test_programs_are_told_of_it(lab: Lab, net: Network) -> None:
    seen = lab.run(["sh", "-c", "echo $https_proxy $HTTPS_PROXY"], network=net).stdout
    assert seen.split() == [f"http://{net.router}:3128"] * 2
    plain = lab.network("plain")
    assert lab.run(["sh", "-c", "env"], network=plain).stdout.count("proxy") == 0 and plain.opened == ()
    assert not said(lab, plain, "example.org:443")
    plain.remove()


@pytest.mark.parametrize("target", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "169.254.169.254"])
def test_this_machine_is_refused_and_not_named(lab: Lab, net: Network, target: str) -> None:
    with socket.create_server((HERE, 0)) as server:
        assert said(lab, net, f"{target}:{server.getsockname()[1]}").startswith("HTTP/1.1 403 ")
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert net.opened == ()


def test_what_it_opens_is_named(lab: Lab, net: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    assert net.way_out is not None
    net.way_out.end()
    popen = way_out.subprocess.Popen
    monkeypatch.setattr(way_out.subprocess, "Popen", lambda words, **more: popen([*words, "loopback"], **more))
    net.way_out = way_out.WayOut(lab.world, net.router)
    with socket.create_server((HERE, 0)) as server, socket.socket() as closed:
        closed.bind((HERE, 0))
        server.settimeout(20)
        target = f"{HERE}:{server.getsockname()[1]}"
        program = lab.start(["sh", "-c", CONNECT.format(target, net.router)], network=net)
        theirs, _ = server.accept()
        with theirs:
            theirs.sendall(b"from outside\n")
        assert program.wait().stdout.endswith("established\r\n\r\nfrom outside\n")
        assert said(lab, net, f"{HERE}:{closed.getsockname()[1]}").startswith("HTTP/1.1 502 ")
    assert net.opened == net.opened == (target,)


def test_nothing_else_leaves(lab: Lab, net: Network) -> None:
    """There is no route from the lab to any other network."""
    assert lab.host.run(["ip", "route", "show", "default"]).stdout == ""
    done = lab.run(["busybox", "nc", "-w", "1", "192.0.2.1", "80"], network=net)
    assert done.returncode != 0


def test_it_ends_with_its_network_and_with_the_lab() -> None:
    with Lab(private=True) as lab:
        network = lab.network("out", internet=True)
        assert network.way_out is not None
        process = network.way_out._process
        lab.network("out")
        assert process.returncode is not None and not network.way_out.alive
        last = lab.network("last", internet=True).way_out
    assert last is not None and not last.alive
