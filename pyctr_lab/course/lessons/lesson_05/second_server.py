"""Exercise 5.5: a second port of the notebook's that leads to a second server."""

from __future__ import annotations

import socket
from random import Random

from .... import steps
from ...grading import Exercise, Ground, KernelView, Misconception, Requirement, Submission, Values
from ..kit import as_it_was
from ..kit.network_truth import ESTABLISHED, LISTENS, PATIENCE, Heard, heard_by, tcp_sockets
from ..kit.networks import (
    ANY,
    LOOPBACK,
    WEB,
    begin_server,
    free_ports,
    network_of,
    publish_at,
    publish_somewhere,
    remove_network,
    rooms,
)

NETWORK = "market"
SOON = 1.0  # seconds


class SecondServer(Exercise):
    """A deed: two servers at port 80, and each reached from the notebook at a port of its own."""

    id = "5.5"
    title = "Publish the second server"
    asks_about = "facts"
    question = """{first} ({first_address}) and {second} ({second_address}) are at the network market, and each has a
    server at its port 80. {first} is published: port ground.facts["taken"] of 127.0.0.1 on this machine leads to
    it. Publish {second}, too, so that port ground.facts["port"] of 127.0.0.1 leads to its server; at no other address
    of this machine. Both containers are in `ground`, as ground["{second}"]."""
    hints = (
        """Both servers may listen at port 80, for each has a network namespace of its own. On this machine there is
        one more namespace, the notebook's, and in it port 80 would be there once: so each needs a port of its own
        there.""",
        """A published port is a socket that listens in the notebook's namespace, and a relay that takes each
        connection to an address in the lab. published_ports of pyctr_lab.networks makes the step: what it publishes
        is a dict, {port here: port there}, and behind it comes the container's address.""",
        """(step,) = published_ports({ground.facts["port"]: 80}, "{second_address}"), and then
        ground["{second}"].apply(step).""",
    )
    misconceptions = (
        Misconception(
            believes="The port says which server: port 80 is port 80.",
            explains=(2,),
            message="""At the new port the first server answers. Both listen at port 80, so the port does not tell them
            apart; the address does. Publish the address of the other one.""",
            sign=lambda view, answer: view.values["marks"][0] in at_once(view).text,
            act=lambda ground: publish_second(ground, ground.facts["port"], ground.values["first_address"]),
        ),
        Misconception(
            believes="What listens at 127.0.0.1 in the lab is reached at 127.0.0.1 of this machine.",
            explains=(1,),
            message="""A socket listens at that port, in the network namespace of the lab's host. Each namespace has a
            127.0.0.1 of its own: from the notebook, that one is out of reach. The socket must be made in the
            notebook's namespace; where it was made, there it listens.""",
            sign=lambda view, answer: bool(tcp_sockets(view.host, LISTENS, view.facts["port"])),
            act=lambda ground: begin_server(ground, ground.lab.host, ground.values["marks"][1], ground.facts["port"]),
        ),
        Misconception(
            believes="To be reached, a port must be open at all addresses.",
            explains=(1,),
            message="""The port listens at 0.0.0.0: at every address of this machine, so each machine that reaches this
            one can come in. For yourself 127.0.0.1 is enough, and was asked for; leave 0.0.0.0 out.""",
            sign=lambda view, answer: ANY in tcp_sockets("self", LISTENS, view.facts["port"]),
            act=lambda ground: publish_second(ground, f"{ANY}:{ground.facts['port']}", ground.values["second_address"]),
        ),
        Misconception(
            believes="The server's address is 127.0.0.1: there it answers itself.",
            explains=(2,),
            message="""The port listens, and who connects hears no server: there is no relay behind it, or the relay
            leads to a place where no server listens. It connects from the lab's host, whose 127.0.0.1 is not the
            container's. The server is at port 80 of its container's address on the network.""",
            sign=lambda view, answer: (
                LOOPBACK in tcp_sockets("self", LISTENS, view.facts["port"]) and not at_once(view).text
            ),
            act=lambda ground: publish_second(ground, ground.facts["port"], LOOPBACK),
        ),
    )
    after = "One port 80 in each namespace; and in the notebook's two ports, each with a relay to one of them."
    names = ("apricot", "damson", "medlar", "quince")

    def values(self, random: Random) -> Values:
        first, second = names = random.sample(self.names, 2)
        subnet, places = f"10.71.{random.randrange(250)}", random.sample(range(2, 250), 2)
        return {
            "names": names, "first": first, "second": second, "subnet": f"{subnet}.0/24",
            "first_address": f"{subnet}.{places[0]}", "second_address": f"{subnet}.{places[1]}",
            "marks": [f"{random.getrandbits(48):012x}" for _ in names],
        }  # fmt: skip

    def setup(self, ground: Ground) -> None:
        values = ground.values
        network = network_of(ground, NETWORK, values["subnet"])
        marks = dict(zip(values["names"], values["marks"], strict=True))
        for name in sorted(values["names"]):
            box = ground.add(name)
            box.apply(steps.NewNamespace("net"))
            box.apply(steps.LoopbackUp())
            network.connect(box, address=values["first_address" if name == values["first"] else "second_address"])
            begin_server(ground, box, marks[name])
        ground.facts["taken"] = publish_somewhere(ground[values["first"]], values["first_address"])
        ground.facts["port"] = next(free_ports())
        ground.facts["start"] = rooms(ground.view())

    def teardown(self, ground: Ground) -> None:
        remove_network(ground, NETWORK)

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        first, second, port = view.values["first"], view.values["second"], view.facts["port"]
        listening = tcp_sockets("self", LISTENS, port)
        connections = at_server(view)
        heard, reached = heard_at_port(view, port)
        right = view.values["marks"][1] in heard.text
        before = at_port(view, view.facts["taken"])
        return [
            Requirement(
                name="your port listens in the notebook's namespace, at 127.0.0.1 alone",
                met=listening == [LOOPBACK],
                observed=f"/proc/self/net/tcp has {f'a socket at {chr(44).join(listening)}' if listening else 'none'}"
                " that listens at that port",
                expected='a socket that listens at port ground.facts["port"] of 127.0.0.1, and of no other address',
                why="a socket belongs to the namespace in which it was made, and only there it is reached",
                look="/proc/self/net/tcp, or ss -ltn",
            ),
            Requirement(
                name=f"it leads to the server of {second}",
                met=right and reached > connections,
                observed=f"measured: a connection to your port {whose(view, heard)}; meanwhile /proc/{view.pid(second)}"
                f"/net/tcp has {'one more' if reached > connections else 'no new'} connection at port 80",
                expected=f"the words of the server of {second}, and with them a connection in its namespace",
                why="what a port shows is worth as much as the way behind it",
                look=f'the address of ground["{second}"], and what stands behind the comma of published_ports',
            ),
            Requirement(
                name=f"{first} is still published",
                met=view.values["marks"][0] in before.text,
                observed=f"measured: a connection to its port {whose(view, before)}",
                expected=f"the words of the server of {first}",
                why="a second port takes nothing away from the first",
                look='ground.facts["taken"]',
                given=True,
            ),
            as_it_was(view, rooms(view), "network namespaces, by /proc/PID/ns/net,"),
        ]  # fmt: skip

    def solution(self, ground: Ground) -> object:
        from pyctr_lab.networks import published_ports

        (step,) = published_ports({ground.facts["port"]: 80}, ground.values["second_address"])
        ground[ground.values["second"]].apply(step)
        return None


def publish_second(ground: Ground, port: int | str, address: str) -> None:
    """Publish what is at port 80 of an address, for as long as the second container lives."""
    publish_at(ground[ground.values["second"]], port, address)


# --- read by a check
def at_port(view: KernelView, port: int) -> Heard:
    """What who connects to a port of this machine hears."""
    return heard_at_port(view, port)[0]


def at_once(view: KernelView) -> Heard:
    """What is heard soon at the learner's port, for a sign: the check itself has waited long enough."""
    with socket.socket() as client:
        return heard_by(client, LOOPBACK, view.facts["port"], hearing=SOON)


def heard_at_port(view: KernelView, port: int) -> tuple[Heard, int]:
    """The same, and how many connections the second server has meanwhile."""
    with socket.socket() as client:
        return heard_by(client, LOOPBACK, port, PATIENCE), at_server(view)


def at_server(view: KernelView) -> int:
    """How many connections the second server has, in its own network namespace."""
    return len(tcp_sockets(view.pid(view.values["second"]), ESTABLISHED, WEB))


def whose(view: KernelView, heard: Heard) -> str:
    """What was heard, in words."""
    for mark, name in zip(view.values["marks"], view.values["names"], strict=True):
        if mark in heard.text:
            which = "first" if name == view.values["first"] else "second"
            return f"is answered by the {which} server"
    return "is answered, by another server" if heard.text else str(heard)
