from __future__ import annotations

import os
import threading

import pytest

from pyctr_lab import Lab
from pyctr_lab.course import exercises
from pyctr_lab.course.grading import whole
from pyctr_lab.course.lessons.lesson_04 import tree_that_will_not_end
from pyctr_lab.kernel import proc


def test_43_what_was_started_with_the_same_words_elsewhere_is_not_the_tree(lab: Lab) -> None:
    ground = exercises.start("4.3", lab)
    with Lab() as other:
        words = ["sh", "-c", "sleep 60; :", "3", ground.values["tree"]]
        twin = other.host.start(words)
        ground.exercise.solution(ground)
        assert exercises.check("4.3").passed
        twin.kill()


def test_43_on_a_busy_machine_too_each_is_put_back_before_the_next_is_killed(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A killed process ends when it gets a processor: here 0.5 s later. Its other half must not be killed meanwhile."""
    ground = exercises.start("4.3", lab)
    kill, killed = os.kill, list[int]()

    def late(pid: int, number: int) -> None:
        assert all(map(proc.has_ended, killed)), "the one before has not ended yet"
        killed.append(pid)
        threading.Timer(0.5, kill, (pid, number)).start()

    monkeypatch.setattr(tree_that_will_not_end.os, "kill", late)
    monkeypatch.setattr(tree_that_will_not_end, "kill_parent", lambda ground: None)
    tree_that_will_not_end.kill_one_by_one(whole(ground))
    monkeypatch.undo()
    assert len(killed) > 2
    assert exercises.check("4.3").misconception == "M6"
