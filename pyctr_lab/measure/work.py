"""One experiment inside the engines' sandbox: the engines are made ready and take turns; every sample is a row."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ..engines import ALL, Engine, rootfs
from ..engines.sandbox import WORK
from ..errors import LabError
from .experiment import EXPERIMENTS
from .options import MeasureOptions, TurnOptions
from .rows import ExperimentRow, MissingEngine, Note, Progress, row_to_json
from .samples import UNITS, Sample
from .turns import Turns


def json_rows(name: str, engines: Sequence[str], options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The rows of an experiment, as JSON carries them."""
    return map(row_to_json, experiment_rows(name, engines, MeasureOptions(**options)))


def experiment_rows(name: str, engines: Sequence[str], options: MeasureOptions) -> Iterator[ExperimentRow]:
    """Samples, engines that are missing, notes, and how far it is."""
    began, tree = time.monotonic(), rootfs_of_all()
    with ExitStack() as stack:
        ready: dict[str, Engine] = {}
        for engine in engines:
            yield Progress(name, 0, 0, None, engine)
            try:
                ready[engine] = stack.enter_context(ALL[engine](Path(WORK) / engine, tree))
            except (LabError, OSError) as why:
                yield MissingEngine(engine, without_name(str(why), engine))
        yield from rows_of_turns(name, ready, options, began)
        yield from EXPERIMENTS[name].notes(ready, tree)


def rootfs_of_all() -> Path:
    """The files that all engines get. Raises LabError where there is no room for them."""
    try:
        return rootfs.make_rootfs(Path(WORK) / "rootfs")
    except OSError as why:
        raise LabError(f"the root file system cannot be made: {why.strerror}", hint="there must be 8 MiB left") from why


def rows_of_turns(
    name: str, ready: Mapping[str, Engine], options: MeasureOptions, began: float
) -> Iterator[ExperimentRow]:
    """All turns of all engines, and a note where the budget was too small."""
    experiment = EXPERIMENTS[name]
    # a machine has no warm-up: it would be the dearest of all, and its kernel's file is in memory at once
    first = {key: 0 if experiment.warm_up and each.kind != "machine" else 1 for key, each in ready.items()}
    order = random.Random(options.seed)
    turns = Turns(first, options.repetitions or experiment.repetitions, options.budget, order)
    turn_options = TurnOptions(options.count, options.budget / max(1, len(ready)))
    while engine := turns.next():
        start = time.monotonic()
        try:
            yield from one_turn(name, ready[engine], turns.number(engine), turn_options, began)
        except (LabError, OSError) as why:
            turns.drop(engine)
            yield MissingEngine(engine, f"{name}: {without_name(str(why), engine)}")
        turns.took(engine, time.monotonic() - start)
        yield Progress(name, turns.done, turns.total, turns.left(), engine)
    yield Progress(name, turns.done, turns.done, 0.0)
    yield from map(Note, turns.notes(name))


def one_turn(name: str, engine: Engine, number: int, options: TurnOptions, began: float) -> Iterator[Sample]:
    """The samples of one turn of one engine."""
    for each in EXPERIMENTS[name].turn(engine, options):
        now, what = round(time.monotonic() - began, 6), each.of or name
        yield Sample(what, engine.name, each.value, UNITS[what], number, each.instances, now, engine.emulated)


def without_name(text: str, engine: str) -> str:
    """An engine's complaint, without its name in front."""
    return text.removeprefix(f"{engine}: ").removeprefix(f"{engine} ")
