"""Exercise 5.2: a cable, two addresses, two links that are up."""

from __future__ import annotations

from random import Random

from .... import steps
from ....kernel import netlink
from ...grading import Exercise, Ground, KernelView, Misconception, Requirement, Submission, Values
from ..kit.network_truth import Heard, InterfaceSeen, connection_between, interfaces
from ..kit.networks import FIRST, in_own_networks, interfaces_in_words, lay_cable, remove_links, switch_on

LOOSE = (5201, 5202)  # indexes of ends on the host, of the cables that a misconception lays


class LonelyTwo(Exercise):
    """A deed: two containers with nothing but lo are joined; a connection of the check's own proves it."""

    id = "5.2"
    title = "Two lonely containers"
    question = """{one} and {two} have a network namespace each, and in it nothing but lo. Join them, by a cable or by a
    bridge: {one} has the address {address_one} then, {two} has {address_two}, and a connection from {one} reaches
    {two}. Each keeps its own network namespace."""
    hints = (
        """Three things are missing: a way between the two (a veth pair with one end in each, or two cables to one
        bridge), an address at each end, and each end must be up.""",
        """For the shortest way, {one} makes the pair and puts the other end into the namespace of {two}. With
        pyctr_lab.kernel.netlink that is new_link("eth0", "veth", index=10, peer=...). The attributes of the peer name
        the process: link_attributes(name="eth0", pid=ground["{two}"].pid), with "index": 10 beside them.""",
        """ground["{one}"].carry(netlink.request(netlink.new_link(...))) makes it. Then for each of the two
        box.apply(steps.Address("{address_one}")), with its own address, and box.apply(steps.LinkUp()).""",
    )
    misconceptions = (
        Misconception(
            believes="An interface with a cable and an address is on.",
            explains=(3,),
            message="""There is a cable, and the addresses are right, but an end of it is down, as each new interface
            is. One end that is down is enough: the other has no carrier then. Each end is switched on for itself.""",
            sign=lambda view, answer: all(addressed(view)) and not all(ends_up(view)),
            act=lambda ground: cabled(ground, up=False),
        ),
        Misconception(
            believes="Two containers in one network namespace are joined.",
            explains=(1,),
            message="""They are in one namespace now: that is one network with one lo, and nothing in it is joined to
            anything. To be joined, each needs an end of its own in a namespace of its own. There is no way back into
            the old one: ground = exercises.start("5.2", lab).""",
            sign=lambda view, answer: view.same(*lonely_pair(view), "net"),
            act=lambda ground: ground[ground.values["two"]].apply(
                steps.JoinNamespace("net", ground[ground.values["one"]].pid)
            ),
        ),
        Misconception(
            believes="Two cables to the same host meet there.",
            explains=(4,),
            message="""Each of them has a cable to the host, and on the host these are two interfaces that have nothing
            to do with each other. Only a bridge takes a packet from one of its ports to another: plug both ends into
            one, or lay one cable from container to container.""",
            sign=lambda view, answer: all(ends_up(view)) and loose(view),
            act=lambda ground: to_the_host(ground),
        ),
        Misconception(
            believes="The length of the prefix is an ornament.",
            explains=(2,),
            message="""The address is right, and its prefix is not. Its length says which addresses are neighbours, to
            be reached directly: with /32 none is.""",
            sign=lambda view, answer: not all(addressed(view)) and all(addressed(view, prefix=False)),
            act=lambda ground: cabled(ground, prefix="/32"),
        ),
    )
    after = "A cable, an address with its prefix, and up, at both ends: no network is more than that."
    names = ("atoll", "cay", "islet", "skerry")

    def values(self, random: Random) -> Values:
        one, two = names = random.sample(self.names, 2)
        subnet = f"10.{random.randrange(41, 70)}.{random.randrange(1, 250)}"
        first, second = random.sample(range(2, 250), 2)
        return {"names": names, "one": one, "two": two,
                "address_one": f"{subnet}.{first}/24", "address_two": f"{subnet}.{second}/24"}  # fmt: skip

    def setup(self, ground: Ground) -> None:
        for name in sorted(ground.values["names"]):
            ground.add(name).apply(steps.NewNamespace("net"))

    def teardown(self, ground: Ground) -> None:
        remove_links(ground, [*LOOSE])

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        one, two = lonely_pair(view)
        there, own = interfaces(view, one, two), in_own_networks(view, one, two)
        address = view.values["address_two"].partition("/")[0]
        heard = connection_between(view, one, two, address) if own else Heard(why="is not tried within one namespace")
        seen = "; ".join(f"{name} has {interfaces_in_words(there[name])}" for name in (one, two))
        return [
            Requirement(
                name="each has a network namespace of its own",
                met=own,
                observed=f"{view.link(one, 'net')}, and {two} {'has another' if own else 'has it too, or the host'}",
                expected="three inodes: of each container, and of the host",
                why="a network joins namespaces; in one and the same there is nothing to join",
                look="/proc/PID/ns/net of each",
                given=True,
            ),
            Requirement(
                name="each has its address",
                met=all(addressed(view, there)),
                observed=f"measured by netlink: {seen}",
                expected=f"{view.values['address_one']} in {one}, {view.values['address_two']} in {two}",
                why="a packet is sent to an address, and the prefix says who is a neighbour",
                look=f'ground["{one}"].run(["ip", "address"]); steps.Address(...)',
            ),
            Requirement(
                name="each end is up, and has a carrier",
                met=all(ends_up(view, there)),
                observed=f"measured by netlink: {seen}",
                expected="at both ends an interface with the address, up, and its other end up, too",
                why="an interface that is down takes and gives nothing, and its peer has no carrier",
                look=f'ground["{one}"].run(["ip", "link"]); steps.LinkUp()',
            ),
            Requirement(
                name=f"a connection from {one} reaches {two}",
                met=bool(heard.text),
                observed=f"measured: a connection from {one} to {address} {heard}",
                expected="an answer from a socket that listens in the namespace of the other",
                why="interfaces and addresses are there for this",
                look="where the cable of each ends: the peer index, and on the host the bridge of each port (master)",
            ),
        ]  # fmt: skip

    def solution(self, ground: Ground) -> object:
        from pyctr_lab.kernel import netlink

        one, two = ground[ground.values["one"]], ground[ground.values["two"]]
        peer = {"index": 10, **netlink.link_attributes(name="eth0", pid=two.pid)}
        one.carry(netlink.request(netlink.new_link("eth0", "veth", index=10, peer=peer)))
        for box, address in ((one, "address_one"), (two, "address_two")):
            box.apply(steps.Address(ground.values[address]))
            box.apply(steps.LinkUp())
        return None


# --- done on a ground
def cabled(ground: Ground, *, up: bool = True, prefix: str = "") -> None:
    """One cable between the two, with addresses; without being set up, or with other prefixes."""
    boxes = [ground[ground.values[name]] for name in ("one", "two")]
    lay_cable(*boxes)
    for box, name in zip(boxes, ("address_one", "address_two"), strict=True):
        address = ground.values[name]
        address = address.partition("/")[0] + prefix if prefix else address
        if up:
            switch_on(box, address)
        else:
            box.apply(steps.Address(address))


def to_the_host(ground: Ground) -> None:
    """A cable from each of the two to the host, and no bridge there."""
    for name, index in zip(("one", "two"), LOOSE, strict=True):
        box = ground[ground.values[name]]
        peer = {"index": FIRST, **netlink.link_attributes(name="eth0", pid=box.pid)}
        ground.lab.host.carry(netlink.request(netlink.new_link(f"v{index}", "veth", index=index, up=True, peer=peer)))
        switch_on(box, ground.values[f"address_{name}"])


# --- read by a check
Found = dict[str, list[InterfaceSeen]]


def lonely_pair(view: KernelView) -> tuple[str, str]:
    """The names of the two."""
    return view.values["one"], view.values["two"]


def having_address(view: KernelView, there: Found, name: str, *, prefix: bool = True) -> list[InterfaceSeen]:
    """The interfaces of one of the two that have its address; lo leads nowhere."""
    address = view.values["address_one" if name == view.values["one"] else "address_two"]
    wanted = address if prefix else address.partition("/")[0]
    return [
        each
        for each in there[name]
        if not each.loopback and wanted in (own if prefix else own.partition("/")[0] for own in each.addresses)
    ]


def addressed(view: KernelView, there: Found | None = None, *, prefix: bool = True) -> list[bool]:
    """For each of the two, whether it has its address."""
    there = interfaces(view, *lonely_pair(view)) if there is None else there
    return [bool(having_address(view, there, name, prefix=prefix)) for name in lonely_pair(view)]


def ends_up(view: KernelView, there: Found | None = None) -> list[bool]:
    """For each of the two, whether an interface with its address is up and has a carrier."""
    there = interfaces(view, *lonely_pair(view)) if there is None else there
    return [any(each.up and each.carrier for each in having_address(view, there, name)) for name in lonely_pair(view)]


def loose(view: KernelView) -> bool:
    """Whether the cable of each of the two ends on the host, and there at no bridge."""
    there = interfaces(view, "host", *lonely_pair(view))
    host = {each.index: each for each in there["host"]}
    ends = [host.get(each.peer) for name in lonely_pair(view) for each in having_address(view, there, name)]
    return len(ends) == 2 and all(end is not None and not end.master for end in ends)
