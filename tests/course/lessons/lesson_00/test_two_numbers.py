"""Three counts of one process: each wrong one is known for what it is."""

from __future__ import annotations

import pytest

from pyctr_lab import Lab
from pyctr_lab.course import exercises
from pyctr_lab.course.grading import whole

WRONG = {
    "the container's number on this machine": ("M6", lambda ground: ground.box.machine_pid),
    "the container's number on the lab's host": ("M3", lambda ground: ground.box.pid),
    "the program's number on this machine": ("M2", lambda ground: whole(ground).programs["sleeper"].machine_pid),
    "the program's number in the container": ("M1", lambda ground: whole(ground).view().numbers("sleeper")[-1]),
}


@pytest.mark.parametrize("which", WRONG)
def test_whose_number_was_given_is_told(which: str, lab: Lab) -> None:
    code, number = WRONG[which]
    verdict = exercises.check("0.1", number(exercises.start("0.1", lab)))
    assert verdict.misconception == code, verdict


def test_the_program_has_three_numbers(lab: Lab) -> None:
    ground = exercises.start("0.1", lab)
    numbers = whole(ground).view().numbers("sleeper")
    assert len(set(numbers)) == 3 and numbers[1] == exercises.named("0.1").solution(ground)
