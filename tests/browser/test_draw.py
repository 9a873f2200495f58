"""The pictures and the builder in a real browser, in both themes: legible, nothing overlapping, usable by keyboard."""

from __future__ import annotations

from pathlib import Path

import pytest
from draw import machines, powers, races, stores, wires
from draw.conftest import view  # noqa: F401 (a fixture)
from draw.states import HOSTILE, states

from pyctr_lab import Lab
from pyctr_lab.draw import Picture, draw_map, story

CHECK = Path(__file__).with_name("faults.js").read_text().partition("\n(root)")[2].strip().rstrip(";")
THEMES = ["light", "dark"]


def faults(page, selector):
    return page.evaluate(f"((root){CHECK})(document.querySelector('{selector}'))")


def assert_legible(jupyterlab, page, selector, screenshot, name):
    """No fault below an element in either theme; what each shows is kept."""
    for theme in jupyterlab.in_themes(page):
        screenshot(page, f"{name}-{theme}")
        assert faults(page, selector) == [], theme


def page_of(pictures):
    parts = (
        picture.inline()
        .replace("<svg ", f'<svg data-name="{name}" ', 1)
        .replace("<svg ", '<svg style="display:block" ', 1)
        for name, picture in pictures.items()
    )
    return f"<!doctype html><meta charset=utf-8><body style='margin:8px'>{''.join(parts)}"


@pytest.fixture
def pictures(view):  # noqa: F811
    made = {
        f"{name}, {layout}": draw_map(**arguments, layout=layout)
        for name, arguments in states(view).items()
        for layout in ("wide", "panel")
    }
    with Lab() as lab:
        box = lab.container("demo")
        for step in lab.recipe():
            box.apply(step)
        stories = {"story": story(box.history), "one step": story(box.history[0])}
    made |= races.pictures() | stores.pictures() | wires.pictures() | powers.pictures()
    small = {f"{name}, small": Picture(wide.small, wide.alt_text) for name, wide in made.items() if wide.small}
    return made | small | stories | machines.pictures()


@pytest.mark.parametrize("theme", THEMES)
def test_pictures_are_legible(browser, pictures, screenshot, theme):
    page = browser.new_page(viewport={"width": 1000, "height": 900}, color_scheme=theme)
    page.set_content(page_of(pictures))
    charts = ("fit:", "neighbour:")  # matplotlib's units are points on a scale of their own: only the size is left out
    assert [each for each in faults(page, "body") if not (each.startswith(charts) and " px: " in each)] == []
    assert page.locator("script").count() == 0 and HOSTILE[:8] in page.text_content("body svg >> nth=20")
    screenshot(page, f"pictures-{theme}", whole=True)
    page.close()


@pytest.mark.parametrize(("attribute", "ink"), [("light", "rgb(27, 31, 36)"), ("dark", "rgb(232, 236, 241)")])
@pytest.mark.parametrize("system", THEMES)
def test_the_notebooks_theme_wins_over_the_systems(browser, view, system, attribute, ink):  # noqa: F811
    page = browser.new_page(color_scheme=system)
    page.set_content(page_of({"a": draw_map(**states(view)["named"])}))
    page.evaluate(f"document.body.dataset.jpThemeLight = {str(attribute == 'light').lower()}")
    assert page.evaluate("getComputedStyle(document.querySelector('.pc text.h')).fill") == ink
    page.close()


CELLS = [
    "from pyctr_lab import Lab, draw\nlab = Lab()",
    "panel = draw.builder(lab, at=9)\npanel",
]


def test_builder_by_keyboard(jupyterlab, screenshot):
    page = jupyterlab.open(jupyterlab.notebook("builder.ipynb", CELLS), height=1400)
    jupyterlab.run_all(page)
    panel = page.locator(".pcb")
    panel.locator(".map svg").wait_for()
    assert page.locator(".pc-still").is_hidden()  # the live panel stands for it
    assert_legible(jupyterlab, page, ".pcb", screenshot, "builder")

    handle = panel.locator(".noUi-handle")
    handle.focus()
    page.keyboard.press("ArrowRight")
    panel.locator(".sub", has_text="after step 10 of 23").wait_for()
    page.keyboard.press("Home")
    panel.locator(".sub", has_text="before step 1 of 23").wait_for()
    panel.get_by_role("button", name="end").focus()
    page.keyboard.press("Enter")
    panel.locator(".sub", has_text="after step 23 of 23").wait_for()
    panel.get_by_role("button", name="back").focus()
    page.keyboard.press("Space")
    panel.locator(".sub", has_text="after step 22 of 23").wait_for()

    switch = panel.get_by_role("checkbox", name="UTS namespace")
    switch.focus()
    page.keyboard.press("Space")
    panel.get_by_text("refused: needs 4").wait_for()
    panel.locator("svg text", has_text="you switched 4 off").wait_for()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert_legible(jupyterlab, page, ".pcb", screenshot, "builder-open")
    page.set_viewport_size({"width": 1200, "height": 1700})
    assert_legible(jupyterlab, page, ".pcb", screenshot, "builder-narrow")
    page.context.close()


WHOLE = """() => {
  const cut = [...document.querySelectorAll('.pcb, .pcb .map, .pcb .pcb-main, .pcb .pcb-list')]
      .filter(each => each.scrollWidth > each.clientWidth + 1).map(each => each.className);
  const edge = document.querySelector('.pcb').getBoundingClientRect().right;
  const map = document.querySelector('.pcb .map svg').getBoundingClientRect();
  return [cut, map.right <= edge, Math.round(map.width)];
}"""


@pytest.mark.parametrize("width", [1280, 1366, 1400])
def test_the_builder_is_whole_beside_the_file_browser(jupyterlab, screenshot, width):
    page = jupyterlab.open(jupyterlab.notebook("whole.ipynb", CELLS), width=width, height=1300)
    jupyterlab.run_all(page)
    page.locator(".pcb .map svg").wait_for()
    assert page.locator(".jp-DirListing").is_visible(), "the file browser is open"
    cut, inside, wide = page.evaluate(WHOLE)
    assert (cut, inside) == ([], True) and wide >= 648
    assert_legible(jupyterlab, page, ".pcb", screenshot, f"builder-{width}")
    page.context.close()


def test_a_narrow_cell_shows_the_map_laid_out_for_it(jupyterlab, screenshot):
    cells = ["from pyctr_lab import Lab, draw\nlab = Lab()\ndraw.isolation_map(lab.container())"]
    page = jupyterlab.open(jupyterlab.notebook("narrow.ipynb", cells), width=1100)
    jupyterlab.run_all(page)
    small, wide = page.locator(".pc-small"), page.locator(".pc-picture")
    small.wait_for()
    assert wide.is_hidden()
    assert small.evaluate("image => image.decode().then(() => image.clientWidth / image.naturalWidth)") >= 0.9
    screenshot(page, "narrow")
    page.set_viewport_size({"width": 1500, "height": 1000})
    wide.wait_for()
    assert small.is_hidden()
    page.context.close()


def test_after_a_restart_the_still_takes_over(jupyterlab, screenshot):
    page = jupyterlab.open(jupyterlab.notebook("restart.ipynb", CELLS), height=1400)
    jupyterlab.run_all(page)
    page.locator(".pcb .map svg").wait_for()
    page.evaluate("jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.restart()")
    page.locator(".pc-still .pc-picture").wait_for()
    assert page.locator(".pcb").is_hidden()
    assert page.get_by_text("run the first cell of its lesson").is_visible()
    screenshot(page, "builder-restarted")
    page.context.close()


def test_an_untrusted_notebook_shows_the_map(jupyterlab, view, screenshot):  # noqa: F811
    picture = draw_map(**states(view)["named"])
    output = {"output_type": "display_data", "metadata": {}, "data": picture._repr_mimebundle_()}
    page = jupyterlab.open(jupyterlab.notebook("untrusted.ipynb", ["None"], outputs=[[output]]))
    image = page.locator(".jp-OutputArea .pc-picture")
    image.wait_for()
    assert page.locator(".jp-OutputArea .pc-small").is_hidden()
    assert image.get_attribute("alt") == picture.alt_text
    assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") == 980
    screenshot(page, "untrusted")
    page.context.close()
