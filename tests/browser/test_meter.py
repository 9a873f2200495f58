"""The live meter in a real browser: it moves, its sliders move the limits, and it is legible in both themes."""

from __future__ import annotations

import pytest
from browser.test_draw import assert_legible, faults, page_of
from draw import meters

from pyctr_lab.cgroups.places import delegation
from pyctr_lab.draw import Picture

needs_groups = pytest.mark.skipif(
    not {"cpu", "memory", "pids"} <= delegation().controllers, reason="nobody has given us control groups here"
)

OPEN = "from pyctr_lab import Lab, draw\nlab = Lab()"
BUSY = """group = lab.cgroup("web", memory="64M", cpus=0.5, pids=16)
box = lab.container("web")
group.add(box)
program = box.start(["sh", "-c", "while :; do :; done"])"""
START = "meter = draw.meter(group, seconds=120)\nmeter.start()"
PANEL = ".pcm:not(.jupyter-widgets-disconnected)"


def moves(page):
    """Waits until the curve has another shape than now."""
    before = page.locator(f"{PANEL} .map svg").inner_html()
    page.wait_for_function(
        "([selector, before]) => document.querySelector(selector).innerHTML !== before",
        arg=[f"{PANEL} .map svg", before],
    )


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pictures_are_legible(browser, screenshot, theme):
    page = browser.new_page(viewport={"width": 1000, "height": 900}, color_scheme=theme)
    made = meters.pictures()
    page.set_content(
        page_of(made | {f"{name}, small": Picture(each.small, each.alt_text) for name, each in made.items()})
    )
    screenshot(page, f"meters-{theme}", whole=True)
    assert faults(page, "body") == []
    page.close()


@needs_groups
def test_it_moves_and_a_slider_moves_the_limit(jupyterlab, screenshot):
    page = jupyterlab.open(jupyterlab.notebook("meter.ipynb", [OPEN, BUSY, START]), height=1200)
    jupyterlab.run_all(page)
    panel = page.locator(PANEL)
    panel.locator("svg text", has_text="cpu.max 50 %").wait_for()
    first = screenshot(page, "meter-first").read_bytes()
    for _ in range(10):
        moves(page)
    assert screenshot(page, "meter").read_bytes() != first
    assert page.locator(".pc-still").is_hidden()
    assert_legible(jupyterlab, page, PANEL, screenshot, "meter")

    panel.locator(".widget-hslider", has_text="cpus").locator(".noUi-handle").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    panel.locator("svg text", has_text="cpu.max 30 %").wait_for()
    for _ in range(10):
        moves(page)
    assert_legible(jupyterlab, page, PANEL, screenshot, "meter-lower")
    page.set_viewport_size({"width": 1000, "height": 1500})
    moves(page)
    assert_legible(jupyterlab, page, PANEL, screenshot, "meter-narrow")

    panel.get_by_role("button", name="stop").focus()
    page.keyboard.press("Enter")
    panel.locator(".sub", has_text="stopped").wait_for()
    assert panel.get_by_role("button", name="stop").is_disabled()
    page.context.close()


BLOCK = """import os, time
group = lab.cgroup("web", memory="48M", memory_swap="48M", cpus=0.5, pids=16)
box = lab.container("web")
group.add(box)
hog = "import time; kept = []\\nfor _ in range(99): kept.append(bytearray(b'x') * (1 << 20)); time.sleep(.05)"
with draw.meter(group, seconds=90) as meter:
    while not os.path.exists("go"):
        time.sleep(0.05)
    print(box.run(["python3", "-c", hog]).returncode)
meter.still()"""


@needs_groups
def test_a_block_shows_the_kill_and_leaves_a_still(jupyterlab, screenshot):
    (jupyterlab.folder / "go").unlink(missing_ok=True)
    page = jupyterlab.open(jupyterlab.notebook("kill.ipynb", [OPEN, BLOCK]), height=1500)
    page.evaluate("void jupyterapp.commands.execute('notebook:run-all-cells')")
    panel = page.locator(PANEL)
    panel.locator("svg text", has_text="cpu.max 50 %").wait_for()
    moves(page)  # while the cell is still running
    (jupyterlab.folder / "go").touch()
    panel.locator("svg text", has_text="1 killed").wait_for()
    jupyterlab.idle(page)
    assert "the memory limit killed a process" in panel.locator("h3").text_content()
    page.locator(".jp-OutputArea-executeResult .pc-picture").wait_for()
    assert_legible(jupyterlab, page, PANEL, screenshot, "meter-kill")
    page.evaluate("jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.restart()")
    page.locator(".pc-still .pc-picture").wait_for()
    assert page.get_by_text("A still: nothing is read any more").is_visible()
    screenshot(page, "meter-restarted")
    page.context.close()


@needs_groups
def test_what_the_kernel_refuses_is_said_in_the_panel(jupyterlab, screenshot):
    held = "hog = \"import time; kept = bytearray(b'x') * (40 << 20); time.sleep(600)\""
    cells = [OPEN, BUSY, f'{held}\nkeeper = box.start(["python3", "-c", hog])', START]
    page = jupyterlab.open(jupyterlab.notebook("refused.ipynb", cells), height=1200)
    jupyterlab.run_all(page)
    panel = page.locator(PANEL)
    panel.locator("svg text", has_text="memory.max 64M").wait_for()  # so much is used that the limit is near
    panel.locator(".widget-hslider", has_text="memory").locator(".noUi-handle").focus()
    page.keyboard.press("Home")
    if delegation().place("memory").tree.version == 2:  # there the kernel kills instead
        panel.locator("svg text", has_text="killed").wait_for()
    else:
        panel.locator(".why", has_text="EBUSY").wait_for()
        panel.locator(".widget-readout", has_text="64M").wait_for()
    screenshot(page, "meter-refused")
    assert faults(page, PANEL) == []
    page.context.close()
