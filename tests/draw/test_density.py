from __future__ import annotations

import pytest

from pyctr_lab.draw.density import density

from .machines import filled

pytest.importorskip("matplotlib")


def test_the_title_says_what_one_takes_and_that_it_is_emulated():
    assert density(filled(200, 4), emulated=True).title == "4 emulated machines: 200 MiB each, so memory for about 100"
    assert density(filled(200, 1), emulated=False).title == (
        "1 machine: 200 MiB each; by so few, a guess: 100 might fit"
    )
    assert "all are idle" in density(filled(200, 4), emulated=True).svg


def test_the_alt_text_has_every_row_but_the_empty_one():
    words = density(filled(200, 2), emulated=True).alt_text
    assert "1 machine: 200 MiB, after 2.0 s; 2 machines: 400 MiB, after 4.0 s." in words
    assert " 0 machine" not in words
