"""The package as a whole: its exports are there and documented, its imports are few, and README is true."""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pyctr_lab
from pyctr_lab.course.syllabus import WRITTEN

TOP = Path(__file__).parents[1]
FOLDERS = sorted(path.parent.name for path in (TOP / "pyctr_lab").glob("*/__init__.py"))
ROOMS = ["pyctr_lab", *(f"pyctr_lab.{room}" for room in FOLDERS if room != "launcher")]  # a program, not imported
HEAVY = ("matplotlib", "ipywidgets", "IPython", "psutil", "numpy", "jupyterlab")


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_name_is_there_and_documented(room: str) -> None:
    module = importlib.import_module(room)
    assert inspect.getdoc(module), f"{room} says nothing of itself"
    for name in module.__all__:
        thing = getattr(module, name)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            text = inspect.getdoc(thing) or ""
            made_by_dataclass = text.startswith(f"{name}(") and ")" in text and inspect.isclass(thing)
            assert text and not made_by_dataclass, f"{room}.{name} has no docstring of its own"


@pytest.mark.parametrize("room", ROOMS)
def test_public_names_are_sorted_once(room: str) -> None:
    names = importlib.import_module(room).__all__
    assert len(set(names)) == len(names)


def test_import_is_light() -> None:
    script = f"import sys, pyctr_lab, pyctr_lab.cli; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=TOP)
    assert done.stdout.strip() == "[]"


def test_readme_names_each_room() -> None:
    text = (TOP / "README.md").read_text()
    assert set(re.findall(r"\| `pyctr_lab/(\w+)/`", text)) == set(FOLDERS)


def test_readme_names_each_lesson() -> None:
    text = (TOP / "README.md").read_text()
    rows = re.findall(r"^\| `(\d\d_\w+)` \| .* \| (\d+) \|$", text, re.MULTILINE)
    assert rows == [(each.notebook, str(each.minutes)) for each in WRITTEN]


def test_readme_example_runs() -> None:
    text = (TOP / "README.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    done = subprocess.run([sys.executable, "-c", example], capture_output=True, text=True, check=True, cwd=TOP)
    lines = done.stdout.splitlines()
    assert lines[0].startswith("unshare(CLONE_NEWUTS) = 0 · ")
    assert "demo lab" in lines and lines[-2].startswith("Run('/bin/true', returncode=0")
    assert re.fullmatch(r"\d+\.\d+\S* (tcg|kvm) [\d.]+", lines[-1])


def test_version_is_said_once() -> None:
    assert f'version = "{pyctr_lab.__version__}"' in (TOP / "pyproject.toml").read_text()
