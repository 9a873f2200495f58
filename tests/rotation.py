"""What rotates from run to run, chosen by the name of the newest commit, so that every run can be repeated.

As a script: the lessons that the short form of `./lab test vm` runs in the machine, a path a line.
"""

from __future__ import annotations

import functools
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[1]
LESSONS = sorted(path.stem for path in (TOP / "notebooks").glob("*.ipynb"))
THEMES = ("light", "dark")
RECENT = 30  # commits whose notebooks run in the machine, whatever the rotation


@functools.cache
def git(*words: str) -> str:
    """Output of a git command; nothing where there is no repository or no git, as inside the machine."""
    try:
        return subprocess.run(["git", "-C", str(TOP), *words], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""


def turn() -> int:
    """Number of this run in the rotation."""
    return int(git("rev-parse", "HEAD").strip() or "0", 16)


def rotated(count: int, among: Sequence[str] = LESSONS) -> list[str]:
    """The `count` names whose turn it is, neighbours in their order."""
    first = turn() % len(among)
    return [among[(first + number) % len(among)] for number in range(min(count, len(among)))]


def changed() -> set[str]:
    """Lessons whose notebooks the newest commits changed."""
    names = git("log", f"-{RECENT}", "--name-only", "--format=").splitlines()
    return {Path(name).stem for name in names if name.startswith("notebooks/")} & set(LESSONS)


def theme_of(lesson: str) -> str:
    """Theme in which a lesson is opened: alternates from lesson to lesson, and from turn to turn."""
    return THEMES[(LESSONS.index(lesson) + turn()) % len(THEMES)]


def in_turn(name: str, among: Sequence[str] = LESSONS) -> list[pytest.MarkDecorator]:
    """Marks of a test that runs for one name a run, a lesson if nothing else is said, and for each with --all."""
    return [] if name in rotated(1, among) else [pytest.mark.complete]


def in_the_machine() -> list[str]:
    """Lessons that the short form of `./lab test vm` runs."""
    new = changed()
    others = [lesson for lesson in LESSONS if lesson not in new]
    return sorted({*new, *(rotated(2, others) if others else [])})


if __name__ == "__main__":
    for lesson in in_the_machine():
        print(f"notebooks/{lesson}.ipynb")
