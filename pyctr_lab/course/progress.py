"""The learner's way through the course: `progress.show()` draws the map, `progress.reset()` takes exercises back."""

from __future__ import annotations

from ..errors import BadInput
from .learner import records
from .learner.page import Page
from .learner.progress_map import ProgressMap, Row
from .learner.states import State
from .lessons import ALL
from .syllabus import LESSONS

__all__ = ["reset", "show"]


def show() -> ProgressMap:
    """The map of the course with what is done. Nothing is checked again for it."""
    kept = records.records()
    state = {name: State(kept.get(name, {}).get("state", State.NOT_STARTED.value)) for name in ALL}
    rows = []
    for lesson in LESSONS:
        own = {name: state[name] for name, exercise in ALL.items() if exercise.lesson == lesson.number}
        rows.append(Row(lesson.number, lesson.title, lesson.minutes, own))
    return ProgressMap(rows, records.STORE.problem)


def reset(what: str = "all") -> Page:
    """Take back one exercise ("3.1"), a lesson ("03") or everything ("all"). What was recorded is kept aside."""
    names = [name for name, each in ALL.items() if what in ("all", name) or str(what).zfill(2) == each.lesson]
    if not names:
        hint = f'an exercise ({", ".join(ALL)}), a lesson ("03"), or "all"'
        raise BadInput(f"nothing is called {str(what)[:40]!r}", hint=hint)
    kept = records.forget(names)
    where = f"What was recorded before is kept as {kept}." if kept else "Nothing had been recorded."
    return Page(f"{', '.join(names)}: as if never touched").line(where)
