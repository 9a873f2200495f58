from __future__ import annotations

from pyctr_lab import Lab, steps
from pyctr_lab.course import exercises


def test_32_a_host_that_moves_away_is_no_wall_around_the_container(lab: Lab) -> None:
    ground = exercises.start("3.2", lab)
    lab.host.apply(steps.NewNamespace("uts"))
    ground.box.apply(steps.SetHostname(ground.values["hostname"]), shared="uts")
    assert not exercises.check("3.2").passed


def test_32_a_container_behind_its_wall_does_not_excuse_a_host_that_moved(lab: Lab) -> None:
    ground = exercises.start("3.2", lab)
    ground.exercise.solution(ground)
    assert exercises.check("3.2").passed
    lab.host.apply(steps.NewNamespace("uts"))
    assert not exercises.check("3.2").passed


def test_32_says_the_name_that_was_read_and_how_the_host_gets_its_own_back(lab: Lab) -> None:
    ground = exercises.start("3.2", lab)
    ground.box.apply(steps.NewNamespace("uts"))
    lab.host.apply(steps.SetHostname("anchor"))
    name = next(each for each in exercises.check("3.2").requirements if "host name is" in each.name)
    assert name.observed == f"asked in its UTS namespace, uname says {ground.facts['hostname']}"
    ground.box.apply(steps.SetHostname(ground.values["hostname"]))
    verdict = exercises.check("3.2")
    assert not verdict.passed
    assert 'exercises.start("3.2", lab)' in verdict.message
    again = exercises.start("3.2", lab)
    assert lab.host.view().hostname == ground.facts["hostname"]
    again.exercise.solution(again)
    assert exercises.check("3.2").passed
