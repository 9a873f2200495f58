from __future__ import annotations

import threading
from dataclasses import replace

import pytest

pytest.importorskip("ipywidgets")

from draw.wires import CUT, THREE, unplugged
from pyctr_lab import BadInput
from pyctr_lab.draw import live_network, network
from pyctr_lab.draw.live_network import panel
from pyctr_lab.errors import Gone


@pytest.fixture
def shown(monkeypatch):
    """What was displayed; nothing is printed."""
    kept = []

    class Handle:
        def update(self, bundle, raw):
            kept.append(bundle)

    monkeypatch.setattr(panel, "display", lambda bundle, raw, display_id=None: kept.append(bundle) or Handle())
    return kept


class Views:
    """What is read: one view after the other, the last one for ever; `asked` is set after so many looks."""

    def __init__(self, *views, looks=3):
        self.views, self.left, self.asked = list(views), looks, threading.Event()

    def __call__(self):
        self.left -= 1
        if self.left <= 0:
            self.asked.set()
        view = self.views.pop(0) if len(self.views) > 1 else self.views[0]
        if isinstance(view, Exception):
            raise view
        return view


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(panel, "EVERY", 0.01)


def test_a_block_follows_the_network_and_leaves_a_still(shown):
    read = Views(THREE, THREE, unplugged(THREE, 3))
    with live_network(read) as live:
        assert live.running and "none cut off" in live._map.value
        assert read.asked.wait(60)
    assert not live.running and live.why == "stopped"
    assert live.view.changed == "shop" and live.still() == network(live.view), "what has changed is emphasized"
    assert list(shown[0]) == ["text/plain", "application/vnd.jupyter.widget-view+json"]
    assert shown[-1]["text/plain"] == live.still().alt_text and 'class="pc-still"' in shown[-1]["text/html"]
    assert not [thread for thread in threading.enumerate() if thread.name == "network map"]


def test_a_change_stays_emphasized_until_the_next_one():
    live = live_network(Views(THREE, unplugged(THREE, 3), unplugged(THREE, 3), THREE, unplugged(THREE, 1)))
    seen = []
    for _ in range(5):
        live.look()
        seen.append(live.view.changed)
    assert seen == ["", "shop", "shop", "shop", "web"]


def test_what_the_view_itself_says_has_changed_wins():
    live = live_network(Views(THREE, replace(CUT, changed="web")))
    live.look(), live.look()
    assert live.view.changed == "web"


def test_it_ends_with_the_network(shown):
    live = live_network(Views(THREE, Gone("the lab is closed")))
    live.start()
    assert live.wait(60) and live.why == "the lab is closed" and "the lab is closed" in live._said.value
    assert shown[-1]["text/plain"] == network(THREE).alt_text and repr(live) == "NetworkWidget(the lab is closed)"


def test_it_ends_when_the_time_is_up(shown):
    live = live_network(Views(THREE), seconds=0.02)
    live.start()
    assert live.wait(60) and live.why == "the time is up"


def test_a_change_just_before_the_end_of_a_block_is_in_the_still(shown, monkeypatch):
    monkeypatch.setattr(panel, "EVERY", 60)
    with live_network(Views(THREE, unplugged(THREE, 3))) as live:
        pass
    assert live.still().title == "shop is cut off (v3 down): web and db are still connected"


@pytest.mark.parametrize("wrong", [None, THREE, "net"])
def test_what_is_no_function_is_refused(wrong):
    with pytest.raises(BadInput, match="what reads a network is a function"):
        live_network(wrong)


def test_what_is_no_view_is_refused():
    with pytest.raises(BadInput, match="a network to draw"):
        live_network(lambda: "net").look()
