"""2.3: a wall is not a kernel, whatever a place says of itself."""

from __future__ import annotations

from pyctr_lab import Lab
from pyctr_lab.course import exercises
from pyctr_lab.course.grading import State, whole
from pyctr_lab.course.lessons.lesson_02.kernels_of_their_own import containers, parts_played


def test_names_and_versions_do_not_give_the_machines_away(lab: Lab) -> None:
    two = next(seed for seed in range(40) if parts_played(seed).count("machine") == 2)
    ground = exercises.start("2.3", lab, seed=two)
    (old,) = containers(whole(ground).view(), "old")
    (walled,) = containers(whole(ground).view(), "walled")
    assert ground.held[old].run(["uname", "-r"]).stdout.startswith("2.6.")
    assert ground.held[walled].run(["sh", "-c", "echo $PPID"]).stdout.strip() == "1"
    answer = exercises.ALL["2.3"].solution(ground)
    assert set(answer).isdisjoint({old, walled, *containers(whole(ground).view(), "renamed")})
    assert exercises.check("2.3", answer).passed
    assert not exercises.check("2.3", ground.values["all"].split(", ")).passed
    assert not exercises.check("2.3", [*answer, "nobody"]).passed
    assert not exercises.check("2.3", answer[:1]).passed, "each of them is asked for"
    assert not any(value == answer for value in ground.values.values()), "no key lies open"
    ground.held[answer[0]].close()
    assert exercises.check("2.3", answer).state is State.CANNOT


def test_how_many_machines_there_are_differs_from_variant_to_variant() -> None:
    assert {parts_played(seed).count("machine") for seed in range(40)} == {1, 2}


def test_an_empty_list_names_no_kernel_that_others_share(lab: Lab) -> None:
    exercises.start("2.3", lab)
    verdict = exercises.check("2.3", [])
    assert verdict.state is State.NOT_YET, verdict
    assert "✓ no kernel is named that others share" in str(verdict)
    assert "among the five is not in your list" in dict(verdict.rows())["observed"]
