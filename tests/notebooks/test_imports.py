"""What lessons import from the package is there, and public: a moved module is found here, in two seconds."""

from __future__ import annotations

import json
import re
from importlib import import_module
from pathlib import Path

import pytest

LESSONS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


def imports(lesson: Path) -> list[tuple[str, str]]:
    """Module and name of each `from pyctr_lab... import ...` of a lesson, in prose too."""
    text = "\n".join("".join(cell["source"]) for cell in json.loads(lesson.read_text())["cells"])
    found = re.findall(r"^ *from (pyctr_lab[\w.]*) import ([\w, ]+)", text, re.MULTILINE)
    return [(module, name.split()[0]) for module, names in found for name in names.split(",")]


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_what_a_lesson_imports_is_there(lesson: Path) -> None:
    pytest.importorskip("ipywidgets")
    missing = []
    for module, name in imports(lesson):
        try:
            if not hasattr(import_module(module), name):
                import_module(f"{module}.{name}")
        except ImportError as why:
            missing.append(str(why))
    assert missing == []


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_imports_only_what_is_public(lesson: Path) -> None:
    rooms = {module: import_module(module) for module, _ in imports(lesson)}
    inner = [f"from {module} import {name}" for module, name in imports(lesson)
             if not hasattr(rooms[module], "__path__") or name not in rooms[module].__all__]  # fmt: skip
    assert inner == [], "a lesson imports from pyctr_lab, and from the __all__ of its rooms (folders)"
