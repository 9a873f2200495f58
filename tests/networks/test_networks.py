"""What is refused, in one line with a remedy, and leaves nothing; recipes of containers at a network."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from errno import EEXIST
from typing import Any

import pytest

from networks.boxes import await_end, await_links, free_port, is_free, refused, walled
from pyctr_lab import CallError, Lab
from pyctr_lab.errors import BadInput
from pyctr_lab.kernel import netlink, proc
from pyctr_lab.networks import Network
from pyctr_lab.steps import NewNamespace, Recipe, Veth

pytestmark = pytest.mark.machine


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab(private=True) as made:
        yield made


@pytest.fixture(scope="module")
def web(lab: Lab) -> Network:
    return lab.network("web", subnet="10.77.0.0/24")


@pytest.fixture(autouse=True)
def nothing_is_left(lab: Lab, web: Network) -> Iterator[None]:
    """No interface, process or address but those of the network `web`."""
    before = proc.children(lab.world.machine_pid), len(lab.processes())
    yield
    web.sweep()
    await_links(lab, {"lo", "br-web"})
    assert web.containers == [] and web.pool.taken == {} and not [port for port in lab.networks.ports if port.is_open]
    assert (proc.children(lab.world.machine_pid), len(lab.processes())) == before


@pytest.mark.parametrize(
    ("name", "words", "why"),
    [
        ("a b", {}, "is no name for a network"), ("a" * 300, {}, "is no name for a network"),
        ("", {}, "is no name for a network"), ("../x", {}, "is no name for a network"),
        ("m", {"mtu": 0}, "an MTU cannot be 0"), ("m", {"mtu": -1}, "an MTU cannot be -1"),
        ("m", {"mtu": 70000}, "an MTU cannot be 70000"), ("m", {"mtu": "1500"}, "an MTU cannot be '1500'"),
        ("m", {"subnet": "10.77.0.0/25"}, "overlaps 10.77.0.0/24 of the network web"),
        ("m", {"subnet": "10.77.0.0/30"}, "too small"), ("m", {"subnet": "fd00::/64"}, "is of IPv6"),
        ("m", {"bare": True, "internet": True}, "no way out"),
    ],
)  # fmt: skip
def test_a_network_that_cannot_be_made(lab: Lab, name: str, words: dict[str, Any], why: str) -> None:
    with refused(match=why):
        lab.network(name, **words)
    assert [network.name for network in lab.networks] == ["web"] and len(lab.networks) == 1


def test_two_names_for_one_bridge(lab: Lab) -> None:
    """An interface's name has 15 bytes: br- and 12 letters of the network's."""
    one = lab.network("a-long-name-one")
    with refused(match="would both have the bridge br-a-long-name-"):
        lab.network("a-long-name-two")
    one.remove()
    lab.network("a-long-name-two").remove()


@pytest.mark.parametrize("words", [{"ipv6": 1}, {"bare": "no"}, {"isolated": None}, {"internet": 0}])
def test_a_flag_is_a_bool(lab: Lab, words: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="is a bool"):
        lab.network("m", **words)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"network": "nope"}, "there is no network 'nope'"),
        ({"publish": {8080: 80}}, "a container without a network"),
        ({"aliases": ["db"]}, "a container without a network"),
        ({"address": "10.77.0.9"}, "a container without a network"),
        ({"network": "web", "address": "10.77.0.1"}, "no address for a container here"),
        ({"network": "web", "address": "10.78.0.9"}, "no address for a container here"),
        ({"network": "web", "address": "fd00::9"}, "no IPv4 address"),
        ({"network": "web", "aliases": ["a b"]}, "is no name for a name server"),
        ({"network": "web", "aliases": ["a" * 300]}, "is no name for a name server"),
        ({"network": "web", "aliases": [""]}, "is no name for a name server"),
        ({"network": "web", "publish": {0: 80}}, "a port cannot be 0"),
        ({"network": "web", "publish": {70000: 80}}, "a port cannot be 70000"),
        ({"network": "web", "publish": {8080: 70000}}, "a container's port cannot be 70000"),
        ({"network": "web", "publish": {8080: "80"}}, "a container's port cannot be '80'"),
        ({"network": "web", "publish": {"8080/sctp": 80}}, "the protocol is tcp or udp"),
        ({"network": "web", "publish": {"1.2.3.4:8080": 80}}, "1.2.3.4 is no address of this machine"),
        ({"network": "web", "publish": {"host:8080": 80}}, "is no IPv4 address"),
        ({"network": "web", "publish": [8080]}, "publishes nothing"),
        ({"network": "web", "recipe": Recipe([])}, "a recipe without a network namespace"),
        ({"network": "web", "recipe": Recipe([NewNamespace("uts")])}, "a recipe without a network namespace"),
    ],
)
def test_a_start_that_is_refused(lab: Lab, words: dict[str, Any], why: str) -> None:
    with refused(match=why):
        lab.start(["sleep", "1000"], **words)
    if "recipe" not in words and "1.2.3.4" not in str(words):
        with refused(match=why):
            lab.container("box", **words)
        assert lab.containers == {}


def test_wrong_kinds_of_arguments(lab: Lab) -> None:
    for words in ({"network": 5}, {"network": "web", "aliases": "db"}, {"network": "web", "aliases": [7]}):
        with pytest.raises(BadInput) as raised:
            lab.run(["true"], **words)
        assert "\n" not in str(raised.value) and len(str(raised.value)) < 400


def test_a_network_of_another_lab(lab: Lab, web: Network) -> None:
    with Lab(private=True) as other:
        with refused(match="belongs to another lab"):
            other.run(["true"], network=web)
        with refused(match="there is no network 'web'"):
            other.run(["true"], recipe=lab.recipe(network=web))
        other.network("other")
        with other.container("stranger") as stranger:
            stranger.apply(NewNamespace("net"))
            with refused(match="another lab"):
                web.connect(stranger)
    for use in (lambda: other.network("late"), lambda: other.networks["other"].end()):
        with refused(match="this lab is closed"):
            use()


def test_a_recipe_is_for_one_container_at_a_time(lab: Lab, web: Network) -> None:
    recipe = lab.recipe("first", network=web)
    program = lab.start(["sleep", "1000"], recipe=recipe)
    with refused(match="belongs to the container first (a new recipe has a new address)"):
        lab.run(["true"], recipe=recipe)
    with lab.container("box") as box:
        box.apply(NewNamespace("net"))
        with refused(match="belongs to the container first"):
            box.apply(next(step for step in recipe if isinstance(step, Veth)))
    assert program.alive
    program.kill()
    program.wait()
    assert lab.run(["true"], recipe=recipe).returncode == 0


def test_a_start_that_fails_gives_all_back(lab: Lab, web: Network) -> None:
    with pytest.raises(OSError, match="ENOENT"):
        lab.run(["/no/such/program"], network=web)
    with walled(lab, "box", network=web) as box, pytest.raises(BadInput, match="is at the network web already"):
        web.connect(box)


@pytest.mark.parametrize("way", ["start", "container"])
def test_a_cable_that_cannot_be_made(lab: Lab, web: Network, way: str) -> None:
    """Its index is another interface's: as little can be done as where the kernel knows no cables."""
    address = "10.77.0.200" if way == "start" else "10.77.0.201"
    other = web.end(address).port
    lab.host.carry(netlink.request(netlink.new_link("other", "bridge", index=other)))
    port = free_port()
    words: dict[str, Any] = {"network": web, "address": address, "publish": {port: 80}, "aliases": ["db"]}
    with pytest.raises(CallError) as raised:
        if way == "start":
            lab.start(["sleep", "1000"], **words)
        else:
            walled(lab, "box", **words)
    assert raised.value.errno == EEXIST and "\n" not in str(raised.value)
    for box in list(lab.containers.values()):
        box.kill()
    lab.host.carry(netlink.request(netlink.delete_link(other)))
    assert is_free(port) and not [name for name in web.containers if name]


def test_a_full_subnet(lab: Lab) -> None:
    small = lab.network("small", subnet="10.79.0.0/29")
    programs = [lab.start(["sleep", "1000"], network=small) for _ in range(5)]
    with refused(match="the subnet 10.79.0.0/29 has no free address: 5 containers have one"):
        lab.run(["true"], network=small)
    os.kill(programs[0].machine_pid, signal.SIGKILL)
    await_end(programs[0].machine_pid)  # no caller waits for it
    for _ in range(3):
        assert lab.run(["true"], network=small).returncode == 0
    for program in programs:
        program.kill()
        program.wait()
    small.remove()


@pytest.mark.complete
def test_a_full_bridge(lab: Lab) -> None:
    large = lab.network("large", subnet="172.20.0.0/16")
    programs = [lab.start(["sleep", "1000"], network=large) for _ in range(1023)]
    with refused(match="has no free address: 1023 containers have one"):
        lab.run(["true"], network=large)
    for program in programs:
        program.kill()
        program.wait()
    large.remove()


@pytest.mark.repeat(few=100, many=1000)
def test_many_starts_leave_nothing_and_addresses_come_round(lab: Lab, repeats: int) -> None:
    small = lab.network("small", subnet="10.79.0.0/28", ipv6=True)
    said = [
        lab.run(["ip", "-4", "-o", "address", "show", "eth0"], network=small).stdout.split()[3] for _ in range(repeats)
    ]
    assert said == [f"10.79.0.{2 + number % 13}/28" for number in range(repeats)]
    small.remove()
