"""Exercise 5.3: one thing of five is wrong between two containers and the router between them."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import TYPE_CHECKING, Any

from .... import LabError, steps
from ....kernel import MS_BIND, mount, netlink
from ...grading import Exercise, Ground, KernelView, Misconception, Requirement, Submission, Values, Word
from ..kit import PLACE, as_it_was, fingerprint_of
from ..kit.network_truth import Heard, gateways, heard_from, interfaces, rules
from ..kit.networks import (
    FIRST,
    NFT,
    WEB,
    add_apart,
    begin_server,
    hosts_entry,
    interfaces_in_words,
    lay_cable,
    rules_of,
    switch_on,
)

if TYPE_CHECKING:
    from ....runtime import Container

LINK, MASK, ROUTE, RULE, NAME = FAULTS = ("link", "mask", "route", "rule", "name")
SECOND = FIRST + 1  # the index of the router's eth1
PARTS = ("client", "router", "server")
CHAIN = "add table ip way\nadd chain ip way through { type filter hook forward priority 0; }\n"
WRONG = {
    LINK: "an interface of the router was down",
    MASK: "an address had the prefix /16, whose neighbours are behind the router",
    ROUTE: "one of the two had no default route",
    RULE: "the router's ruleset had a rule that drops",
    NAME: "the name stood for an address that no container has",
}


class WhatIsBroken(Exercise):
    """A small network with one fault: the learner names it, and repairs it; a connection of the check's proves it."""

    id = "5.3"
    title = "What is broken here?"
    question = """{client} ({client_address}) and {server} ({server_address}) each have a cable to {router}, which
    routes between them; {server} has a server at port 80. {client} connects to the name {host}, which its /etc/hosts
    has, and gets no answer: one thing is wrong. Either an interface is down ("link"), an address has a wrong prefix
    ("mask"), a route is missing ("route"), a rule of nftables drops ("rule"), or the name leads to an old address
    ("name"). Which is it? Repair that one thing, and lay no new cables. All addresses are meant to be /24, and {router}
    is meant to have .1 on both sides."""
    wants = Word("one of the five words, when you have repaired it", "...", choices=FAULTS)
    hints = (
        """Follow a packet from {client}, and ask at each place: to which address does the name lead; is there a route
        to that address; is each end of each cable up; does a rule stand in the way; and is there a way back?""",
        """`cat /etc/hosts` and `ip route` in {client}; `ip link` and `nft list ruleset` in {router}; `ip address` and
        `ip route` in {server}. What is right at one end must be right at the other, too: the answer has to come back.
        ground["{router}"].run(["ip", "link"]).stdout asks.""",
        """To repair: `ip link set eth1 up`; `ip address add .../24 dev eth0` and then `ip address del .../16 dev
        eth0`; `ip route add default via ...1`; `nft flush ruleset`; or the right address into /etc/hosts of {client},
        by sh -c "echo {server_address} {host} > /etc/hosts". One of the five is needed.""",
    )
    misconceptions = (
        Misconception(
            believes="It does not matter on which way they reach each other.",
            explains=(3,),
            message="""The network is another one now: a namespace or a cable is not the one of the start. That goes
            round the fault, and leaves it there for all others. ground = exercises.start("5.3", lab) makes the
            network afresh.""",
            sign=lambda view, answer: shape(view) != view.facts["start"],
            act=lambda ground: round_the_fault(ground),
        ),
        Misconception(
            believes="A fault that has been found is a fault that has been repaired.",
            explains=(2,),
            message="""You have named it, and it still stands: no connection gets through yet. Change what is wrong, at
            the place where you have seen it.""",
            sign=lambda view, answer: answer == fault_of(view.values),
            act=lambda ground: fault_of(ground.values),
        ),
        Misconception(
            believes="What was changed last before it worked was the fault.",
            explains=(1,),
            message="""It works now, and what you name was in order all the time. Who changes several things until it
            works does not know which one it was: look first, and change the one thing that is wrong. Fresh ground has
            the same fault: ground = exercises.start("5.3", lab).""",
            sign=lambda view, answer: is_right_now(view, fault_of(view.values)),
            act=lambda ground: repaired(ground, other_than(fault_of(ground.values))),
        ),
        Misconception(
            believes="No answer is no answer: any of the five may be behind it.",
            explains=(1,),
            message="""How a connection fails tells a lot. An error at once: the client, or the router, knows no way
            on, for a route or a link is missing. Silence: no neighbour has that address (after three seconds an error
            says "No route to host"), or a packet was dropped, or the answer finds no way back.""",
            sign=lambda view, answer: answer in FAULTS,
            act=lambda ground: other_than(fault_of(ground.values)),
        ),
    )
    after = "Name, route, link, rule, and the same way back: asked one by one, the kernel says which it is."
    names = ("baker", "cooper", "fletcher", "glover", "tanner", "weaver")
    shows = ("client_router", "server_router")

    def values(self, random: Random) -> Values:
        names, net = random.sample(self.names, 3), f"10.{random.randrange(72, 87)}"
        near, far = random.sample(range(1, 250), 2)
        fault, instead = random.choice(FAULTS), random.choice([each for each in FAULTS if each != RULE])
        return {
            "names": names, **dict(zip(PARTS, names, strict=True)), "fault": fault, "instead": instead,
            "host": random.choice(("archive", "bakery", "counter", "ledger")),
            "side": random.choice(("client", "server")),
            "client_address": f"{net}.{near}.{random.randrange(2, 120)}", "client_router": f"{net}.{near}.1",
            "server_address": f"{net}.{far}.{random.randrange(2, 120)}", "server_router": f"{net}.{far}.1",
            "old_address": f"{net}.{far}.{random.randrange(130, 250)}", "mark": f"{random.getrandbits(48):012x}",
        }  # fmt: skip

    def setup(self, ground: Ground) -> None:
        for name in sorted(ground.values["names"]):
            add_apart(ground, name)
        client, router, server = (box_playing(ground, part) for part in PARTS)
        begin_server(ground, server, ground.values["mark"])
        lay_cable(client, router)
        lay_cable(server, router, other_index=SECOND)
        fault = fault_of(ground.values)
        for part, box, index in (("client", client, FIRST), ("server", server, SECOND)):
            switch_on(router, f"{ground.values[f'{part}_router']}/24", index=index)
            bad_mask = fault == MASK and part == ground.values["side"]
            switch_on(box, f"{ground.values[f'{part}_address']}/{16 if bad_mask else 24}")
            if not (fault == ROUTE and part == ground.values["side"]):
                box.apply(steps.Route(ground.values[f"{part}_router"]))
        forwards(router)
        own_hosts(client, ground.values["old_address" if fault == NAME else "server_address"], ground.values["host"])
        if fault == LINK:
            router.carry(netlink.request(netlink.set_link(SECOND, up=False)))
        if fault == RULE:
            rules_of(router, CHAIN + f"add rule ip way through tcp dport {WEB} drop\n")
        ground.facts["start"] = shape(ground.view())

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        values, fault = view.values, fault_of(view.values)
        address = hosts_entry(view, values["client"], values["host"])
        heard = heard_from(view, values["client"], address, WEB) if address else Heard(why="is not tried without one")
        return [
            Requirement(
                name="the fault is the one that you name",
                met=answer == fault,
                observed=f"measured at the start: {WRONG[fault]}" if answer == fault else
                f"measured now, about {answer!r}: {about(view, str(answer))}",
                expected="the one thing of the five that was wrong at the start",
                why="what is not known cannot be mended on purpose",
                look="the five, in the order in which a packet meets them",
            ),
            Requirement(
                name=f"{values['client']} gets an answer from {values['host']}",
                met=values["mark"] in heard.text,
                observed=f"/proc/{view.pid(values['client'])}/root/etc/hosts has {address or 'no address'} for it, and"
                f" measured: a connection there, to port {WEB}, {heard}",
                expected=f"the answer of the server of {values['server']}",
                why="a network is in order when what was sent arrives, and the answer comes back",
                look=f"each of the five, in {values['client']}, {values['router']} and {values['server']}",
            ),
            as_it_was(view, shape(view), "namespaces and cables, by /proc/PID/ns/net and netlink,"),
        ]  # fmt: skip

    def solution(self, ground: Ground) -> object:
        values = ground.values
        client, router, server = (ground[values[part]] for part in ("client", "router", "server"))
        fault = "name"
        for box, part in ((client, "client"), (server, "server")):
            address, gateway = values[f"{part}_address"], values[f"{part}_router"]
            if f"{address}/16" in box.run(["ip", "address"]).stdout:
                fault = "mask"
                box.run(["ip", "address", "add", f"{address}/24", "dev", "eth0"])
                box.run(["ip", "address", "del", f"{address}/16", "dev", "eth0"])
            if "default" not in box.run(["ip", "route"]).stdout:
                fault = "route"
                box.run(["ip", "route", "add", "default", "via", gateway])
        if "state DOWN" in router.run(["ip", "link", "show", "eth1"]).stdout:
            fault = "link"
            router.run(["ip", "link", "set", "eth1", "up"])
        if "drop" in router.run(["sh", "-c", "nft list ruleset"]).stdout:
            fault = "rule"
            router.run(["nft", "flush", "ruleset"])
        if fault == "name":
            client.run(["sh", "-c", f"echo {values['server_address']} {values['host']} > /etc/hosts"])
        return fault


# --- made for a ground
def fault_of(values: Mapping[str, Any]) -> str:
    """The fault of a variant; without nft another one than a rule."""
    fault: str = values["fault"] if NFT or values["fault"] != RULE else values["instead"]
    return fault


def other_than(fault: str) -> str:
    """A fault that it is not."""
    return FAULTS[FAULTS.index(fault) - 1]


def box_playing(ground: Ground, part: str) -> Container:
    """The container that plays a part."""
    return ground[ground.values[part]]


def forwards(router: Container) -> None:
    """Let a container hand on packets that are meant for others: see ip-sysctl of the kernel."""
    done = router.run(["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"])
    if done.returncode:
        raise LabError(f"the router cannot be switched on: {done.stderr.strip()[:200]}")


def own_hosts(box: Container, address: str, host: str) -> None:
    """An /etc/hosts of its own that has one name."""
    for step in (steps.NewNamespace("mnt"), steps.PrivatePropagation(), steps.Tmpfs(PLACE)):
        box.apply(step)
    write_hosts(box, address, host, f"{PLACE}/hosts")
    box.call(mount(f"{PLACE}/hosts", "/etc/hosts", None, MS_BIND))


def write_hosts(box: Container, address: str, host: str, path: str = "/etc/hosts") -> None:
    """Have the file say where a name leads."""
    done = box.run(["sh", "-c", f"echo {address} {host} > {path}"])
    if done.returncode:
        raise LabError(f"{path} cannot be written: {done.stderr.strip()[:200]}")


# --- done on a ground
def repaired(ground: Ground, answer: str) -> str:
    """Repair the fault, and return another answer."""
    ground.exercise.solution(ground)  # type: ignore[attr-defined]
    return answer


def round_the_fault(ground: Ground) -> str:
    """Have the client enter the server's network namespace. Return the right answer."""
    box_playing(ground, "client").apply(steps.JoinNamespace("net", box_playing(ground, "server").pid))
    return fault_of(ground.values)


# --- read by a check
def shape(view: KernelView) -> str:
    """A fingerprint of the namespaces, and of the cables between them."""
    there = interfaces(view, *sorted(view.values["names"]))
    found = [f"{name} {view.namespace(name, 'net')} {each.index} {each.peer}" for name in there for each in there[name]]
    return fingerprint_of(found)


def right_lengths(view: KernelView) -> dict[str, bool]:
    """For the client and for the server, whether its address has the length that it should have."""
    parts = {view.values[part]: f"{view.values[f'{part}_address']}/24" for part in ("client", "server")}
    found = interfaces(view, *parts)
    return {name: [address] == [own for each in found[name] if not each.loopback for own in each.addresses]
            for name, address in parts.items()}  # fmt: skip


def is_right_now(view: KernelView, fault: str) -> bool:
    """Whether one thing of the five is in order now."""
    values = view.values
    ends = (values["client"], values["server"])
    if fault == LINK:
        found = interfaces(view, *values["names"])
        return all(each.up and each.carrier for every in found.values() for each in every)
    if fault == MASK:
        return all(right_lengths(view).values())
    if fault == ROUTE:
        routers = [[values["client_router"]], [values["server_router"]]]
        return [*gateways(view, *ends).values()] == routers
    if fault == RULE:
        return not NFT or not any(rules(view, *values["names"]).values())
    return bool(hosts_entry(view, values["client"], values["host"]) == values["server_address"])


def about(view: KernelView, fault: str) -> str:
    """What the kernel says about one thing of the five."""
    values = view.values
    if fault == LINK:
        found = interfaces(view, *sorted(values["names"]))
        return "; ".join(f"{name} has {interfaces_in_words(every)}" for name, every in found.items())
    if fault == MASK:
        lengths = right_lengths(view).items()
        return "; ".join(f"{name} has {'/24' if right else 'another prefix, or none'}" for name, right in lengths)
    if fault == ROUTE:
        found_routes = gateways(view, values["client"], values["server"]).items()
        return "; ".join(f"the default route of {name}: {', '.join(every) or 'none'}" for name, every in found_routes)
    if fault == RULE:
        return f"{sum(rules(view, *values['names']).values()) if NFT else 0} rules in the three namespaces"
    entry = hosts_entry(view, values["client"], values["host"])
    return f"{values['host']} is {entry or 'no address'}, and {values['server']} has {values['server_address']}"
