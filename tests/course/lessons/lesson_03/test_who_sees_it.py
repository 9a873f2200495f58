from __future__ import annotations

from pyctr_lab import Lab, steps
from pyctr_lab.course import exercises
from pyctr_lab.kernel import umount2


def test_34_a_name_that_is_none_is_told_as_such(lab: Lab) -> None:
    exercises.start("3.4", lab)
    assert exercises.check("3.4", ["sparrow"]).requirements[0].observed == "sparrow is none of the others"


def test_34_a_mount_taken_away_does_not_make_an_answer_true(lab: Lab) -> None:
    ground = exercises.start("3.4", lab)
    seeing = ground.exercise.solution(ground)
    assert exercises.check("3.4", seeing).passed
    ground[seeing[0]].apply(steps.NewNamespace("mnt"))
    ground[seeing[0]].apply(steps.PrivatePropagation())
    ground[seeing[0]].call(umount2(ground.values["folder"], 0))
    verdict = exercises.check("3.4", seeing[1:])
    assert not verdict.passed
    assert [each.name for each in verdict.requirements if not each.met] == ["the containers are as you found them"]
