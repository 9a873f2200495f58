"""The steps of a network: `ip` does the same as each, and the kernel says so in its dumps."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from errno import EEXIST, ENETUNREACH, ENODEV

import pytest

from pyctr_lab import CallError, Container, Lab
from pyctr_lab.errors import BadInput, Harm, OrderError
from pyctr_lab.kernel import netlink
from pyctr_lab.networks import Network
from pyctr_lab.networks.links import dump, list_links
from pyctr_lab.networks.view import Link
from pyctr_lab.steps import (
    Address,
    LinkUp,
    LoopbackUp,
    NetworkEnd,
    NewNamespace,
    PrivatePropagation,
    ReadOnlyRoot,
    Recipe,
    Resolver,
    Route,
    Step,
    Tmpfs,
    Veth,
)

pytestmark = [
    pytest.mark.machine,
    pytest.mark.skipif(not shutil.which("ip"), reason="needs ip"),
]


@pytest.fixture(scope="module")
def web(lab: Lab) -> Iterator[Network]:
    network = lab.network("steps", ipv6=True, mtu=1400, isolated=True)
    yield network
    network.remove()


@pytest.fixture
def walled(box: Container) -> Container:
    box.apply(NewNamespace("net"))
    return box


def seen(link: Link) -> Link:
    """What does not differ from one cable to the next: not its counter, its peer, or what the kernel chose."""
    addresses = tuple(each for each in link.addresses if not each.startswith("fe80"))
    mac = link.mac if link.mac.startswith("02:42") else ""
    return replace(link, packets=0, carrier=True, addresses=addresses, mac=mac)


def state(lab: Lab, pid: int, port: int) -> tuple[list[Link], list[Link], list[object]]:
    """Interfaces inside, the port outside, and what else the kernel says of addresses, routes and the port."""
    addresses: list[object] = [
        (each.fields, each.attributes)
        for each in dump(lab.world, pid, "addresses")
        if not str(each.attributes["IFA_ADDRESS"]).startswith("fe80")
    ]
    routes: list[object] = [
        ({**each.fields, "rtm_flags": 0}, each.attributes)
        for each in dump(lab.world, pid, "routes")
        if each.fields["rtm_table"] == 254 and not str(each.attributes.get("RTA_DST", "")).startswith(("fe80", "ff"))
    ]
    ports: list[object] = [
        each.attributes["IFLA_LINKINFO"]
        for each in dump(lab.world, lab.world.machine_pid, "links")
        if each.fields["ifi_index"] == port
    ]
    outside = [seen(link) for link in list_links(lab.world, lab.world.machine_pid) if link.index == port]
    return [seen(link) for link in list_links(lab.world, pid)], outside, [*addresses, *routes, *ports]


def done_by_ip(lab: Lab, steps: Sequence[Step], box: Container) -> None:
    """The shell form of each step, from outside, or inside the network namespace of the process."""
    for step in steps:
        inside = [] if step.shell_form == "outside" else ["nsenter", f"--net=/proc/{box.pid}/ns/net"]
        done = lab.host.run(
            [*inside, "sh", "-c", step.shell()], env={"pid": str(box.pid), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        )
        assert done.returncode == 0, (step, done.stderr)


def test_ip_does_what_the_steps_do(lab: Lab, web: Network, walled: Container) -> None:
    end = web.end()
    steps = [*web.steps(end), Route(web.router, "10.200.0.0/16")]
    assert [type(step) for step in steps] == [Veth, Address, Address, LinkUp, Route, Route, Route]
    for step in steps:
        walled.apply(step)
    ours = state(lab, walled.machine_pid, end.port)
    assert ours[0][1].addresses == end.addresses and ours[1][0].mtu == 1400 and len(ours[2]) == 8
    walled.kill()
    with lab.container("other") as other:
        other.apply(NewNamespace("net"))
        lab.host.run(["ip", "link", "delete", f"v{end.port}"])  # unless the kernel has removed it by now
        done_by_ip(lab, steps, other)
        assert state(lab, other.machine_pid, end.port) == ours


def test_a_cable_to_the_host_alone(lab: Lab, walled: Container) -> None:
    end = NetworkEnd("", 0, 30_001)
    walled.apply(Veth(end))
    walled.apply(Address("10.201.0.2/24"))
    walled.apply(LinkUp())
    lab.host.carry(netlink.request(netlink.new_address(30_001, "10.201.0.1/24")))
    assert walled.run(["busybox", "ping", "-c1", "-W5", "10.201.0.1"]).returncode == 0
    ours = state(lab, walled.machine_pid, end.port)
    assert ours[0][1].peer == end.port and ours[1][0].addresses == ("10.201.0.1/24",)
    walled.kill()
    with lab.container("other") as other:
        other.apply(NewNamespace("net"))
        lab.host.run(["ip", "link", "delete", "v30001"])
        done_by_ip(lab, [Veth(end), Address("10.201.0.2/24"), LinkUp()], other)
        theirs = state(lab, other.machine_pid, end.port)
    assert without_mac(theirs[0]) == without_mac(ours[0]) and theirs[2] == ours[2]


def without_mac(links: Sequence[Link]) -> list[Link]:
    return [replace(link, mac="") for link in links]


def test_the_name_server_is_named_in_the_root(lab: Lab, web: Network) -> None:
    step = Resolver(("10.1.0.1", "fd00::1"))
    recipe = list(lab.recipe())
    place = next(place for place, each in enumerate(recipe) if isinstance(each, ReadOnlyRoot))
    run = lab.run(["cat", "/etc/resolv.conf"], recipe=Recipe([*recipe[:place], step, *recipe[place:]]))
    assert run.stdout == step.text == "nameserver 10.1.0.1\nnameserver fd00::1\noptions ndots:0\n"
    root = "unshare --mount sh -c"
    inside = f"mount -t tmpfs none /mnt && mkdir /mnt/etc && ln -s /etc/hosts /mnt/etc/resolv.conf && {step.shell()}"
    done = lab.host.run([*root.split(), f"{inside} && cat /mnt/etc/resolv.conf && ! test -L /mnt/etc/resolv.conf"])
    assert (done.returncode, done.stdout) == (0, step.text), done.stderr


def test_a_link_in_an_image_leads_out_of_no_root(lab: Lab) -> None:
    """/etc/resolv.conf, or /etc itself, may be a link to a file of the lab's."""
    step = Resolver(("10.1.0.1",))
    for inside in ("mkdir /mnt/etc && ln -s /var/tmp/hit /mnt/etc/resolv.conf", "ln -s /var/tmp /mnt/etc"):
        with lab.container("box") as box:
            for each in (NewNamespace("mnt"), PrivatePropagation(), Tmpfs("/mnt"), Tmpfs("/var/tmp")):
                box.apply(each)
            box.run(["sh", "-c", inside])
            with suppress(CallError):
                box.apply(step)
            assert box.run(["ls", "/var/tmp"]).stdout == ""


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ([Veth(NetworkEnd("", 0, 30_002))], "network namespace"),
        ([NewNamespace("net"), Address("10.0.0.2/24")], "interface"),
        ([NewNamespace("net"), LinkUp()], "interface"),
        ([NewNamespace("net"), LoopbackUp(), Route("10.0.0.1")], "link|router|address"),
    ],
)
def test_steps_out_of_order_are_refused_with_a_reason(steps: list[Step], why: str) -> None:
    with pytest.raises(OrderError, match=why) as raised:
        Recipe(steps)
    assert len(str(raised.value)) < 400 and "\n" not in str(raised.value)


@pytest.mark.parametrize("step", [Veth(NetworkEnd("", 0, 30_003)), Address("10.0.0.2/24"), LinkUp(), Route("10.0.0.1")])
def test_the_labs_own_network_is_not_changed(box: Container, step: Step) -> None:
    with pytest.raises(Harm, match="network namespace"):
        box.apply(step)


def test_a_cable_whose_number_is_taken_says_so(lab: Lab, walled: Container) -> None:
    walled.apply(Veth(NetworkEnd("", 0, 30_007)))
    with pytest.raises(CallError, match="host has an interface 30007") as raised:
        walled.apply(Veth(NetworkEnd("", 0, 30_007)))
    assert raised.value.errno == EEXIST


def test_a_refused_step_explains_itself_and_leaves_nothing(lab: Lab, walled: Container) -> None:
    for step, errno in ((LinkUp(), ENODEV), (Address("10.0.0.2/24"), ENODEV), (Route("10.0.0.1"), ENETUNREACH)):
        with pytest.raises(CallError) as raised:
            walled.apply(step)
        assert raised.value.errno == errno and raised.value.hint and len(str(raised.value)) < 1000
    assert [link.name for link in list_links(lab.world, walled.machine_pid)] == ["lo"]


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: Veth("web"), "a cable needs an end"),  # type: ignore[arg-type]
        (lambda: NetworkEnd("web", 100, 0), "a port's index"),
        (lambda: NetworkEnd("web", 100, 5, mtu=0), "MTU"),
        (lambda: NetworkEnd("web", 100, 5, name="a b"), "no name for an interface"),
        (lambda: NetworkEnd("web", 100, 5, addresses=("10.0.0.1",)), "no address with a prefix"),
        (lambda: Address("10.0.0.300/24"), "no address with a prefix"),
        (lambda: Address("10.0.0.1/24", 0), "an interface's index"),
        (lambda: LinkUp(-1), "an interface's index"),
        (lambda: Route("nowhere"), "no address"),
        (lambda: Route("10.0.0.1", "10.0.0.1/8"), "no network"),
        (lambda: Resolver(("localhost",)), "no address"),
        (lambda: Resolver("10.0.0.1"), "a list"),  # type: ignore[arg-type]
    ],
)
def test_a_wrong_argument_is_refused_in_one_line(make, why: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadInput, match=why) as raised:
        make()
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 400


def test_a_script_has_no_network_of_a_lab(lab: Lab, web: Network) -> None:
    with pytest.raises(BadInput, match=r"a script has no cable to steps: a network is its lab's \(leave"):
        lab.recipe(network=web).shell()
    assert "ip link" in lab.recipe().shell()
