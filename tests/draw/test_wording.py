from __future__ import annotations

import pytest

from pyctr_lab.draw import wording
from pyctr_lab.draw.theme import TITLE_LIMIT


def test_listed():
    assert [wording.listed(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]


def test_a_long_name_leaves_room_for_the_finding():
    assert wording.quoted_name("n" * 63) == f"“{'n' * 23}…”"


def test_a_title_is_cut_where_it_is_too_long():
    assert wording.cut_title("short") == "short"
    assert len(wording.cut_title("long " * 40)) <= TITLE_LIMIT and wording.cut_title("long " * 40).endswith("…")


def test_one_is_no_plural():
    assert [wording.counted_noun(n, "call") for n in (0, 1, 1200)] == ["0 calls", "1 call", "1,200 calls"]
    assert wording.counted_noun(2, "process", "processes") == "2 processes"


@pytest.mark.parametrize("value, said", [(0.25, "0.25"), (4.72, "4.7"), (5.0, "5"), (22.4, "22"), (2256.0, "2,256")])
def test_numbers_are_short(value: float, said: str) -> None:
    assert wording.short_number(value) == said


def test_ratios_are_short() -> None:
    assert [wording.times_words(ratio) for ratio in (1.04, 9.96, 419.2)] == ["1.0", "10.0", "419"]
