from __future__ import annotations

from pyctr_lab import Lab, steps
from pyctr_lab.course import exercises


def test_31_two_that_the_learner_brings_together_are_not_the_answer(lab: Lab) -> None:
    ground = exercises.start("3.1", lab)
    right = ground.exercise.solution(ground)
    one, two = sorted(set(ground) - set(right))[:2]
    ground[two].apply(steps.JoinNamespace("uts", ground[one].pid))
    verdict = exercises.check("3.1", (one, two))
    assert not verdict.passed
    assert [each.name for each in verdict.requirements if not each.met] == ["the containers are as you found them"]
    again = exercises.start("3.1", lab)
    assert exercises.check("3.1", again.exercise.solution(again)).passed


def test_31_an_answer_of_two_parts_needs_no_brackets(lab: Lab) -> None:
    ground = exercises.start("3.1", lab)
    assert exercises.check("3.1", *ground.exercise.solution(ground)).passed
