"""The dashboard in a real browser: points come in while it measures, and stop keeps them."""

from __future__ import annotations

import shutil

import pytest
from browser.test_draw import assert_legible

PANEL = ".pcd:not(.jupyter-widgets-disconnected)"
AWAY = """from pyctr_lab.engines import ALL
from pyctr_lab.engines.engine import Available
ALL["nspawn"].available = lambda self: Available(False, "systemd-nspawn wants to be root", "sudo")"""
SHOW = "from pyctr_lab import draw\npanel = draw.dashboard()\npanel"

pytestmark = pytest.mark.skipif(not shutil.which("qemu-system-x86_64"), reason="needs a machine that takes its time")


def test_points_come_in_and_stop_keeps_them(jupyterlab, screenshot):
    cells = [AWAY, SHOW]
    page = jupyterlab.open(jupyterlab.notebook("dashboard.ipynb", cells), height=1500)
    jupyterlab.run_all(page)
    panel = page.locator(PANEL)
    assert panel.get_by_label("nspawn (not here)").is_disabled()
    assert panel.get_by_text("nspawn: systemd-nspawn wants to be root").is_visible()
    assert page.locator(".pc-still").is_hidden()
    for name in ("bubblewrap", "runc"):  # a machine stays: each of its points takes seconds
        panel.get_by_label(name, exact=True).uncheck()
    panel.get_by_role("button", name="start").focus()
    page.keyboard.press("Enter")
    shown = panel.locator(".wide svg")
    shown.wait_for()
    first = shown.inner_html()
    page.wait_for_function(
        "([panel, before]) => document.querySelector(panel + ' .wide svg').innerHTML !== before",
        arg=[PANEL, first],
        timeout=60_000,
    )
    panel.get_by_text("to go").wait_for()
    assert_legible(jupyterlab, page, PANEL, screenshot, "dashboard-running")
    panel.get_by_role("button", name="stop").click()
    panel.get_by_text("Stopped: what had been measured is kept.").wait_for(timeout=60_000)
    assert panel.get_by_role("button", name="start").is_enabled()
    assert panel.get_by_role("button", name="stop").is_disabled()
    assert panel.locator("svg text", has_text="bare process").first.is_visible()
    assert_legible(jupyterlab, page, PANEL, screenshot, "dashboard")
    page.set_viewport_size({"width": 1240, "height": 1500})
    panel.locator(".small svg").wait_for()
    assert shown.is_hidden()
    assert_legible(jupyterlab, page, PANEL, screenshot, "dashboard-narrow")

    page.evaluate("jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.restart()")
    page.locator(".pc-still .pc-small").wait_for()  # laid out for this width
    assert page.locator(".pcd").is_hidden() and page.get_by_text("A still: nothing is measured any more").is_visible()
    screenshot(page, "dashboard-restarted")
    page.context.close()
