"""Exercise 5.1: the two ends of each cable, by index and peer index."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

from ....kernel import netlink
from ...grading import Choices, Exercise, Ground, KernelView, Misconception, Requirement, Submission, Values
from ..kit import as_it_was, fingerprint_of, role
from ..kit.choices import chosen_for, unnamed
from ..kit.network_truth import InterfaceSeen, interfaces
from ..kit.networks import FIRST, add_apart, remove_links

NAMES = ("civet", "ermine", "genet", "lynx", "sable", "stoat")
ENDS = tuple(f"v{name}" for name in NAMES)  # no name is a hint: each is that of another container
INDEXES = range(5101, 5191)  # of the lab's ends: no network of a lab has them


class WhoseCable(Exercise):
    """Four containers, four cables to the lab's host. The names of the ends mislead, the peer index does not."""

    id = "5.1"
    title = "Whose cable is it?"
    question = """Four containers: {all}. From the eth0 of each a cable leads to the lab's host, where the other ends
    are {ends_shown}. Which of these ends belongs to which container?"""
    wants = Choices('a dict: for each of the four its end on the host, like "vlynx"', "...", choices=ENDS)
    hints = (
        """Names are given as one likes. The kernel knows an interface by its index, and each end of a veth pair knows
        the index of the other: its peer. `ip link` shows it behind the @.""",
        """ground["{first}"].run(["ip", "link"]).stdout shows `eth0@if` and a number: the index of the end on the other
        side. lab.host.run(["ip", "link"]).stdout lists the indexes there. An index counts within one network namespace
        only: begin at the container, whose peer lies in the lab.""",
        """For each container take the number N behind `eth0@if`, and find the line `N: v...` on the host. In Python:
        netlink.list_all("links") asks, IFLA_LINK is the peer.""",
    )
    misconceptions = (
        Misconception(
            believes="An interface is named after the container that it leads to.",
            explains=(1,),
            message="""You went by the names. An interface may have any name; here each
            end has the name of another container. What ties two ends together is the index that each keeps of the
            other.""",
            sign=lambda view, answer: chosen_for(answer) == by_names(view.values),
            act=lambda ground: by_names(ground.values),
        ),
        Misconception(
            believes="The cables lie in the order of the containers.",
            explains=(1,),
            message="""You paired the containers and the ends in their order. The order says when something was made,
            if that; no end keeps it. Each end keeps the index of its peer: ask for that.""",
            sign=lambda view, answer: chosen_for(answer) == ends_in_order(view.values),
            act=lambda ground: ends_in_order(ground.values),
        ),
        Misconception(
            believes="The two ends of a cable have one index.",
            explains=(1,),
            message="""You chose an end that has the same index as the eth0 of the container. An index counts within
            one network namespace: the same number in two of them is chance. The peer's index is another field:
            IFLA_LINK, the number behind the @if.""",
            sign=lambda view, answer: chosen_for(answer).get(role(view, 2)) == view.values["ends"][role(view, 3)],
            act=lambda ground: exchanged(ground.values, 2, 3),
        ),
        Misconception(
            believes="The peer index that the host shows tells the container.",
            explains=(1,),
            message="""On the host two ends show the same peer index, for the eth0 of two containers has the same
            index: each counts for itself. So the host's side does not tell them apart. The containers' side does:
            there the peer lies on the host, where each index is there once.""",
            sign=lambda view, answer: (
                len({*chosen_for(answer).values()}) > 2
                and any(
                    chosen_for(answer).get(role(view, one)) == view.values["ends"][role(view, other)]
                    for one, other in ((0, 1), (1, 0))
                )
            ),
            act=lambda ground: exchanged(ground.values, 0, 1),
        ),
    )
    after = "A cable is two interfaces that know each other's index. Names, order and equal numbers mean nothing."
    names = NAMES

    def values(self, random: Random) -> Values:
        names = random.sample(self.names, 4)
        ends = {name: f"v{names[place - 1]}" for place, name in enumerate(names)}  # each that of another
        values: Values = {"names": names, "all": ", ".join(sorted(names)), "first": min(names), "ends": ends,
                  "ends_shown": ", ".join(sorted(ends.values()))}  # fmt: skip
        values["indexes"] = dict(zip(sorted(ends.values()), random.sample(INDEXES, 4), strict=True))
        while ends_in_order(values) in (ends, by_names(values)):
            values["indexes"] = dict(zip(sorted(ends.values()), random.sample(INDEXES, 4), strict=True))
        third = values["indexes"][ends[names[3]]]  # the number of another one's end
        values["inside"] = dict(zip(names, (FIRST, FIRST, third, random.randrange(11, 40)), strict=True))
        return values

    def setup(self, ground: Ground) -> None:
        values = ground.values
        boxes = {name: add_apart(ground, name) for name in sorted(values["names"])}
        for end in sorted(values["indexes"], key=lambda end: int(values["indexes"][end])):
            (name,) = (name for name, other in values["ends"].items() if other == end)
            eth0 = netlink.link_attributes(name="eth0", pid=boxes[name].pid)
            peer = {"index": values["inside"][name], **eth0}
            made = netlink.new_link(end, "veth", index=values["indexes"][end], up=True, peer=peer)
            ground.lab.host.carry(netlink.request(made))
        ground.facts["start"] = cables(ground.view())

    def teardown(self, ground: Ground) -> None:
        remove_links(ground, list(ground.values["indexes"].values()))

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        said, there = chosen_for(answer), interfaces(view, "host", *sorted(view.values["names"]))
        indexes = {each.name: each.index for each in there["host"]}
        peers = {name: eth0(there[name]).peer for name in sorted(view.values["names"])}
        wrong = [name for name, peer in peers.items() if indexes.get(said.get(name, "")) != peer]
        strange = unnamed(said, view.values["names"])
        return [
            Requirement(
                name="each container has its own end",
                met=not wrong and not strange,
                observed=f"measured by netlink: four containers with an eth0; {strange}" if strange else
                pair_in_words(wrong, said, indexes, peers),
                expected="for each container the end whose index is the peer of its eth0",
                why="the two ends of a veth pair know each other by index, and by nothing else",
                look='`ip link` in each container and on the host: the number behind "@if", and that before the name',
            ),
            as_it_was(view, cables(view), "the two ends of each cable, as netlink tells,"),
        ]  # fmt: skip

    def solution(self, ground: Ground) -> object:
        ends, found = {}, {}
        for line in ground.lab.host.run(["ip", "-o", "link"]).stdout.splitlines():
            index, name = line.split()[:2]
            ends[index.rstrip(":")] = name.partition("@")[0].rstrip(":")
        for name in ground:
            eth0 = ground[name].run(["ip", "-o", "link", "show", "eth0"]).stdout
            found[name] = ends[eth0.partition("@if")[2].partition(":")[0]]
        return found


# --- wrong answers
def by_names(values: Mapping[str, Any]) -> dict[str, str]:
    """The ends whose names are the containers'."""
    return {name: f"v{name}" for name in values["names"]}


def ends_in_order(values: Mapping[str, Any]) -> dict[str, str]:
    """The containers by name, the ends by index."""
    ends = sorted(values["indexes"], key=lambda end: int(values["indexes"][end]))
    return dict(zip(sorted(values["names"]), ends, strict=True))


def exchanged(values: Mapping[str, Any], one: int, other: int) -> dict[str, str]:
    """The right ends, but for two containers that are exchanged."""
    first, second = values["names"][one], values["names"][other]
    return {**values["ends"], first: values["ends"][second], second: values["ends"][first]}


# --- read by a check
def eth0(found: list[InterfaceSeen]) -> InterfaceSeen:
    """The eth0 of a container, or one of no index where it has none."""
    return next((each for each in found if each.name == "eth0"), InterfaceSeen("", 0, 0, 0, False, False, False, ()))


def cables(view: KernelView) -> str:
    """A fingerprint of both ends of each cable, and of where they are."""
    there = interfaces(view, "host", *sorted(view.values["names"]))
    ours = [each for each in there.pop("host") if each.index in view.values["indexes"].values()]
    found = sorted(f"{each.name} {each.index} {each.peer}" for each in ours)
    found += [
        f"{name} {eth0(each).index} {eth0(each).peer} {view.namespace(name, 'net')}" for name, each in there.items()
    ]
    return fingerprint_of(found)


def pair_in_words(wrong: list[str], said: dict[str, str], indexes: dict[str, int], peers: dict[str, int]) -> str:
    """The first pair that does not fit, as netlink tells it."""
    if not wrong:
        return "measured by netlink: the peer of each eth0 is the index of the end that you named"
    name = wrong[0]
    return (f"measured by netlink: the eth0 of {name} has the peer {peers[name]}, and {said[name]} on the host has"
            f" the index {indexes.get(said[name], 'of none')}")  # fmt: skip
