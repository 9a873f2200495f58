"""The turns of one experiment, one after another: every value is a row, and so is how far it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from ..errors import LabError
from .options import Measurement
from .rows import ExperimentRow, MissingEngine, Note, Progress
from .samples import UNITS, Sample
from .turns import Turns

TurnTaker = Callable[[], Iterable[Measurement]]
"""One turn of an engine: its values."""


def rows_of_rounds(
    name: str,
    takers: Mapping[str, TurnTaker],
    turns: Turns,
    began: float,
    is_emulated: Callable[[str], bool] = lambda engine: False,
) -> Iterator[ExperimentRow]:
    """All turns of all engines, and a note where the budget was too small. An engine that fails has no more turns."""
    while engine := turns.next():
        start, number = time.monotonic(), turns.number(engine)
        try:
            for each in takers[engine]():
                now, what = round(time.monotonic() - began, 6), each.of or name
                yield Sample(what, engine, each.value, UNITS[what], number, each.instances, now, is_emulated(engine))
        except (LabError, OSError) as why:
            turns.drop(engine)
            yield MissingEngine(engine, f"{name}: {without_name(str(why), engine)}")
        turns.took(engine, time.monotonic() - start)
        yield Progress(name, turns.done, turns.total, turns.left(), engine)
    yield Progress(name, turns.done, turns.done, 0.0)
    yield from map(Note, turns.notes(name))


def without_name(text: str, engine: str) -> str:
    """An engine's complaint, without its name in front."""
    return text.removeprefix(f"{engine}: ").removeprefix(f"{engine} ")
