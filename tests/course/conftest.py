from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyctr_lab import Lab
from pyctr_lab.course import exercises
from pyctr_lab.course.grading import Exercise, session
from pyctr_lab.course.grading.registry import Entry

#: What was observed on each ground, without names and process numbers: by requirement, and whether it was met.
OBSERVED: dict[tuple[str, float, str], dict[bool, set[str]]] = {}


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads or writes what the learner at this machine has done."""
    (tmp_path / "run").mkdir()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    return tmp_path


@pytest.fixture(scope="module", autouse=True)
def own_images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nor are the learner's images touched."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYCTR_LAB_IMAGES", str(tmp_path_factory.mktemp("images")))
        yield


@pytest.fixture(scope="module")
def lab(own_images: None) -> Iterator[Lab]:
    with Lab() as made:
        yield made
        for exercise in [*exercises.SESSION.grounds]:  # a ground may have made processes outside of the lab
            exercises.SESSION.end(exercise)


@pytest.fixture
def shell() -> Iterator[Any]:
    """An IPython shell of its own, with the course's magics."""
    from IPython.core.interactiveshell import InteractiveShell

    made = InteractiveShell()
    made.run_line_magic("load_ext", "pyctr_lab")
    yield made
    InteractiveShell.clear_instance()


@pytest.fixture(autouse=True)
def observed_is_what_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """In every test that checks: when a mark of a requirement changes on one ground, so does its `observed`.

    A fixed sentence, or one in which only a name is another, reads alike with both marks.
    """
    grade = session.grade

    def graded(exercise: Exercise, live: Entry, given: object) -> Any:
        verdict, after = grade(exercise, live, given)
        for each in verdict.requirements:
            seen = OBSERVED.setdefault((exercise.id, live.started, each.name), {True: set(), False: set()})
            assert each.observed.strip(), f"{exercise.id}, {each.name}: nothing is observed"
            text = without_names(each.observed, live, after.answer)
            seen[each.met].add(text)
            assert text not in seen[not each.met], f"{exercise.id}, {each.name}: met or not, it says {each.observed!r}"
        return verdict, after

    monkeypatch.setattr(session, "grade", graded)


def without_names(text: str, live: Entry, answer: object) -> str:
    """A text with a sign for each name of the ground, each part of an answer, and each process number of a path."""
    names = {*live.boxes, *live.facts.get("groups", {}), *live.values.get("names", ())}
    names |= {*map(str, answer)} if isinstance(answer, tuple) else {str(answer)}
    words = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.sub(rf"(?<=/proc/)\d+|\b(?:{words})\b", "...", text)
