"""The sum of Pss, and what other sums come near to by luck or by a slip of units."""

from __future__ import annotations

import os
import signal

import pytest

from pyctr_lab import Lab
from pyctr_lab.course import exercises
from pyctr_lab.course.grading import Ground, State, until, whole
from pyctr_lab.course.lessons.lesson_09.together import Together, crew, mebibytes, of_children, total_mebibytes
from pyctr_lab.kernel import proc


@pytest.fixture
def ground(lab: Lab) -> Ground:
    there = exercises.SESSION.grounds.get("9.2")
    if there is None or there.lab is not lab:
        exercises.start("9.2", lab)
    return exercises.SESSION.grounds["9.2"]


def test_no_single_child_multiplied_and_no_sum_of_the_children_come_out_right_by_luck() -> None:
    for seed in range(200):
        values = Together().variant(seed)
        shared, own, number = values["shared"], values["own"], values["all"]
        true = shared + sum(own)
        assert all(abs(shared + each * number - true) > 0.08 * true for each in own)
        assert abs(shared - true) > 0.08 * true
        assert shared / number > 0.08 * true


def test_a_slip_of_units_is_recognised(ground: Ground) -> None:
    together = total_mebibytes(ground.view(), "Pss")
    for kilobytes in (round(together * 1024), round(total_mebibytes(ground.view(), "Rss") * 1024)):
        assert exercises.check("9.2", kilobytes).misconception == "M5"
    for taken_for_bytes in (together / 1024, f"{together / 1024:.3f}"):
        assert exercises.check("9.2", taken_for_bytes).misconception == "M6"
    assert exercises.check("9.2", f"{together * 1024:.0f} kB").state is State.PASSED
    assert exercises.check("9.2", f"{together:.1f} MiB".replace(".", ",")).state is State.PASSED


def test_the_children_alone_are_recognised_as_such(ground: Ground) -> None:
    for what in ("Pss", "Rss"):
        verdict = exercises.check("9.2", of_children(ground.view(), what))
        assert (verdict.state.failed, verdict.misconception) == (True, "M7"), verdict


def test_the_parent_alone_is_recognised_whichever_figure_is_taken(ground: Ground) -> None:
    parent = crew(ground.view())[0]
    for what in ("Rss", "Pss"):
        assert exercises.check("9.2", mebibytes(parent, what)).misconception == "M3"


def test_observed_is_what_the_kernel_says_with_its_unit_and_not_the_answer(ground: Ground) -> None:
    verdict = exercises.check("9.2", 12345)
    parent = crew(ground.view())[0]
    observed = dict(verdict.rows())["observed"]
    assert observed.startswith(f"you said 12345 MiB; of the parent alone, /proc/{parent}/smaps_rollup says Rss ")
    assert f"Rss {proc.smaps_rollup(parent)['Rss'] // 1024} kB" in observed
    assert verdict.misconception == ""


def test_a_child_that_was_killed_does_not_make_another_answer_true(lab: Lab) -> None:
    ground = exercises.start("9.2", lab)
    child = crew(whole(ground).view())[1]
    os.kill(child, signal.SIGKILL)
    until(lambda: proc.state(child) in ("", "Z"))
    verdict = exercises.check("9.2", total_mebibytes(whole(ground).view(), "Pss"))
    assert not verdict.passed
    assert [each.name for each in verdict.requirements if not each.met] == ["all of them are still there"]
    exercises.start("9.2", lab)
