from __future__ import annotations

from pyctr_lab import Lab
from pyctr_lab.course import exercises


def test_43_what_was_started_with_the_same_words_elsewhere_is_not_the_tree(lab: Lab) -> None:
    ground = exercises.start("4.3", lab)
    with Lab() as other:
        words = ["sh", "-c", "sleep 60; :", "3", ground.values["tree"]]
        twin = other.host.start(words)
        ground.exercise.solution(ground)
        assert exercises.check("4.3").passed
        twin.kill()
