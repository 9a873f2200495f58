from __future__ import annotations

import pytest

from pyctr_lab import Lab, steps
from pyctr_lab.course import exercises
from pyctr_lab.kernel import setresuid


def test_33_root_inside_that_is_another_user_outside_does_not_pass(lab: Lab) -> None:
    if lab.ids < 2000:
        pytest.skip("this user has one id only")
    ground = exercises.start("3.3", lab)
    ground.box.apply(steps.NewNamespace("user"))
    ground.box.apply(steps.IdMaps(0, 1000, 1))
    ground.box.call(setresuid(0))
    ground.box.apply(steps.NewNamespace("pid"))
    verdict = exercises.check("3.3")
    missed = [each for each in verdict.requirements if not each.met]
    assert [each.name for each in missed] == ["outside, it has the uid that it had"]
    assert str(ground.facts["uid"]) in missed[0].expected
    assert str(ground.facts["uid"]) not in missed[0].observed


def test_33_number_2_of_a_joined_pid_namespace_is_told_what_was_read(lab: Lab) -> None:
    ground = exercises.start("3.3", lab)
    other = lab.container("other")
    other.apply(steps.NewNamespace("pid"))
    ground.box.apply(steps.JoinNamespace("pid", other.pid))
    verdict = exercises.check("3.3")
    first = verdict.requirements[0]
    assert not first.met
    assert "the same" not in first.observed and first.observed.count("pid:[") == 2
    assert "Number 1 it is" not in verdict.message
