"""The exercises of all lessons, found by folder: `lesson_NN/` for a lesson, in it a module for each exercise.

A module has one subclass of Exercise with an `id`. What several of them share is in `kit/`.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from ..grading import Exercise

__all__ = ["ALL"]


def exercises_in(folder: Path, package: str) -> Iterator[Exercise]:
    """Import each module of the lessons' folders, and make the exercise of each."""
    for path in folder.glob("lesson_*/[!_]*.py"):
        module = import_module(f"{package}.{path.parent.name}.{path.stem}")
        for found in vars(module).values():
            if isinstance(found, type) and issubclass(found, Exercise) and found.__module__ == module.__name__:
                yield found()


def in_order(exercise: Exercise) -> tuple[int, ...]:
    """The numbers of its id."""
    return tuple(int(part) for part in exercise.id.split("."))


#: Every exercise by its id, in the order of the course.
ALL: dict[str, Exercise] = {
    each.id: each for each in sorted(exercises_in(Path(__file__).parent, __name__), key=in_order)
}
