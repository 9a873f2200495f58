"""Where the program runs, and who its parent is, is said as it was read."""

from __future__ import annotations

from pyctr_lab import Lab
from pyctr_lab.course import exercises
from pyctr_lab.course.grading import until, whole
from pyctr_lab.course.lessons.lesson_01.zombie_of_your_own import outside_the_lab, sleepers, strays


def test_another_container_is_no_orphan(lab: Lab) -> None:
    ground = exercises.start("1.3", lab)
    with lab.container("other") as other:
        other.start(["sh", "-c", f"true & exec sleep {ground.values['seconds']}"])
        until(lambda: strays(whole(ground).view()))
        verdict = exercises.check("1.3")
        assert "another container" in verdict.message and "orphan" not in verdict.message
        exercises.reset("1.3")


def test_one_command_under_a_shell_is_not_called_two(lab: Lab) -> None:
    ground = exercises.start("1.3", lab)
    ground.box.start(["sh", "-c", f"sleep {ground.values['seconds']}; exit"])
    until(lambda: sleepers(whole(ground).view()))
    verdict = exercises.check("1.3")
    assert verdict.misconception == "M5" and "both" not in verdict.message


def test_what_the_notebook_starts_on_this_machine_is_seen_and_ends_with_the_ground(lab: Lab) -> None:
    ground = exercises.start("1.3", lab)
    start = exercises.named("1.3").misconceptions[-1]
    start.act(ground)
    assert exercises.check("1.3").misconception == start.code
    exercises.reset("1.3")
    until(lambda: not outside_the_lab(whole(ground).view()))
