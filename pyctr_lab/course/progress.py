"""What the learner has done so far, kept across restarts: `progress()` shows it, nothing is ever run again for it.

For each exercise: how it stands, when it was passed, the variant, tries, hints read, whether the solution was shown,
and how often each misconception was met.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ..errors import BadInput
from .grading.verdicts import State, Verdict
from .learner.page import Page
from .learner.places import state_dir
from .learner.progress_map import LESSONS, ProgressMap, Row
from .learner.store import Data, Store

Record = dict[str, Any]

STORE = Store(lambda: state_dir() / "progress.json")

UNTRIED = {State.NOT_STARTED.value, State.CANNOT.value}
OPEN = {True: UNTRIED | {State.NOT_YET.value, State.ALMOST.value}, False: UNTRIED}
"""The states that a failed attempt replaces, and those that a check replaces in which nothing was tried."""


def record(exercise: str) -> Record:
    """What is kept of one exercise; empty if it was never touched."""
    return dict(_all(STORE.read()).get(exercise, {}))


def records() -> dict[str, Record]:
    """What is kept of every exercise that was touched."""
    return dict(_all(STORE.read()))


def seed(exercise: str) -> int:
    """The variant that the learner is at; the first is 1."""
    return int(record(exercise).get("seed", 1))


def started(exercise: str, number: int) -> None:
    """Keeps the variant. How it stands is left as it was: fresh ground does not undo a pass."""
    _change(exercise, lambda kept: kept.update(seed=number))


def checked(exercise: str, verdict: Verdict, *, ground: float) -> None:
    """Keeps a verdict. A pass stays, unless the same ground shows that it holds no longer; and what was tried stays
    where nothing is tried.
    """

    def keep(kept: Record) -> None:
        if verdict.state is State.PASSED:
            kept.update(state=verdict.state.value, passed=kept.get("passed", _now()), passed_on=ground)
        elif verdict.state is State.NO_LONGER or kept["state"] in OPEN[verdict.state.failed]:
            kept["state"] = verdict.state.value
        if verdict.state.failed or verdict.passed:
            kept["tries"] = kept.get("tries", 0) + 1
        if verdict.misconception:
            met = kept.setdefault("misconceptions", {})
            met[verdict.misconception] = met.get(verdict.misconception, 0) + 1

    _change(exercise, keep)


def hinted(exercise: str, tier: int) -> None:
    """Keeps how far the hints were read."""
    _change(exercise, lambda kept: kept.update(hints=max(tier, kept.get("hints", 0))))


def revealed(exercise: str) -> None:
    """Keeps that the solution was shown."""
    _change(exercise, lambda kept: kept.update(revealed=True))


def forget(exercises: Iterable[str]) -> Path | None:
    """Takes exercises back to "not started". The whole file as it was is kept aside; None if there was none."""
    names = list(exercises)
    if not any(name in records() for name in names):
        return None
    kept = STORE.aside()

    def drop(data: Data) -> None:
        for name in names:
            _all(data).pop(name, None)

    STORE.change(drop)
    return kept


def show() -> ProgressMap:
    """The map of the course with what is done. Nothing is checked again for it."""
    from .exercises import ALL

    kept = records()
    rows = []
    for number, title, minutes in LESSONS:
        names = [name for name, exercise in ALL.items() if exercise.lesson == number]
        rows.append(Row(number, title, minutes, {name: _state(kept.get(name, {})) for name in names}))
    return ProgressMap(rows)


def reset(what: str = "all") -> Page:
    """Takes back one exercise ("3.1"), a lesson ("03") or everything ("all"). What was recorded is kept aside."""
    from .exercises import ALL

    names = [name for name, each in ALL.items() if what in ("all", name) or str(what).zfill(2) == each.lesson]
    if not names:
        hint = f'an exercise ({", ".join(ALL)}), a lesson ("03"), or "all"'
        raise BadInput(f"nothing is called {str(what)[:40]!r}", hint=hint)
    kept = forget(names)
    where = f"What was recorded before is kept as {kept}." if kept else "Nothing had been recorded."
    return Page(f"{', '.join(names)}: as if never touched").line(where)


def _state(kept: Record) -> State:
    return State(kept.get("state", State.NOT_STARTED.value))


def _change(exercise: str, change: Callable[[Record], None]) -> None:
    def edit(data: Data) -> None:
        kept = _all(data).setdefault(exercise, {"state": State.NOT_STARTED.value})
        change(kept)

    STORE.change(edit)


def _all(data: Data) -> dict[str, Record]:
    found: dict[str, Record] = data.setdefault("exercises", {})
    return found


def _now() -> str:
    return time.strftime("%Y-%m-%d %H:%M")
