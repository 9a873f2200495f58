from __future__ import annotations

from pyctr_lab import Lab
from pyctr_lab.course import exercises
from pyctr_lab.course.grading import whole
from pyctr_lab.course.lessons.kit.network_truth import interfaces


def test_a_reset_leaves_no_interface_and_no_network(lab: Lab) -> None:
    numbers = [name for name in exercises.ALL if name.startswith("5.")]
    for name in numbers:
        exercises.reset(name)
    view = exercises.start("3.2", lab)
    there = interfaces(whole(view).view(), "host")["host"]
    for name in numbers:
        ground = exercises.start(name, lab)
        exercises.ALL[name].solution(ground)
        exercises.reset(name)
    assert interfaces(whole(view).view(), "host")["host"] == there
    assert [*lab.networks] == []
