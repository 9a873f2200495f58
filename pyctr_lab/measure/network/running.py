"""Carry out the experiments with networks, one after another; what is missing is said, and the rest is measured.

results = measure_network(sizes=SMALL, progress=print)
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import asdict

from ...engines import Sandbox
from ...errors import BadInput, LabError
from ...kernel.checks import check_function, check_list
from ..computer import describe_machine
from ..measuring import add_row
from ..options import MeasureOptions
from ..rounds import rows_of_rounds
from ..rows import CutShort, ExperimentRow, MissingEngine, Note, Progress, row_from_json
from ..samples import Results
from ..turns import LITTLE, Turns
from .experiments import NETWORK_EXPERIMENTS
from .senders import find_sender
from .sizes import FULL, SMALL, NetworkSizes
from .starts import NAME, PEERS


def measure_network(
    *,
    engines: Iterable[str] | None = None,
    options: MeasureOptions | None = None,
    sizes: NetworkSizes | None = None,
    progress: Callable[[Progress], object] | None = None,
) -> Results:
    """All experiments with networks; `engines` are the others whose starts are measured beside ours.

    Without `sizes` they are full, or small where the budget of each experiment is a few seconds, and a note says so.
    An interrupt ends it, and what was measured until then is returned: `ended` and `notes` say so. Raises BadInput for
    an unknown engine.
    """
    check_function(progress, "progress")
    checked = (options or MeasureOptions()).checked()
    results = Results(machine=describe_machine())
    if sizes is None and checked.budget < LITTLE:
        results.notes.append("network: a little of each, for there is little time: these are not the figures")
    chosen = sizes or (SMALL if checked.budget < LITTLE else FULL)
    with closing(network_rows(known_peers(engines), checked, chosen)) as rows:
        try:
            for row in rows:
                if not isinstance(row, Progress):
                    add_row(results, row)
                elif progress:
                    progress(row)
        except KeyboardInterrupt:
            results.ended = "interrupted"
            results.notes.append("interrupted: what had been measured by then")
    return results


def known_peers(engines: Iterable[str] | None) -> list[str]:
    """The other engines whose starts are to be measured: all, or these. Raises BadInput."""
    wanted = list(PEERS) if engines is None else list(dict.fromkeys(check_list(engines, "engines")))
    for name in wanted:
        if name not in (*PEERS, "ours"):
            raise BadInput(f"there is no engine {name!r:.40} for networks", hint=f"there are ours, {', '.join(PEERS)}")
    return [name for name in wanted if name != "ours"]


def network_rows(
    engines: list[str], options: MeasureOptions, sizes: NetworkSizes
) -> Generator[ExperimentRow, None, None]:
    """The rows of all experiments."""
    yield from start_rows_of_sandbox(engines, options)
    yield Note(f"net_bytes, net_port: sent by {find_sender().name}")
    for name in NETWORK_EXPERIMENTS:
        yield from network_experiment_rows(name, options, sizes)


def start_rows_of_sandbox(engines: list[str], options: MeasureOptions) -> Iterator[ExperimentRow]:
    """The rows of starts. A sandbox that ends too early is a row, too."""
    try:
        words = {"engines": engines, "options": asdict(options)}
        with Sandbox("pyctr_lab.measure.network.starts:json_start_rows", **words) as sandbox:
            yield from map(row_from_json, sandbox)
    except LabError as why:
        yield CutShort(f"{NAME}: {why}")


def network_experiment_rows(name: str, options: MeasureOptions, sizes: NetworkSizes) -> Iterator[ExperimentRow]:
    """The rows of one experiment. Where it cannot be made ready, a note says why."""
    experiment, began = NETWORK_EXPERIMENTS[name], time.monotonic()
    missing: dict[str, str] = {}
    yield Progress(name, 0, 0, None, "its networks")
    with ExitStack() as stack:
        try:
            takers = experiment.prepare(sizes, stack, missing)
        except (LabError, OSError) as why:
            yield Note(f"{name}: {why}")
            return
        yield from (MissingEngine(engine, f"{name}: {why}") for engine, why in missing.items())
        first = dict.fromkeys(takers, 0 if experiment.warm_up else 1)
        repetitions = options.repetitions or experiment.repetitions
        turns = Turns(first, repetitions, options.budget, random.Random(options.seed))
        yield from rows_of_rounds(name, takers, turns, began)
