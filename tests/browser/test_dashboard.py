"""The dashboard in a real browser: points come in while it measures, and stop keeps them."""

from __future__ import annotations

import shutil

import pytest

SHOW = "from pyctr_lab import draw\npanel = draw.dashboard()\npanel"

pytestmark = pytest.mark.skipif(not shutil.which("qemu-system-x86_64"), reason="needs a machine that takes its time")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_points_come_in_and_stop_keeps_them(jupyterlab, screenshot, theme):
    page = jupyterlab.open(jupyterlab.notebook(f"dashboard-{theme}.ipynb", [SHOW]), theme=theme, height=1500)
    jupyterlab.run_all(page)
    panel = page.locator(".pc-dashboard")
    for name in ("bubblewrap", "runc"):  # a machine stays: each of its points takes seconds
        panel.get_by_label(name, exact=True).uncheck()
    panel.get_by_role("button", name="start").click()
    panel.locator("svg").first.wait_for()
    first = panel.locator("svg").first.inner_html()
    page.wait_for_function(
        "before => document.querySelector('.pc-dashboard svg').innerHTML !== before", arg=first, timeout=60_000
    )
    screenshot(page, f"dashboard-{theme}-running")
    panel.get_by_role("button", name="stop").click()
    panel.get_by_role("button", name="start").wait_for()
    page.wait_for_function("() => !document.querySelector('.pc-dashboard button').disabled", timeout=60_000)
    assert panel.locator("svg text", has_text="bare process").count() == 1
    screenshot(page, f"dashboard-{theme}")
    page.context.close()
