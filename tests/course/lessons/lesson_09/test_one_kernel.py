"""What a learner cannot know is chosen anew for each ground."""

from __future__ import annotations

from pyctr_lab import Lab
from pyctr_lab.course import exercises
from pyctr_lab.course.grading import State, whole
from pyctr_lab.course.lessons.lesson_09.one_kernel import SETTINGS, OneKernel


def test_the_same_files_do_not_always_give_the_same_answer() -> None:
    """Whether a setting is turned and which file is covered: the paths alone do not tell."""
    seen: dict[str, set[bool]] = {}
    for seed in range(40):
        values = OneKernel().variant(seed)
        for path in set(values["paths"]) & set(SETTINGS):
            seen.setdefault(path, set()).add(path in values["turned"] and path != values["covered"])
        assert values["covered"] in values["paths"]
    assert all(both == {True, False} for both in seen.values()) and set(seen) == set(SETTINGS)


def test_what_is_covered_does_not_count_although_it_is_the_kernels_own(lab: Lab) -> None:
    ground = exercises.start("9.3", lab, seed=1)
    covered = whole(ground).values["covered"]
    assert (ground.box.run(["cat", covered]).stdout, ground.lab.host.run(["cat", covered]).stdout != "") == ("", True)
    right = exercises.named("9.3").solution(ground)
    assert right and covered not in right
    assert exercises.check("9.3", [*right, covered]).state.failed
    from_text = [path for path in ground.values["paths"] if path not in SETTINGS]
    assert exercises.check("9.3", from_text).state.failed
    assert exercises.check("9.3", right).state is State.PASSED
