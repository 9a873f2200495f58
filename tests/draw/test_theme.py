from __future__ import annotations

import re

import pytest

from pyctr_lab.draw import theme


def luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
@pytest.mark.parametrize("ink", ["ink", "dim", "wall", "new"])
def test_every_text_can_be_read_on_every_ground(palette, ink):
    for ground in ("paper", "host", "box", "wallt", "newt"):
        if (ink, ground) != ("new", "wallt"):  # the one pair that is forbidden
            assert contrast(palette[ink], palette[ground]) >= 4.5, ground


def test_every_selector_begins_with_pc():
    rules = re.sub(r"@media[^{]*\{(.*?\})\}", r"\1", theme.STYLE)
    selectors = re.findall(r"([^{}]+)\{", rules)
    assert len(selectors) > 8
    assert all(each.strip().startswith(".pc") for group in selectors for each in group.split(",.")[:1])


@pytest.mark.parametrize("name", ["light", "dark"])
def test_rcparams_are_known_to_matplotlib(name):
    matplotlib = pytest.importorskip("matplotlib")
    with matplotlib.rc_context(theme.rcparams(name)):
        assert matplotlib.rcParams["figure.figsize"] == [9.8, 4.2]
