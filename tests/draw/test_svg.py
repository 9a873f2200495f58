from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from pyctr_lab.draw import svg

HOSTILE = "a<b>&\"'\x00\x1b[31m\u202e\ud800]]>"


def test_width_of_known_words():
    assert svg.text_width("Mi", 10) == pytest.approx(8.63 + 2.78)
    assert svg.text_width("Mi", 10, bold=True) > svg.text_width("Mi", 10)
    assert svg.text_width("Mi", 10, mono=True) == pytest.approx(12.06)
    assert svg.text_width("中", 10, mono=True) == 10


@pytest.mark.parametrize("text", ["short", "a long host name " * 9, "中文" * 40, "", "…"])
def test_fit_never_overruns(text):
    for width in (20, 57, 300):
        shown = svg.fit_text(text, width, 13, mono=True)
        assert svg.text_width(shown, 13, mono=True) <= width
        assert shown == text or shown.endswith("…")


def test_wrap_keeps_every_word_and_the_width():
    text = "one process, two numbers, and a third that nobody has seen"
    lines = svg.wrap(text, 120, 14)
    assert " ".join(lines) == text
    assert all(svg.text_width(line, 14) <= 120 for line in lines)


def test_hostile_text_stays_text():
    part = svg.label(0, 0, HOSTILE)
    element = ElementTree.fromstring(part.encode())
    assert list(element) == []
    assert element.text is not None and element.text.startswith("a<b>&\"'\ufffd\ufffd[31m")


def test_svg_is_xml_with_its_words():
    picture = ElementTree.fromstring(svg.svg(10, 10, [], title=HOSTILE, alt_text=HOSTILE).encode())
    assert picture.get("role") == "img"
    assert [child.tag.rpartition("}")[2] for child in picture][:3] == ["title", "desc", "style"]
