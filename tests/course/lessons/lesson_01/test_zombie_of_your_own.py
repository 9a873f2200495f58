"""Where the program runs, and who its parent is, is said as it was read."""

from __future__ import annotations

import os
import signal
import subprocess

from pyctr_lab import Lab
from pyctr_lab.course import exercises
from pyctr_lab.course.grading import until, whole
from pyctr_lab.course.lessons.lesson_01.zombie_of_your_own import outside_the_lab, sleepers, strays
from pyctr_lab.kernel import proc


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


def test_a_program_that_has_ended_is_said_to_be_the_containers_zombie(lab: Lab) -> None:
    ground = exercises.start("1.3", lab)
    made = ground.box.start(["true"]).machine_pid
    until(lambda: proc.state(made) == "Z")
    observed = dict(exercises.check("1.3").rows())["observed"]
    assert f"`[true]`, which has ended: a zombie of {ground.values['box']}" in " ".join(observed.split()), observed


def test_what_another_notebook_has_started_is_not_this_ones(lab: Lab) -> None:
    ground = exercises.start("1.3", lab)
    script = f"sleep {ground.values['seconds']} >/dev/null & echo $!"
    orphan = int(subprocess.run(["sh", "-c", script], stdout=subprocess.PIPE, check=True).stdout)
    try:
        assert exercises.check("1.3").misconception == ""
    finally:
        os.kill(orphan, signal.SIGKILL)
