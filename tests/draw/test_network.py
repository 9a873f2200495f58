from __future__ import annotations

import re
from dataclasses import replace

import pytest

from draw.wires import CUT, EMPTY, HOSTILE, LAST, LONG, MAPS, STRANGE, THREE, net, room, unplugged
from pyctr_lab import BadInput
from pyctr_lab.draw import network
from pyctr_lab.draw.network.words import network_plan, newest_change
from pyctr_lab.networks import Door, Learned, Link, NetworkView, Room


@pytest.mark.parametrize(
    ("view", "said"),
    [(EMPTY, "br0 has no container: a bridge without cables"),
     (net(1, doors=1), "web is alone on br0; 127.0.0.1:8080 leads to web"),
     (THREE, "3 containers on br0, none cut off; 127.0.0.1:8080 leads to web"),
     (CUT, "shop is cut off (v3 down): web and db are still connected"),
     (unplugged(THREE, 3), "1 of 3 containers is cut off: shop (v3 down)"),
     (unplugged(net(1), 1), "web, alone on br0, is cut off: v1 down"),
     (replace(THREE, changed="db"), "db is plugged into br0 as 10.88.0.3/24"),
     (replace(THREE, changed="8080"), "New: 127.0.0.1:8080 leads to web, port 80"),
     (replace(THREE, changed="02:00:0a:58:00:03"), "br0 has learned 02:00:0a:58:00:03 behind v2"),
     (replace(THREE, changed="nothing of the kind"), "3 containers on br0, none cut off; 127.0.0.1:8080 leads to web"),
     (unplugged(unplugged(net(2), 1), 2), "None of 2 containers is connected through br0"),
     (replace(unplugged(net(500), 9), changed="mail"), "mail is plugged into br0 as 10.88.0.6/24")],
)  # fmt: skip
def test_the_title_says_who_is_cut_off_and_where_the_port_leads(view: NetworkView, said: str) -> None:
    assert network(view).title == said


@pytest.mark.parametrize(
    ("end", "port", "bridge", "why"),
    [({}, {}, {}, ""), ({"up": False}, {}, {}, "eth0 down"), ({"carrier": False}, {}, {}, "NO-CARRIER"),
     ({"addresses": ()}, {}, {}, "no address"), ({}, {"up": False}, {}, "v1 down"), ({}, {}, {"up": False}, "br0 down"),
     ({}, {"master": ""}, {}, "v1 not in br0"), ({"peer": 0}, {}, {}, "peer not here"),
     ({"kind": "loopback"}, {}, {}, "no cable")],
)  # fmt: skip
def test_each_way_of_being_cut_off_has_its_word(end: dict, port: dict, bridge: dict, why: str) -> None:  # type: ignore[type-arg]
    view = net(1)
    br0, v1 = view.host.links
    host = replace(view.host, links=(replace(br0, **bridge), replace(v1, **port)))
    rooms = (replace(view.rooms[0], links=(replace(view.rooms[0].links[1], **end),)),)
    picture = network(replace(view, host=host, rooms=rooms))
    assert network_plan(replace(view, host=host, rooms=rooms)).plugs[0].cut == why
    assert (f"cut off: {why}" in picture.alt_text) == (f">{why}</text>" in picture.svg and bool(why)) == bool(why)


def test_the_alternative_text_has_what_the_picture_shows() -> None:
    words = network(CUT).alt_text
    for said in ("The notebook's 127.0.0.1:8080 leads to a relay in the lab and from there to port 80 of web",
                 "web: eth0, 10.88.0.2/24, up, on the bridge's side v1, 407 packets",
                 "shop: eth0, 10.88.0.4/24, NO-CARRIER, on the bridge's side v3, 421 packets; cut off: v3 down",
                 "br0 has learned 02:00:0a:58:00:02 behind v1, heard 0.1 s ago"):  # fmt: skip
        assert said in words
    assert words.endswith("Changed now: v3.")


def test_link_local_addresses_are_shown_where_there_are_no_others() -> None:
    for addresses, said in ((("10.88.0.2/24", "fe80::1/64"), "10.88.0.2/24"), (("fe80::1/64",), "fe80::1/64")):
        rooms = (room("web", 1, addresses=addresses),)
        assert f">{said}</text>" in network(replace(net(1), rooms=rooms)).svg


def test_one_thing_is_orange_and_only_if_something_has_changed() -> None:
    assert "var(--new)" not in re.sub("<style>.*?</style>", "", network(unplugged(THREE, 3)).svg)
    svg = network(CUT).svg
    assert svg.count(">changed now<") == 1 and svg.count('fill="var(--new)"') == 1, "one wall"


def test_a_learned_address_that_is_new_fits_its_column() -> None:
    view = replace(THREE, changed="02:00:0a:58:00:03")
    assert ">just now<" in network(view).svg


def test_beyond_eight_containers_the_rest_is_counted_but_never_the_changed_one() -> None:
    assert ">and 492 more</text>" in network(net(500)).svg and ">box500</text>" not in network(net(500)).svg
    assert ">and 492 more</text>" in network(LAST).svg and ">box500</text>" in network(LAST).svg
    assert "And 492 more, 1 of them cut off." in network(unplugged(net(500), 300)).alt_text
    assert " more<" not in network(net(8)).svg


def test_a_dot_is_on_the_cables_that_have_carried_a_packet() -> None:
    quiet = replace(THREE.rooms[0], links=tuple(replace(each, packets=0) for each in THREE.rooms[0].links))
    views = (THREE, replace(THREE, rooms=(quiet, *THREE.rooms[1:])))
    assert [network(view).svg.count("<circle") for view in views] == [3, 2]


def test_a_socket_that_the_server_holds_has_no_relay() -> None:
    held = replace(THREE, doors=(replace(THREE.doors[0], relay=False),))
    assert ">relay</text>" in network(THREE).svg and ">relay</text>" not in network(held).svg
    assert "is held by the server, port 80 of web" in network(held).alt_text


@pytest.mark.parametrize("name", MAPS)
def test_names_are_harmless(name: str) -> None:
    picture = network(MAPS[name])
    assert picture.small and "<script" not in picture.svg + picture.small + picture.html()
    assert "\u202e" not in picture.svg + picture.alt_text


def test_names_are_whole_in_the_alternative_text() -> None:
    assert LONG in network(net(8)).alt_text and HOSTILE[:20] in network(STRANGE).alt_text


def test_what_has_changed_between_two_looks() -> None:
    cut = unplugged(THREE, 3)
    assert newest_change(THREE, replace(THREE, learned=tuple(replace(each, age=9) for each in THREE.learned))) == ""
    assert newest_change(THREE, cut) == newest_change(cut, THREE) == newest_change(net(2), net(3)) == "shop"
    assert newest_change(net(3), THREE) == "8080"
    assert newest_change(replace(THREE, learned=()), THREE) == "02:00:0a:58:00:02"


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [(Link, {"index": "1"}), (Link, {"up": 1}), (Link, {"addresses": "10.0.0.1"}),
     (Link, {"addresses": (1,)}), (Room, {"links": (1,)}), (Learned, {"age": "now"}), (Door, {"port": None}),
     (NetworkView, {"host": "lab"}), (NetworkView, {"rooms": [Room("a", 1)]})],
)  # fmt: skip
def test_wrong_facts_are_refused(kind: type, wrong: dict) -> None:  # type: ignore[type-arg]
    facts = (Link("eth0", 1), Room("web", 1), Learned("", ""), Door("", 1), EMPTY)
    with pytest.raises(BadInput, match=f"a {kind.__name__}'s {next(iter(wrong))}"):
        replace(next(each for each in facts if isinstance(each, kind)), **wrong)  # type: ignore[type-var]
