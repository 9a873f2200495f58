from __future__ import annotations

import pytest

from pyctr_lab import Lab
from pyctr_lab.course import exercises
from pyctr_lab.course.grading import State
from pyctr_lab.course.lessons.lesson_05.what_is_broken import fault_of, other_than


def seed_of(fault: str, side: str) -> int:
    """The first variant of 5.3 that has this fault on this side."""
    variants = ((seed, exercises.ALL["5.3"].variant(seed)) for seed in range(1, 200))
    return next(seed for seed, values in variants if (fault_of(values), values["side"]) == (fault, side))


@pytest.mark.parametrize(
    ("fault", "side"), [("link", "client"), ("mask", "server"), ("route", "server"), ("rule", "client")]
)
def test_each_fault_breaks_the_network_and_is_found_and_repaired(fault: str, side: str, lab: Lab) -> None:
    ground = exercises.start("5.3", lab, seed=seed_of(fault, side))
    assert [each.met for each in exercises.check("5.3", fault).requirements] == [True, False, True]
    assert exercises.ALL["5.3"].solution(ground) == fault
    assert exercises.check("5.3", other_than(fault)).state is State.ALMOST
    assert exercises.check("5.3", fault).passed
