from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest

from pyctr_lab import BadInput, Lab, steps
from pyctr_lab.draw.isolation_map import draw_map, isolation_map
from pyctr_lab.draw.isolation_map.drawing import inode_stubs
from pyctr_lab.draw.theme import TAG, TITLE_LIMIT

from ..states import states

NAMES = ("baseline", "copy", "named", "open", "through", "all", "nobody", "gone", "unreadable", "no host", "crowded",
         "crowded, shared")  # fmt: skip


def texts(picture):
    root = ElementTree.fromstring(picture.svg.encode())
    return [element for element in root.iter() if element.tag.endswith("}text")]


@pytest.mark.parametrize("layout", ["wide", "panel"])
@pytest.mark.parametrize("name", NAMES)
def test_every_state_is_a_picture_with_a_short_title(view, name, layout):
    picture = draw_map(**states(view)[name], layout=layout)
    assert 0 < len(picture.title) <= TITLE_LIMIT
    assert picture.title in picture.alt_text
    assert "\n" not in picture.alt_text and len(picture.svg) < 40_000
    sizes = [float(re.search(r"font-size:([\d.]+)", element.get("style"))[1]) for element in texts(picture)]
    assert min(sizes) >= TAG


def test_the_title_speaks_of_the_kind_in_focus(view):
    named = states(view)["named"]
    assert draw_map(**named).title != draw_map(**named, focus="net").title
    assert "interfaces" in draw_map(**named, focus="net").title or "network" in draw_map(**named, focus="net").title
    with pytest.raises(BadInput, match="no kind of namespace"):
        draw_map(**named, focus="users")


def test_eight_rows_and_their_walls(view):
    picture = draw_map(**states(view)["named"])
    words = [element.text for element in texts(picture)]
    assert [word for word in words if word in ("UTS", "PID", "Mount", "Network", "User", "IPC", "Cgroup", "Time")] == [
        "UTS", "PID", "Mount", "Network", "User", "IPC", "Cgroup", "Time"]  # fmt: skip
    assert "3 of 8 walls up" in words
    assert words.count("changed now") == 1
    assert sum(word.startswith("shared …") for word in words) == 5


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("baseline", "No wall is up: “demo” and the host share all 8 namespaces"),
        ("copy", "“demo” has a UTS namespace of its own: a copy so far"),
        ("named", "“demo” has a host name of its own"),
        ("open", "“demo” has a network of its own: one loopback, and even that is down"),
        ("through", "No wall here: what “demo” changed is the host's own host name"),
        ("all", "All 8 walls are up: “demo” shares none with the host"),
        ("nobody", "“demo” has users of its own, but no ids yet: it is uid 65534, nobody"),
        ("gone", "“demo” has ended: nothing is left to see"),
        ("unreadable", "“demo” is not seen: the process is still inside an earlier call"),
        ("no host", "the host has ended: nothing is left to see"),
    ],
)
def test_title_states_the_finding(view, name, title):
    assert draw_map(**states(view)[name]).title == title


def test_alt_text_says_what_the_picture_shows(view):
    words = draw_map(**states(view)["open"]).alt_text
    assert words == (
        "Isolation map: “demo” has a network of its own: one loopback, and even that is down. "
        "1 of 8 walls up: Network. "
        "Shared with the host: PID, Mount, User, IPC, Cgroup and Time. Changed now: Network. "
        "UTS left open: you switched 4 off. Seen inside “demo”: lo DOWN. 1.92 ms so far, 14 calls"
    )


def test_each_square_of_the_foot_stands_in_its_rows_place(view):
    picture = draw_map(view(own="net time"), view(), name="demo", changed=("net",))
    root = ElementTree.fromstring(picture.svg.encode())
    squares = [each.get("fill") for each in root.iter() if each.tag.endswith("}rect") and each.get("height") == "15"]
    assert squares == ["none"] * 3 + ["var(--new)"] + ["none"] * 3 + ["var(--wall)"]


def test_another_container_may_stand_on_the_left(view):
    picture = draw_map(view(own="net"), view(), name="two", other="one")
    assert "seen from inside “one”" in picture.svg and "the host" not in picture.svg + picture.alt_text
    assert "Shared with “one”: UTS" in picture.alt_text
    shared = draw_map(view(), view(), name="two", other="one")
    assert shared.title == "No wall is up: “two” and “one” share all 8 namespaces"
    with Lab() as lab:
        one, two = lab.container("one"), lab.container("two")
        assert isolation_map(two, other=one).title == shared.title
        with pytest.raises(BadInput, match="is a Container"):
            isolation_map(two, other="one")


def test_stubs_tell_two_namespaces_apart():
    assert inode_stubs(4026531832, 4026532400) == ("…1832", "…2400")
    assert inode_stubs(4026531832, 4126531832) == ("…026531832", "…126531832")
    assert inode_stubs(4026531832, 4026531832) == ("…1832", "…1832")


def test_a_live_container_step_by_step():
    with Lab() as lab:
        box = lab.container("demo")
        assert isolation_map(box).title == "No wall is up: “demo” and the host share all 8 namespaces"
        box.apply(steps.NewNamespace("user"))
        box.apply(steps.IdMaps(count=1))
        box.apply(steps.NewNamespace("uts"))
        assert isolation_map(box).title == "“demo” has a UTS namespace of its own: a copy so far"
        box.apply(steps.SetHostname("ours"))
        picture = isolation_map(box)
        assert picture.title == "“demo” has a host name of its own"
        assert "After step 4 · host name “ours”. " in picture.alt_text, "no calls, no time: they are beside it"
        box.kill()
        assert isolation_map(box).title == "“demo” has ended: nothing is left to see"
