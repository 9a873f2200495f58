from __future__ import annotations

import pytest

from pyctr_lab import BadInput
from pyctr_lab.draw.growth import MemoryReading, growth

from .machines import GROWN, MIB

pytest.importorskip("matplotlib")


def test_the_title_says_how_far_it_grew_and_what_came_back():
    assert growth(GROWN, promised=256 * MIB).title == "48 MiB written, 51 MiB more taken; promised were 256 MiB"
    kept = [*GROWN, MemoryReading(0, GROWN[-1].taken - 2 * MIB)]
    assert (
        growth(kept, promised=256 * MIB).title
        == "48 MiB written, 51 MiB more taken; of what was deleted, 2 MiB came back"
    )


def test_a_process_that_goes_on_growing_gave_nothing_back():
    assert growth([*GROWN, MemoryReading(0, 255 * MIB)], promised=256 * MIB).title.endswith("0 MiB came back")


def test_more_than_was_promised_is_not_the_guests_own_memory():
    with pytest.raises(BadInput, match="more than the guest's own memory"):
        growth([*GROWN, MemoryReading(0, 265 * MIB)], promised=256 * MIB)


def test_the_alt_text_has_every_sample_in_order():
    words = growth(GROWN, promised=256 * MIB).alt_text
    assert "Promised 256 MiB. 0 MiB in the guest's files: 180 MiB of its memory are there; 16 MiB" in words
    assert words.endswith("48 MiB in the guest's files: 231 MiB of its memory are there.")
