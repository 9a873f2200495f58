"""One experiment inside the engines' sandbox: the engines are made ready and take turns; every sample is a row."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from ..engines import ALL, Engine, rootfs
from ..engines.sandbox import WORK
from ..errors import LabError
from .experiment import EXPERIMENTS
from .options import MeasureOptions, TurnOptions
from .rounds import rows_of_rounds, without_name
from .rows import ExperimentRow, MissingEngine, Progress, row_to_json
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
    takers = {key: partial(experiment.turn, each, turn_options) for key, each in ready.items()}
    yield from rows_of_rounds(name, takers, turns, began, lambda key: ready[key].emulated)
