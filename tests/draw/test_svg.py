from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest

from pyctr_lab.draw import look

HOSTILE = "a<b>&\"'\x00\x1b[31m\u202e\ud800]]>"


def luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [look.LIGHT, look.DARK], ids=["light", "dark"])
@pytest.mark.parametrize("ink", ["ink", "dim", "wall", "new"])
def test_every_text_can_be_read_on_every_ground(theme, ink):
    for ground in ("paper", "host", "box", "wallt", "newt"):
        if (ink, ground) != ("new", "wallt"):  # the one pair that is forbidden
            assert contrast(theme[ink], theme[ground]) >= 4.5, ground


def test_every_selector_begins_with_pc():
    rules = re.sub(r"@media[^{]*\{(.*?\})\}", r"\1", look.STYLE)
    selectors = re.findall(r"([^{}]+)\{", rules)
    assert len(selectors) > 8
    assert all(each.strip().startswith(".pc") for group in selectors for each in group.split(",.")[:1])


def test_width_of_known_words():
    assert look.text_width("Mi", 10) == pytest.approx(8.63 + 2.78)
    assert look.text_width("Mi", 10, bold=True) > look.text_width("Mi", 10)
    assert look.text_width("Mi", 10, mono=True) == pytest.approx(12.06)
    assert look.text_width("中", 10, mono=True) == 10


@pytest.mark.parametrize("text", ["short", "a long host name " * 9, "中文" * 40, "", "…"])
def test_fit_never_overruns(text):
    for width in (20, 57, 300):
        shown = look.fit(text, width, 13, mono=True)
        assert look.text_width(shown, 13, mono=True) <= width
        assert shown == text or shown.endswith("…")


def test_wrap_keeps_every_word_and_the_width():
    text = "one process, two numbers, and a third that nobody has seen"
    lines = look.wrap(text, 120, 14)
    assert " ".join(lines) == text
    assert all(look.text_width(line, 14) <= 120 for line in lines)


def test_hostile_text_stays_text():
    part = look.label(0, 0, HOSTILE)
    element = ElementTree.fromstring(part.encode())
    assert list(element) == []
    assert element.text is not None and element.text.startswith("a<b>&\"'\ufffd\ufffd[31m")


def test_svg_is_xml_with_its_words():
    picture = ElementTree.fromstring(look.svg(10, 10, [], title=HOSTILE, twin=HOSTILE).encode())
    assert picture.get("role") == "img"
    assert [child.tag.rpartition("}")[2] for child in picture][:3] == ["title", "desc", "style"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_rcparams_are_known_to_matplotlib(theme):
    matplotlib = pytest.importorskip("matplotlib")
    with matplotlib.rc_context(look.rcparams(theme)):
        assert matplotlib.rcParams["figure.figsize"] == [9.8, 4.2]
