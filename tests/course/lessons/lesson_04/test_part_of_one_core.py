from __future__ import annotations

import pytest

from pyctr_lab import Lab
from pyctr_lab.course import exercises
from pyctr_lab.course.grading import State
from pyctr_lab.course.lessons.lesson_04 import part_of_one_core


def test_44_the_check_measures_and_does_not_believe_the_file(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    ground = exercises.start("4.4", lab)
    share = ground.values["share"]
    monkeypatch.setattr(part_of_one_core, "own_quota", lambda view: share)
    clock = iter([0.0, 10.0])
    monkeypatch.setattr(part_of_one_core, "processor_time", lambda view, name: next(clock))
    verdict = exercises.check("4.4")
    assert verdict.state is State.NOT_YET
    assert "still it got more" in str(verdict)
