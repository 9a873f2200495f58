"""An errno in the bytes of an answer is the call's: the list stops there, by each way of starting."""

from __future__ import annotations

from collections.abc import Iterator
from errno import EEXIST, ENETUNREACH, ENODEV, EOPNOTSUPP

import pytest

from pyctr_lab import CallError, Lab
from pyctr_lab.kernel import netlink
from pyctr_lab.kernel.netlink import NetlinkMessage
from pyctr_lab.networks.links import list_links
from pyctr_lab.steps import Address, NewNamespace, Recipe, Route, Step

pytestmark = pytest.mark.machine
BRIDGE = netlink.new_link("br0", "bridge", index=100, up=True)
AFTER = netlink.new_link("br1", "bridge", index=101)


@pytest.fixture(scope="module", params=["auto", "fork"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    with Lab(start=request.param, private=True) as made:
        yield made


@pytest.mark.parametrize(
    ("message", "errno", "text"),
    [
        (netlink.new_link("x0", "nonsense"), EOPNOTSUPP, "Unknown device type"),
        (netlink.new_route("10.99.0.1", 100), ENETUNREACH, "Nexthop has invalid gateway"),
        (netlink.new_link("br0", "bridge"), EEXIST, ""),
        (netlink.delete_link(999), ENODEV, ""),
    ],
)
def test_a_refusal_stops_the_list_of_a_live_process(lab: Lab, message: NetlinkMessage, errno: int, text: str) -> None:
    with lab.container("box") as box:
        box.apply(NewNamespace("net"))
        before = box.carry(netlink.request(BRIDGE))
        assert [answer.call.name for answer in before] == ["socket", "setsockopt", "sendto", "recvfrom", "close"]
        with pytest.raises(CallError) as raised:
            box.carry(netlink.request(netlink.new_address(100, "10.1.0.1/24"), message, AFTER))
        why = raised.value
        assert (why.errno, why.call.name if why.call else "", len(why.answers)) == (errno, "recvfrom", 6)
        assert text in why.hint and "\n" not in str(why)
        assert "error=-" in str(why.answers[-1]) and "error=0" in str(why.answers[3])
        links = [link for link in list_links(lab.world, box.machine_pid) if link.index > 99]
        assert [(link.name, link.addresses[:1]) for link in links] == [("br0", ("10.1.0.1/24",))]


@pytest.mark.parametrize(
    ("step", "errno", "text"),
    [
        (Route("10.99.0.1"), ENETUNREACH, "Nexthop has invalid gateway"),
        (Address("10.88.0.9/24", 77), ENODEV, ""),  # newer kernels than 6.1 say "Device not found"
    ],
)
def test_a_refusal_stops_a_start(lab: Lab, step: Step, errno: int, text: str) -> None:
    network = lab.network("web", subnet="10.88.0.0/24")
    steps = list(lab.recipe(network=network))
    behind = max(place for place, each in enumerate(steps) if isinstance(each, Route)) + 1
    with pytest.raises(CallError) as raised:
        lab.run(["true"], recipe=Recipe([*steps[:behind], step, *steps[behind:]]))
    assert raised.value.errno == errno and text in raised.value.hint
    assert network.containers == [] and lab.run(["true"], network=network).returncode == 0
