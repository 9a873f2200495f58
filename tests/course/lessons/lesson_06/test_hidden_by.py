"""6.1: what hides the file, in each of its ways; and the words are true of what was named."""

from __future__ import annotations

import os
import stat

import pytest

from pyctr_lab import Lab
from pyctr_lab.course import exercises
from pyctr_lab.course.grading import whole
from pyctr_lab.course.lessons.lesson_06.hidden_by import ELSEWHERE, HIDER, SIBLING, WAYS, how_hidden

EXERCISE = exercises.named("6.1")


def seed_of(how: str, *, folder: bool = False) -> int:
    """The first variant with this answer; `folder` for a whiteout of the whole folder."""
    variants = ((seed, EXERCISE.variant(seed)) for seed in range(1, 100))
    return next(seed for seed, values in variants if values["how"] == how and values["whole"] is folder)


@pytest.mark.parametrize(("how", "folder"), [("whiteout", True), ("opaque", False), ("file", False)])
def test_each_way_is_found_in_the_unpacked_layers(lab: Lab, how: str, folder: bool) -> None:
    ground = exercises.start("6.1", lab, seed=seed_of(how, folder=folder))
    answer = EXERCISE.solution(ground)
    assert answer == (whole(ground).values["names"][HIDER], how)
    assert exercises.check("6.1", answer).passed
    said = ground.box.run(["cat", f"/{ground.values['path']}"])
    assert ground.values["word"] not in said.stdout, "the container does not see it"
    verdict = exercises.check("6.1", (ground.values["holder"], how))
    assert verdict.misconception == "" and "is the layer in which it lies" in str(verdict)


def test_a_way_alone_is_no_step_towards_the_answer(lab: Lab) -> None:
    ground = exercises.SESSION.shown.get("6.1") or exercises.start("6.1", lab)
    low, how = whole(ground).values["names"][0], whole(ground).values["how"]
    verdict = exercises.check("6.1", (low, how))
    assert verdict.state.value == "not yet" and verdict.requirements[1].met
    assert exercises.check("6.1", ("no-such", how)).state.failed


def test_a_folder_that_is_not_there_hides_nothing(tmp_path: object) -> None:
    assert how_hidden(str(tmp_path), ["srv", "a"]) == ""
    assert set(WAYS) == {"whiteout", "opaque", "file"}


@pytest.mark.parametrize("order", [(ELSEWHERE, SIBLING), (SIBLING, ELSEWHERE)])
def test_what_is_said_of_the_other_layers_is_so(lab: Lab, order: tuple[int, int]) -> None:
    """Also where the opaque folder lies below the whiteout: unpacking drops one that has nothing to hide."""
    parts = {ELSEWHERE: "elsewhere", SIBLING: "sibling"}
    first, second = (parts[part] for part in order)
    seeds = ((seed, EXERCISE.variant(seed)["upper"]) for seed in range(1, 100))
    ground = exercises.start(
        "6.1", lab, seed=next(seed for seed, upper in seeds if upper.index(first) < upper.index(second))
    )
    values, layers = whole(ground).values, ground.facts["layers"]
    elsewhere, sibling = (layers[values["names"][part]] for part in (ELSEWHERE, SIBLING))
    assert stat.S_ISCHR(os.lstat(f"{elsewhere}/{values['sibling']}/{values['name']}").st_mode)
    assert os.getxattr(f"{sibling}/{values['sibling']}", "user.overlay.opaque") == b"y"


def test_an_answer_may_name_the_folder_and_use_more_words(lab: Lab) -> None:
    ground = exercises.start("6.1", lab, seed=seed_of("opaque"))
    name, how = EXERCISE.solution(ground)  # type: ignore[misc]
    for layer in (name.upper(), ground.facts["layers"][name]):
        assert exercises.check("6.1", (layer, f"an {how} folder")).passed
