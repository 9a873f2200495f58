"""A machine's own hiccups never make ground on which two wrong ideas, or a wrong and the right one, look alike."""

from __future__ import annotations

import pytest

from pyctr_lab.course.grading import KernelView
from pyctr_lab.course.lessons.lesson_09.beyond_doubt import BeyondDoubt, as_meant

QUICK, HICCUP, SLOW = [5.0, 6.0, 7.0, 6.0, 5.0], [5.0, 6.0, 400.0, 6.0, 5.0], [105.0, 106.0, 107.0, 106.0, 105.0]
MEANT = {"base": QUICK, "slow": SLOW, "slower": SLOW, "luckless": HICCUP, "twin": QUICK}


def measured(**otherwise: list[float]) -> KernelView:
    """A ground with these series."""
    values = {"names": list(MEANT), "base": "base", "slow": [1, 2], "luckless": 3}
    return KernelView("9.1", values, {}, 0, {"starts": {**MEANT, **otherwise}})


def test_series_as_they_are_meant_to_be() -> None:
    assert as_meant(measured())


@pytest.mark.parametrize(
    "otherwise",
    [{"twin": [5.0, 90.0, 6.0, 6.0, 5.0]}, {"twin": [5.0, 500.0, 6.0, 6.0, 5.0]}, {"base": HICCUP},
     {"base": [5.0, 110.0, 7.0, 6.0, 5.0]}, {"slow": [105.0, 106.0, 500.0, 106.0, 105.0]},
     {"luckless": QUICK}, {"twin": [8.0, 9.0, 9.0, 8.0, 8.0]}],
    ids=["a hiccup of the twin", "the greatest of all", "a hiccup of the base", "the base overlaps the slow ones",
         "a hiccup of a slow one", "none where one is needed", "the twin is slower by chance"],
)  # fmt: skip
def test_series_that_mislead_are_measured_again(otherwise: dict[str, list[float]]) -> None:
    assert not as_meant(measured(**otherwise))


def test_the_places_of_the_parts_change_and_never_fall_together() -> None:
    found = set()
    for seed in range(50):
        values = BeyondDoubt().variant(seed)
        found.add((*values["slow"], values["luckless"]))
        assert values["luckless"] not in values["slow"] and 0 not in (*values["slow"], values["luckless"])
    assert len(found) > 6
