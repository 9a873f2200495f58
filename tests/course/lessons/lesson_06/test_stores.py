"""6.3 and 6.4: answers of several forms, repairs of several kinds, and what an exercise leaves behind."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from pyctr_lab import Lab
from pyctr_lab.course import exercises
from pyctr_lab.course.grading import State, whole
from pyctr_lab.course.learner.places import live_dir
from pyctr_lab.course.lessons.lesson_06.one_byte import damaged_path
from pyctr_lab.images.sources import import_image
from pyctr_lab.images.store import ImageStore
from pyctr_lab.images.upkeep import verify_store


def test_63_digests_are_read_in_each_form(lab: Lab) -> None:
    ground = exercises.start("6.3", lab)
    answer: list[str] = exercises.named("6.3").solution(ground)  # type: ignore[assignment]
    forms = [each[7:19] for each in answer], [each[:19] for each in answer], [f"blobs/sha256/{e[7:]}" for e in answer]
    assert all(exercises.check("6.3", form).passed for form in forms)
    assert "is no blob of this store" in str(exercises.check("6.3", [*answer, "0123456789ab"]))
    assert "is too short" in str(exercises.check("6.3", [each[7:11] for each in answer]))
    assert exercises.check("6.3", answer[:-1]).state is State.ALMOST
    assert exercises.check("6.3", []).misconception == "", "of nothing it is not said that it goes"


@pytest.mark.parametrize("seed", range(1, 4))
def test_63_the_store_itself_removes_what_the_check_says(lab: Lab, seed: int) -> None:
    ground = exercises.start("6.3", lab, seed=seed)
    answer: list[str] = exercises.named("6.3").solution(ground)  # type: ignore[assignment]
    store = ImageStore(Path(ground.facts["store"]))
    before = set(os.listdir(store.layout.blobs))
    for name in ground.values["going"].split(", "):
        store.untag(name)
    store.remove_unreachable()
    assert {f"sha256:{name}" for name in before - set(os.listdir(store.layout.blobs))} == set(answer)
    verdict = exercises.check("6.3", answer)
    assert verdict.state is State.CANNOT and "not as it was at the start" in verdict.headline


def test_64_a_repair_by_the_stores_own_words_passes(lab: Lab) -> None:
    ground = exercises.start("6.4", lab)
    store = ImageStore(Path(ground.facts["store"]))
    name = whole(ground).values["names"][0]
    assert len(verify_store(store, repair=True)) > 0
    import_image(store, f"oci:{ground.facts['mirror']}:{name}:0", f"{name}:1")
    assert exercises.check("6.4").passed and verify_store(store) == []


def test_64_what_was_done_is_what_is_said(lab: Lab) -> None:
    ground = exercises.start("6.4", lab)
    store, path = Path(ground.facts["store"]), damaged_path(whole(ground))
    whole_one = next(each for each in path.parent.iterdir() if each != path)
    aside = whole_one.rename(store / "aside")
    verdict = exercises.check("6.4")
    assert verdict.misconception == "", "a whole blob is gone, and the damaged one is not"
    aside.rename(whole_one)
    shutil.copy(Path(ground.facts["mirror"]) / "blobs/sha256" / path.name, path)
    (path.parent / "note").write_text("repaired")
    verdict = exercises.check("6.4")
    assert [each.met for each in verdict.requirements] == [True, True, False] and "1 more than before: note" in str(
        verdict
    )
    (path.parent / "note").unlink()
    assert exercises.check("6.4").passed
    index = json.loads((store / "index.json").read_text())
    (store / "index.json").write_text("{")
    verdict = exercises.check("6.4")
    assert verdict.misconception == "" and "index.json: it cannot be read" in str(verdict)
    index["manifests"].append({**index["manifests"][0], "annotations": {"org.opencontainers.image.ref.name": "new:1"}})
    (store / "index.json").write_text(json.dumps(index))
    assert "new:1 was not there before" in str(exercises.check("6.4"))


def test_a_store_ends_with_its_ground_and_a_killed_notebooks_with_the_next(lab: Lab) -> None:
    left = live_dir() / "stores" / "999999999-1.6.4.abc"
    (left / "store").mkdir(parents=True)
    ground = exercises.start("6.4", lab)
    store = Path(ground.facts["store"])
    assert store.is_dir() and not left.exists()
    exercises.reset("6.4")
    assert list((live_dir() / "stores").iterdir()) == [] and not store.exists()
