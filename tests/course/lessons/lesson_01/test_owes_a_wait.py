"""The zombie is the one that the exercise has made, not any."""

from __future__ import annotations

import os
import signal

from pyctr_lab import Lab
from pyctr_lab.course import exercises
from pyctr_lab.course.grading import until, whole
from pyctr_lab.course.lessons.lesson_01.owes_a_wait import the_zombie
from pyctr_lab.kernel import proc


def test_a_zombie_that_the_learner_has_made_does_not_count(lab: Lab) -> None:
    ground = exercises.start("1.2", lab)
    made = ground.box.start(["true"]).machine_pid
    until(lambda: proc.state(made) == "Z")
    assert exercises.check("1.2", ground.box.pid).state.failed
    assert exercises.check("1.2", exercises.named("1.2").solution(ground)).passed


def test_any_number_of_this_machine_is_told_from_the_labs(lab: Lab) -> None:
    ground = exercises.start("1.2", lab)
    for number in (ground.box.machine_pid, *the_zombie(whole(ground).view())):
        assert exercises.check("1.2", number).misconception == "M5", number


def test_a_zombie_that_has_lost_its_parent_has_nobody_to_blame(lab: Lab) -> None:
    ground = exercises.start("1.2", lab)
    answer = exercises.named("1.2").solution(ground)
    os.kill(whole(ground).programs["parent"].machine_pid, signal.SIGKILL)
    until(lambda: not the_zombie(whole(ground).view()))
    for given in (answer, 1):
        assert not exercises.check("1.2", given).passed


def test_a_parent_whose_child_was_killed_is_not_said_to_have_a_living_one(lab: Lab) -> None:
    ground = exercises.start("1.2", lab)
    living = whole(ground).programs["living"]
    (child,) = proc.children(living.machine_pid)
    os.kill(child, signal.SIGKILL)
    until(lambda: proc.state(child) == "Z")
    assert exercises.check("1.2", living.pid).misconception == "M6"


def test_the_right_number_is_not_said_to_be_another(lab: Lab) -> None:
    """With each answer another program is named, so that the texts differ whatever they say of the number."""
    ground = exercises.start("1.2", lab)
    right = exercises.named("1.2").solution(ground)
    for answer, words in ((right, "is number"), (ground.box.pid, "is not number")):
        (found,) = exercises.check("1.2", answer).requirements
        assert f"its PPid {words} {answer} on" in found.observed
