"""The record of each exercise that the learner has touched, kept across restarts in one file.

A record has the state, when it was passed, the variant, tries, hints read, whether the solution was shown, and how
often each misconception was met.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ...errors import Unsupported
from .places import state_dir, trouble
from .states import State
from .store import Data, Store

Record = dict[str, Any]


def sound(data: Data) -> Data:
    """What can be used of the progress: records whose parts have the shape that this version gives them."""
    kept = data.get("exercises", {})
    records = kept if isinstance(kept, dict) else {}
    good = {name: each for name, each in records.items() if isinstance(each, dict) and _is_sound(each)}
    return {**data, "exercises": good} if "exercises" in data else data


def _is_sound(each: Record) -> bool:
    counts = [each.get(name, 0) for name in ("seed", "tries", "hints")]
    met = each.get("misconceptions", {})
    whole = all(type(count) is int for count in counts)
    return whole and each.get("state") in {state.value for state in State} and isinstance(met, dict)


STORE = Store(lambda: state_dir() / "progress.json", sound)

#: The word of a learner whose progress cannot be kept, for as long as this process lives.
_NEWCOMERS: dict[Path, str] = {}

UNTRIED = {State.NOT_STARTED.value, State.CANNOT.value}
OPEN = {True: UNTRIED | {State.NOT_YET.value, State.ALMOST.value}, False: UNTRIED}
"""The states that a check replaces: True for a failed attempt, False for a check in which nothing was tried."""


def record(exercise: str) -> Record:
    """The record of one exercise; empty if it was never touched."""
    return dict(_all(STORE.read()).get(exercise, {}))


def records() -> dict[str, Record]:
    """The records of all exercises that were touched."""
    return dict(_all(STORE.read()))


def seed(exercise: str) -> int:
    """The variant that the learner is at. The first follows from who the learner is."""
    return int(record(exercise).get("seed") or first_seed(exercise))


def first_seed(exercise: str) -> int:
    """The variant with which this learner begins. $PYCTR_LAB_VARIANT names one for all: outputs can be compared."""
    given = os.environ.get("PYCTR_LAB_VARIANT", "")
    if given.isascii() and given.isdigit():
        return int(given)
    return int(hashlib.sha256(f"{learner()}/{exercise}".encode()).hexdigest()[:6], 16)


def learner() -> str:
    """A word by which this learner differs from others: by chance, kept with the progress."""
    found = STORE.read().get("learner")
    if not isinstance(found, str):
        own = _NEWCOMERS.setdefault(STORE.path, secrets.token_hex(8))
        found = STORE.change(lambda data: data.update(learner=data.get("learner", own)))["learner"]
    return str(found)


def started(exercise: str, number: int, by: str = "") -> None:
    """Keep the variant, and in which process it was. The state stays: fresh ground does not undo a pass."""
    _change(exercise, lambda kept: kept.update(seed=number, by=by))


def checked(exercise: str, state: State, misconception: str = "", *, ground: float) -> None:
    """Keep the outcome of a check on the ground that was started at this time.

    A pass stays, unless the same ground shows that it holds no longer; a check in which nothing was tried leaves the
    state of an earlier try.
    """

    def keep(kept: Record) -> None:
        if state is State.PASSED:
            kept.update(state=state.value, passed=kept.get("passed", _now()), passed_on=ground)
        elif state is State.NO_LONGER or kept["state"] in OPEN[state.failed]:
            kept["state"] = state.value
        if state.failed or state is State.PASSED:
            kept["tries"] = kept.get("tries", 0) + 1
        if misconception:
            met = kept.setdefault("misconceptions", {})
            met[misconception] = met.get(misconception, 0) + 1

    _change(exercise, keep)


def hinted(exercise: str, tier: int) -> None:
    """Keep how far the hints were read."""
    _change(exercise, lambda kept: kept.update(hints=max(tier, kept.get("hints", 0))))


def revealed(exercise: str) -> None:
    """Keep that the solution was shown."""
    _change(exercise, lambda kept: kept.update(revealed=True))


def forget(exercises: Iterable[str]) -> Path | None:
    """Take exercises back to "not started". The whole file as it was is kept aside; None if there was none.

    Raises Unsupported where it cannot be read, or not be kept aside: then nothing is taken back.
    """
    names, recorded = list(exercises), records()
    if STORE.problem:
        raise Unsupported(f"nothing can be taken back: {STORE.problem}")
    if not any(name in recorded for name in names):
        return None
    try:
        kept = STORE.aside()
    except OSError as why:
        raise Unsupported(f"nothing is taken back: no copy can be kept: {trouble(why, STORE.path)}") from None

    def drop(data: Data) -> None:
        for name in names:
            _all(data).pop(name, None)

    STORE.change(drop)
    return kept


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
