"""A suite: experiments on one subject, one after another. What is missing is said, and the rest is measured."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ..engines import Sandbox
from ..errors import BadInput, LabError
from ..kernel.checks import check_function, check_list
from .computer import describe_machine
from .goal import Goal
from .measuring import add_row
from .options import MeasureOptions
from .rounds import TurnTaker, rows_of_rounds, without_name
from .rows import CutShort, ExperimentRow, MissingEngine, Note, Progress, row_from_json
from .samples import Results
from .turns import LITTLE, Turns

Sizes = TypeVar("Sizes")
Prepare = Callable[[ExitStack, dict[str, str]], dict[str, TurnTaker]]
"""Makes the engines of an experiment ready, for each one turn. It adds an engine that is left out to the second."""


@dataclass(frozen=True)
class Suite(Generic[Sizes]):
    """Experiments with figures that are to be reached. `peers` are engines or tools of others, measured beside ours.

    `rows` carries the experiments out; `small` sizes are for a budget of a few seconds.
    """

    name: str
    peers: tuple[str, ...]
    full: Sizes
    small: Sizes
    rows: Callable[[list[str], MeasureOptions, Sizes], Generator[ExperimentRow, None, None]]
    goals: Callable[[Results], list[Goal]]

    def known_peers(self, engines: Iterable[str] | None) -> list[str]:
        """The peers that are to be measured: all, or these. Raises BadInput."""
        wanted = list(self.peers) if engines is None else list(dict.fromkeys(check_list(engines, "engines")))
        for name in wanted:
            if name not in (*self.peers, "ours"):
                hint = f"there are ours, {', '.join(self.peers)}"
                raise BadInput(f"there is no engine {name!r:.40} for {self.name}", hint=hint)
        return [name for name in wanted if name != "ours"]

    def measure(
        self,
        *,
        engines: Iterable[str] | None = None,
        options: MeasureOptions | None = None,
        sizes: Sizes | None = None,
        progress: Callable[[Progress], object] | None = None,
    ) -> Results:
        """All experiments; `engines` are the peers that are measured beside ours.

        Without `sizes` they are full, or small where the budget of each experiment is a few seconds, and a note says
        so. An interrupt ends it, and what was measured until then is returned: `ended` and `notes` say so. Raises
        BadInput for an unknown engine, LabError where nothing can be measured.
        """
        check_function(progress, "progress")
        checked = (options or MeasureOptions()).checked()
        peers, results = self.known_peers(engines), Results(machine=describe_machine())
        little = checked.budget < LITTLE
        if sizes is None and little:
            results.notes.append(f"{self.name}: a little of each, for there is little time: these are not the figures")
        chosen = sizes or (self.small if little else self.full)
        try:
            with closing(self.rows(peers, checked, chosen)) as rows:
                for row in rows:
                    if not isinstance(row, Progress):
                        add_row(results, row)
                    elif progress:
                        progress(row)
        except LabError as why:  # outside the experiments, or at their end; what was measured is kept
            if not results.samples:
                raise
            add_row(results, CutShort(f"{self.name}: {why}"))
        except KeyboardInterrupt:
            results.ended = "interrupted"
            results.notes.append("interrupted: what had been measured by then")
        return results


def suite_rows(
    name: str, prepare: Prepare, options: MeasureOptions, *, repetitions: int, warm_up: bool = True
) -> Iterator[ExperimentRow]:
    """The rows of one experiment. Where it cannot be made ready, a note says why."""
    began, missing = time.monotonic(), dict[str, str]()
    yield Progress(name, 0, 0, None, "the ground")
    with ExitStack() as stack:
        try:
            takers = prepare(stack, missing)
        except (LabError, OSError) as why:
            yield Note(f"{name}: {without_name(str(why), name)}")
            return
        yield from (MissingEngine(each, f"{name}: {why}") for each, why in missing.items())
        first = dict.fromkeys(takers, 0 if warm_up else 1)
        turns = Turns(first, options.repetitions or repetitions, options.budget, random.Random(options.seed))
        yield from rows_of_rounds(name, takers, turns, began)


def sandboxed_rows(name: str, target: str, words: dict[str, Any]) -> Iterator[ExperimentRow]:
    """The rows of a generator in the engines' sandbox. One that ends too early is a row, too."""
    try:
        with Sandbox(target, **words) as sandbox:
            yield from map(row_from_json, sandbox)
    except LabError as why:
        yield CutShort(f"{name}: {why}")
