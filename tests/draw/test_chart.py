from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest

from pyctr_lab import draw
from pyctr_lab.draw import theme

matplotlib = pytest.importorskip("matplotlib")

WORDS = {"title": "B & A share: 9 to 1", "subtitle": "seconds, <counted>", "twin": "A 0.9 s; B 0.1 s."}


def curves(figure):
    one, other = figure.subplots(1, 2, sharey=True)
    one.plot([0, 1, 2], [0, 0.9, 1.8])
    one.plot([0, 1, 2], [0, 0.1, 0.2])
    one.text(2, 1.8, " A & <B>")
    one.set(xlabel="seconds", ylabel="had")
    other.bar([0, 1], [9, 1], facecolor=theme.LIGHT["wallt"], hatch="//")
    other.errorbar([0, 1], [9, 1], yerr=[1, 1], fmt="o")
    other.axhline(5, color=theme.LIGHT["ink"])


def elements(picture):
    return list(ElementTree.fromstring(picture.svg.encode()).iter())


def test_every_colour_is_one_of_the_palette_and_follows_the_theme():
    body = draw.chart(curves, **WORDS).svg.partition("</style>")[2]
    assert re.findall(r"#[0-9a-f]{6}\b", body) == []
    used = set(re.findall(r"var\(--(\w+)\)", body))
    assert {"wall", "new", "wallt", "ink", "dim", "idle", "rule", "paper"} <= used <= set(theme.LIGHT)


def test_title_and_alt_text_are_said_wherever_a_picture_says_them():
    picture = draw.chart(curves, **WORDS)
    assert picture.title == "B & A share: 9 to 1"
    assert str(picture) == "Chart: B & A share: 9 to 1. A 0.9 s; B 0.1 s."
    texts = [each.text for each in elements(picture) if each.tag.endswith("}text")]
    assert {"B & A share: 9 to 1", "seconds, <counted>", " A & <B>", "seconds", "had"} <= set(texts), "text stays text"
    assert 'alt="Chart: B &amp; A share' in picture.html()


def test_the_same_data_give_the_same_bytes():
    assert draw.chart(curves, **WORDS).svg == draw.chart(curves, **WORDS).svg


def test_no_type_is_under_eleven_pixels_and_the_size_is_the_one_asked_for():
    picture = draw.chart(curves, **WORDS, height=500)
    root, inner = (each for each in elements(picture) if each.tag.endswith("}svg"))
    assert (root.get("width"), root.get("height"), inner.get("height")) == ("980", "500", "424")
    scale = 980 / float(inner.get("viewBox").split()[2])
    sizes = [float(size) * scale for size in re.findall(r"font-size: ([\d.]+)px", picture.svg)]
    assert sizes and min(sizes) >= theme.TAG


def test_it_restyles_nothing_but_itself():
    selectors = re.findall(
        r"([^{}]+)\{", "".join(re.findall(r"<style[^>]*>(.*?)</style>", draw.chart(curves, **WORDS).svg))
    )
    assert len(selectors) > 8
    assert all(each.startswith((".pc", "@media")) for each in selectors)


def test_a_finished_figure_keeps_its_size_and_is_shown_once():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    with matplotlib.rc_context(theme.rcparams() | {"backend": "svg"}):
        figure = pyplot.figure(figsize=(6, 3))
        curves(figure)
    picture = draw.chart(figure, **WORDS)
    assert 'width="600" height="376"' in picture.svg
    assert not pyplot.fignum_exists(figure.number)
    assert "None" in repr(draw.chart(lambda figure: None, title="None yet", twin=""))


def test_settings_of_the_lesson_stay_as_they_were():
    before = dict(matplotlib.rcParams)
    draw.chart(curves, **WORDS)
    assert dict(matplotlib.rcParams) == before
