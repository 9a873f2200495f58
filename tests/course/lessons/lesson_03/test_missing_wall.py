from __future__ import annotations

from pyctr_lab import Lab, steps
from pyctr_lab.course import exercises


def test_37_a_host_that_moves_in_does_not_make_an_answer_true(lab: Lab) -> None:
    ground = exercises.start("3.7", lab)
    right = ground.exercise.solution(ground)
    assert exercises.check("3.7", right).passed
    lab.host.apply(steps.JoinNamespace("uts", ground.box.pid))
    assert not exercises.check("3.7", "uts").passed
