"""Exercises are found by folder: a new one is one new file, and a new lesson one line more in the list."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import pyctr_lab
from pyctr_lab.course import lessons
from pyctr_lab.course.exercises import ALL
from pyctr_lab.course.syllabus import LESSONS, WRITTEN

HERE = Path(lessons.__file__).parent
NOTEBOOKS = Path(pyctr_lab.__file__).parents[1] / "notebooks"
TOY = """
from pyctr_lab.course.grading import Exercise


class Toy(Exercise):
    id = "13.1"
    title = "A toy"
"""


def modules() -> list[Path]:
    return sorted(HERE.glob("lesson_*/[!_]*.py"))


def test_each_module_is_one_exercise_of_its_lesson_and_none_is_missing() -> None:
    there = {f"lesson_{each.lesson}/{type(each).__module__.rpartition('.')[2]}.py" for each in ALL.values()}
    assert len(ALL) == len(modules()) and there == {f"{path.parent.name}/{path.name}" for path in modules()}
    for lesson in WRITTEN:
        own = [name for name, each in ALL.items() if each.lesson == lesson.number]
        assert own == [f"{int(lesson.number)}.{place}" for place in range(1, len(own) + 1)]


def test_a_new_exercise_is_one_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "toys" / "lesson_13"
    folder.mkdir(parents=True)
    (folder / "toy.py").write_text(TOY)
    monkeypatch.syspath_prepend(tmp_path)
    (found,) = lessons.exercises_in(folder.parent, "toys")
    assert (found.id, found.lesson, found.title) == ("13.1", "13", "A toy")
    for name in [name for name in sys.modules if name.partition(".")[0] == "toys"]:
        monkeypatch.delitem(sys.modules, name)


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """Module and name of everything that a module of a lesson imports of the package."""
    package = f"{lessons.__name__}.{path.parent.name}"
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.ImportFrom) or not (node.level or str(node.module).startswith("pyctr_lab")):
            continue
        above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        yield from ((".".join([*above, *filter(None, [node.module])]), alias.name) for alias in node.names)


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.stem)
def test_a_lesson_imports_only_what_is_public(path: Path) -> None:
    for module, name in imports(path):
        if module.startswith(f"{lessons.__name__}.kit"):
            continue
        assert len(module.split(".")) <= 2 or module == "pyctr_lab.course.grading", module
        assert name in import_module(module).__all__, f"{module}.{name}"


def test_the_list_has_each_notebook_once_and_in_order() -> None:
    assert [each.notebook for each in WRITTEN] == sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
    assert [each.number for each in LESSONS] == [f"{number:02}" for number in range(len(LESSONS))]
