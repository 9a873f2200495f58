"""The live network map in a real browser: it follows what is read, is legible in both themes and widths, and ends."""

from __future__ import annotations

from pathlib import Path

from browser.test_draw import assert_legible

TESTS = Path(__file__).parents[1]
OPEN = f"""import sys
sys.path.append({str(TESTS)!r})
from draw import wires
from pyctr_lab import draw
now = wires.THREE"""
START = "live = draw.live_network(lambda: now)\nlive.start()"
CUT = "now = wires.unplugged(wires.THREE, 3)"
PANEL = ".pcn:not(.jupyter-widgets-disconnected)"


def test_it_follows_the_network_and_leaves_a_still(jupyterlab, screenshot):
    page = jupyterlab.open(jupyterlab.notebook("network.ipynb", [OPEN, START, CUT, "live.stop()"]), height=1200)
    jupyterlab.run_all(page, range(2))
    wide, small = (page.locator(f"{PANEL} .{layout} svg") for layout in ("wide", "small"))
    wide.locator("text", has_text="none cut off").wait_for()
    assert page.locator(".pc-still").is_hidden()
    jupyterlab.run_all(page, range(2, 3))
    wide.locator("text", has_text="changed now").wait_for()
    assert_legible(jupyterlab, page, PANEL, screenshot, "network")
    page.set_viewport_size({"width": 1060, "height": 1200})
    small.locator("text", has_text="changed now").wait_for()
    edge = "each => Math.round(each.getBoundingClientRect().right)"
    assert wide.is_hidden() and small.evaluate(edge) <= page.locator(PANEL).evaluate(edge), "nothing is cut off"
    assert_legible(jupyterlab, page, PANEL, screenshot, "network-narrow")
    jupyterlab.run_all(page, range(3, 4))
    page.locator(PANEL).get_by_text("No longer live: stopped.").wait_for()
    jupyterlab.restart(page)
    page.locator(".pc-still .pc-fit").wait_for()
    assert page.locator(".pcn").is_hidden()
    page.context.close()
