"""What rotates comes round: chosen by the newest commit, nothing left out for ever."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import rotation
from rotation import LESSONS, THEMES

TOP = Path(__file__).parents[1]


@pytest.fixture
def commit(monkeypatch: pytest.MonkeyPatch):
    """A repository whose newest commit has this number as its name, and changed these files."""

    def pretend(number: int, *names: str) -> None:
        told = {"rev-parse": f"{number:040x}\n", "log": "\n".join(names)}
        monkeypatch.setattr(rotation, "git", lambda word, *_: told[word])

    return pretend


def test_each_lesson_has_its_turn_and_both_its_themes(commit) -> None:
    turns, themes = [], set()
    for number in range(2 * len(LESSONS)):
        commit(number)
        turns += rotation.rotated(1)
        themes |= {(lesson, rotation.theme_of(lesson)) for lesson in LESSONS}
        assert {rotation.theme_of(lesson) for lesson in LESSONS[:2]} == set(THEMES), "they alternate"
        marks = [mark.name for lesson in LESSONS for mark in rotation.in_turn(lesson)]
        assert marks == ["complete"] * (len(LESSONS) - 1)
    assert sorted(turns) == sorted(2 * LESSONS) and len(themes) == 2 * len(LESSONS)


def test_what_changed_and_two_more_run_in_the_machine(commit) -> None:
    commit(1, f"notebooks/{LESSONS[1]}.ipynb", "notebooks/a_picture.svg", "tests/notebooks/test_twice.py")
    assert rotation.changed() == {LESSONS[1]}
    assert rotation.in_the_machine() == [LESSONS[1], *rotation.rotated(2, [LESSONS[0], *LESSONS[2:]])]
    commit(2, *(f"notebooks/{lesson}.ipynb" for lesson in LESSONS))
    assert rotation.in_the_machine() == LESSONS


def test_as_a_script_it_names_notebooks() -> None:
    done = subprocess.run([sys.executable, rotation.__file__], capture_output=True, text=True, cwd="/", check=True)
    named = done.stdout.split()
    assert len(named) >= 2 and all((TOP / name).is_file() for name in named)


def test_where_there_is_no_repository_it_begins_at_the_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(rotation, "TOP", tmp_path)
    monkeypatch.setattr(rotation, "git", rotation.git.__wrapped__)
    assert rotation.turn() == 0 and rotation.changed() == set()
