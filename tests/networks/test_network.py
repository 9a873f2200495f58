"""Networks as they are used: containers reach each other, or not, and changes act at once."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator

import pytest

from networks.boxes import await_end, await_links, knows, links, loses, reaches, refused, service_pid, walled
from pyctr_lab import Container, Lab
from pyctr_lab.networks import Network, rules
from pyctr_lab.networks.links import list_learned, list_links

pytestmark = pytest.mark.machine
needs_nft = pytest.mark.skipif(not shutil.which("nft", path=rules.FOLDERS), reason="nft is not installed")


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab(private=True) as made:
        yield made


@pytest.fixture
def web(lab: Lab) -> Iterator[Network]:
    before = links(lab)
    network = lab.network("web")
    yield network
    for box in list(lab.containers.values()):
        box.kill()
    network.remove()
    await_links(lab, before)


def inside(box: Container, name: str = "eth0") -> tuple[str, ...]:
    """The addresses of an interface of a container."""
    found = list_links(box.world, box.machine_pid)
    return next((link.addresses for link in found if link.name == name), ())


def test_containers_reach_each_other_by_name(lab: Lab, web: Network) -> None:
    one, two = walled(lab, "one", network=web, aliases=["db"]), walled(lab, "two", network="web", address="10.88.0.77")
    assert (inside(one)[:1], inside(two)[:1]) == (("10.88.0.2/24",), ("10.88.0.77/24",))
    assert web.containers == ["one", "two"] and links(lab) == {"lo", "br-web", "v10002", "v10077"}
    assert reaches(one, "two") and reaches(two, "db") and reaches(one, web.router)
    assert reaches(lab, "two", network=web, aliases=["three"])
    assert {each.port for each in list_learned(lab.world, web.bridge)} >= {"v10002", "v10077"}


def test_names_are_known_at_once_and_unknown_after_the_end(lab: Lab, web: Network) -> None:
    box, other = walled(lab, "box", network=web), walled(lab, "shop1", network=web, aliases=["shop"])
    program = lab.start(["sleep", "1000"], network=web, aliases=["shop"])
    assert knows(box, "shop") == ["10.88.0.3", "10.88.0.4"] and knows(box, "shop1") == ["10.88.0.3"]
    program.kill()
    program.wait()
    assert knows(box, "shop") == ["10.88.0.3"]
    other.kill()
    assert knows(box, "shop") == knows(box, "shop1") == [] and knows(box, "box") == ["10.88.0.2"]


def test_a_cable_is_cut_and_mended(lab: Lab, web: Network) -> None:
    box, other = walled(lab, "box", network=web), walled(lab, "other", network=web)
    program = lab.start(["sleep", "1000"], network=web, aliases=["program"])
    for victim, name in ((other, "other"), (program, "program")):
        web.cut(victim)
        (eth0,) = [link for link in list_links(lab.world, victim.machine_pid) if link.name == "eth0"]
        assert eth0.up and not eth0.carrier and loses(box, name)
        web.mend(victim)
        assert reaches(box, name)
    program.kill()
    program.wait()


@needs_nft
def test_packets_are_lost_and_no_more(lab: Lab, web: Network) -> None:
    box, other = walled(lab, "box", network=web), walled(lab, "other", network=web)
    web.lose(other, 100)
    assert loses(box, "other") and reaches(box, web.router)
    web.lose(other, 0.01)
    web.lose(other, 0)
    web.lose(other, 0)
    assert reaches(box, "other")
    assert "v10003" not in lab.host.run([shutil.which("nft", path=rules.FOLDERS) or "", "list", "ruleset"]).stdout
    web.lose(other, 50)
    for percent in (-1, 101, "all", None, True, float("nan")):
        with refused(match="of a hundred packets"):
            web.lose(other, percent)  # type: ignore[arg-type]


@needs_nft
def test_a_rule_of_an_ended_container_is_not_its_successors(lab: Lab, web: Network) -> None:
    box, other = walled(lab, "box", network=web), walled(lab, "other", network=web, address="10.88.0.9")
    web.lose(other, 100)
    other.kill()
    walled(lab, "next", network=web, address="10.88.0.9")
    assert reaches(box, "next")


def test_without_nft_one_line_says_so(lab: Lab, web: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    box = walled(lab, "box", network=web)
    monkeypatch.setattr(rules, "FOLDERS", "/nowhere")
    with refused(match="nft is not installed (the package nftables"):
        web.lose(box, 10)


def test_a_second_network_is_connected_and_disconnected(lab: Lab, web: Network) -> None:
    db = lab.network("db")
    box, other = walled(lab, "box", network=web), walled(lab, "other", network=db)
    program = lab.start(["sleep", "1000"])
    with refused(match="is not at the network db"):
        db.disconnect(box)
    db.connect(box)
    db.connect(program, names=["program"], address="10.88.1.50")
    with refused(match="already"):
        db.connect(box)
    assert inside(box, "eth0")[0] == "10.88.0.2/24" and inside(box, "eth1")[0] == "10.88.1.3/24"
    assert reaches(other, "box") and reaches(other, "program") and reaches(box, "10.88.1.2")
    assert db.containers == ["other", "box", "program"] and web.containers == ["box"]
    db.disconnect(box)
    assert inside(box, "eth1") == () and knows(other, "box") == [] and db.containers == ["other", "program"]
    db.connect(box, names=["again"])
    assert knows(other, "again") == [each.partition("/")[0] for each in inside(box, "eth1")[:1]]
    with refused(match="is in use by again, other, program (end it first)"):
        db.remove()
    db.disconnect(program)
    box.kill()
    other.kill()
    db.remove()
    db.remove()
    for use in (lambda: db.connect(program), lambda: lab.run(["true"], network=db), db.end, db.view):
        with refused(match="the network db has been removed"):
            use()
    program.kill()
    program.wait()


def test_what_cannot_be_connected(lab: Lab, web: Network) -> None:
    for wrong in (5, None, "box", lab):
        with refused(match="is no container"):
            web.connect(wrong)  # type: ignore[arg-type]
    with lab.container("bare") as bare, refused(match="no network namespace of its own"):
        web.connect(bare)
    with refused(match="no network namespace of its own"):
        web.connect(lab.host)
    assert web.containers == [] and links(lab) == {"lo", "br-web"}


def test_isolated_containers_reach_the_bridge_alone(lab: Lab) -> None:
    network = lab.network("alone", isolated=True)
    one, two = walled(lab, "one", network=network), walled(lab, "two", network=network)
    assert knows(one, "two") and loses(one, "two") and reaches(one, network.router)
    one.kill()
    two.kill()
    network.remove()


def test_ipv6_and_mtu(lab: Lab) -> None:
    network = lab.network("six", ipv6=True, mtu=9000)
    one, two = walled(lab, "one", network=network), walled(lab, "two", network=network)
    assert network.subnet6
    assert inside(one)[:2] == ("10.88.0.2/24", f"{network.subnet6[2]}/64")
    assert knows(one, "two") == ["10.88.0.3", str(network.subnet6[3])]
    assert reaches(one, str(network.subnet6[3])) and reaches(one, network.routers[1])
    assert one.run(["busybox", "ping", "-c1", "-W2", "-s8900", "two"]).returncode == 0
    assert {link.mtu for link in list_links(lab.world, two.machine_pid)} == {65536, 9000}
    one.kill()
    two.kill()
    network.remove()


def test_a_bare_network_is_a_bridge_and_cables(lab: Lab) -> None:
    network = lab.network("bare", bare=True)
    box = walled(lab, "box", network=network)
    (bridge,) = [link for link in list_links(lab.world, lab.world.machine_pid) if link.name == "br-bare"]
    assert not [each for each in (*bridge.addresses, *inside(box)) if not each.startswith("fe80")]
    assert network.names is None and not box.run(["grep", network.router, "/etc/resolv.conf"]).stdout
    box.kill()
    network.remove()


def test_the_next_start_brings_a_killed_name_server_back(lab: Lab, web: Network) -> None:
    box = walled(lab, "box", network=web)
    assert web.names is not None and web.names.service is not None
    victim = service_pid(web.names.service)
    os.kill(victim, signal.SIGKILL)
    await_end(victim)
    other = walled(lab, "other", network=web)
    assert knows(box, "box") == ["10.88.0.2"] and knows(other, "other") == ["10.88.0.3"]


def test_a_killed_containers_address_is_given_again(lab: Lab, web: Network) -> None:
    program = lab.start(["sleep", "1000"], network=web, address="10.88.0.9", aliases=["old"])
    box = walled(lab, "box", network=web)
    with refused(match="10.88.0.9 belongs to the container demo"):
        lab.run(["true"], network=web, address="10.88.0.9")
    os.kill(program.machine_pid, signal.SIGKILL)
    await_end(program.machine_pid)
    walled(lab, "new", network=web, address="10.88.0.9")
    assert reaches(box, "new") and knows(box, "old") == []
    program.wait()
    assert reaches(box, "new"), "waiting for the old one changes nothing"


def test_a_socket_that_is_open_keeps_no_address(lab: Lab, web: Network) -> None:
    """It keeps the ended container's namespace in being, and in it the end of the old cable."""
    box = walled(lab, "box", network=web, address="10.88.0.9")
    with box.socket():
        box.kill()
        assert "v10009" in links(lab)
        assert lab.run(["true"], network=web, address="10.88.0.9").returncode == 0
    other = walled(lab, "other", network=web, address="10.88.0.10")
    with other.socket():
        other.kill()
        again = lab.network("web")
        assert "v10010" not in links(lab)
    again.remove()


def test_a_network_that_is_made_again(lab: Lab, web: Network) -> None:
    lab.run(["true"], network=web)
    again = lab.network("web", subnet="10.99.0.0/29")
    assert web.removed and lab.networks["web"] is again
    lab.run(["true"], network=again)
    with walled(lab, "box", network=again), refused(match="the network web is in use by box"):
        lab.network("web")
    again.remove()
