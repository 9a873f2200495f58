"""A packet's path, and a conversation."""

from __future__ import annotations

import re

import pytest

from draw.wires import ARRIVES, CONVERSATIONS, DROPPED, PATHS, PING, TABLES, WHO, mac
from pyctr_lab import BadInput
from pyctr_lab.draw import Hop, Said, conversation, packet_path


def drawn(svg: str) -> str:
    return re.sub("<style>.*?</style>", "", svg)


def test_a_path_says_where_the_packet_arrives_or_ends() -> None:
    assert packet_path(ARRIVES, "GET /").title == "GET / reaches port 80 in 6 steps"
    assert packet_path(DROPPED).title == "The packet ends at nft forward: dropped by policy, counted once"
    assert packet_path(ARRIVES[:1]).title == "The packet reaches browser"


def test_what_lies_behind_the_end_is_not_reached_and_nothing_is_said_of_it() -> None:
    picture = packet_path(DROPPED)
    assert drawn(picture.svg).count(">not reached</text>") == 3 and ">out of v1</text>" not in picture.svg
    assert picture.alt_text.endswith("here it ends. Not reached: br0, eth0, port 80.")
    assert "var(--new)" in drawn(picture.svg) and "var(--new)" not in drawn(packet_path(ARRIVES).svg)


def test_a_wall_is_drawn_where_the_namespace_changes_and_opens_for_what_passes() -> None:
    for hops, walls, gaps in ((ARRIVES, 2, 2), (DROPPED, 1, 0), (ARRIVES[:2], 0, 0)):
        svg = packet_path(hops).svg
        assert svg.count('height="8" rx="2" fill="var(--wall)"') == walls
        assert svg.count('width="20" height="10" rx="0" fill="var(--paper)"') == gaps
    assert "4. route: looks at" in packet_path(ARRIVES).alt_text
    assert "3. relay, in the network of the lab's network: looks at" in packet_path(ARRIVES).alt_text


def test_a_conversation_counts_packets_not_time() -> None:
    assert conversation(PING, WHO).title == "2 of 6 packets only ask or tell where an address is"
    assert conversation(PING[2:4], WHO).title == "2 packets between web and db"
    assert conversation([Said(0, "a", "b", "hello", "b knows a")]).title == (
        "1 packet between a and b; 1 of them taught a table something")  # fmt: skip
    assert conversation([]).title == "No packet was seen"


def test_packets_stand_in_the_order_of_their_times_and_a_gap_begins_anew() -> None:
    words = conversation(PING[::-1], WHO, TABLES).alt_text
    assert "1. at 0 µs web to everyone: who-has 10.88.0.3?; learned: br0: web's address is behind v1" in words
    assert "4. at 58 µs db to web: echo reply 1. 1.0 s later, 5. at 0 µs web to db: echo request 2. 6." in words
    assert words.endswith("web's neighbours: before, empty; after, 10.88.0.3 lladdr 02:00:0a:58:00:03 REACHABLE.")
    assert drawn(conversation(PING, WHO).svg).count(">1.0 s later</text>") == 1


def test_two_addresses_of_one_name_are_one_column_in_the_order_of_the_names() -> None:
    svg = conversation([*PING, Said(11.5, mac(4), mac(2), "SYN")], WHO).svg
    heads = {name: float(re.search(rf'x="([\d.]+)"[^>]*>{name}</text>', svg)[1]) for name in ("web", "db", "shop")}  # type: ignore[index]
    assert heads["web"] < heads["db"] < heads["shop"] and svg.count(">web</text>") == 1
    assert ">br0</text>" not in svg, "it sends nothing and receives nothing"


def test_of_an_address_too_long_for_its_column_the_end_is_shown() -> None:
    many = [Said(n * 1e-6, f"10.188.100.{n}", f"10.188.100.{n + 1}", "x") for n in range(100, 105)]
    assert len(set(re.findall(r">(….*?)</text>", conversation(many).small))) == 6


def test_a_broadcast_reaches_every_column() -> None:
    alone = [Said(0, "a", "b", "x"), Said(1e-6, "b", "c", "x")]
    for sender, arrows, passed in (("b", 2, 0), ("a", 1, 1), ("c", 1, 1)):
        svg = conversation([*alone, Said(2e-6, sender, "ff:ff:ff:ff:ff:ff", "who-has a?")]).svg
        assert (svg.count("<path d=") - 2, svg.count("<circle")) == (arrows, passed), sender


def test_what_was_learned_is_orange_with_a_mark_of_its_own() -> None:
    svg = drawn(conversation(PING, WHO).svg)
    assert svg.count("l6 6l-6 6l-6 -6Z") == 2 and ">what a table learned</text>" in svg
    assert "var(--new)" not in drawn(conversation(PING[2:], WHO).svg)


def test_packets_beyond_forty_are_counted() -> None:
    picture = conversation(*CONVERSATIONS["long"])
    count = int(re.search(r">and (\d+) more packets</text>", picture.svg)[1])  # type: ignore[index]
    assert count == 50 and f"And {count} more packets." in picture.alt_text


@pytest.mark.parametrize("name", [*PATHS, *CONVERSATIONS])
def test_words_are_harmless(name: str) -> None:
    picture = packet_path(*PATHS[name]) if name in PATHS else conversation(*CONVERSATIONS[name])
    assert picture.small and "<script" not in picture.svg + picture.small and "\u202e" not in picture.alt_text


@pytest.mark.parametrize(
    "wrong",
    [lambda: packet_path([]), lambda: packet_path(ARRIVES * 4), lambda: packet_path(["br0"]),
     lambda: Hop("a", "b", passed=1), lambda: Hop("a", 5), lambda: Said("now", "a", "b", "c"),
     lambda: Said(0, 1, "b", "c"),
     lambda: conversation(PING, ["web"]), lambda: conversation(PING, {"a": 5}), lambda: conversation([5]),
     lambda: conversation(PING, WHO, {"x": "ab"}), lambda: conversation(PING, WHO, {"x": ("a",)})],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused(wrong) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadInput):
        wrong()
