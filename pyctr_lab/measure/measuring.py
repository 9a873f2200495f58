"""How experiments are carried out: in a sandbox, the engines in turns, every sample handed out at once.

    results = measure("startup", engines=["ours", "runc"], budget=20)

Fairness is in the order: each round asks every engine once, in an order shuffled anew, so that a hiccup of the machine
does not hit the same one always. The first round is a warm-up. Time is limited by a budget: an engine whose turn is
dear gets fewer of them, and the results say so. Nothing is thrown away.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import asdict

from ..engines import Sandbox
from ..engines.survey import known_engines, with_kernel
from ..errors import LabError
from ..kernel.checks import check_function
from .computer import describe_machine
from .engine_choices import engine_titles
from .experiment import EXPERIMENTS, known_experiments
from .options import BUDGET, MeasureOptions
from .rows import CutShort, ExperimentRow, MissingEngine, Note, PaidOnce, Progress, row_from_json
from .samples import Results, Sample

Watcher = Callable[[Progress], object]
"""Called with how far it is."""


def measure(
    experiments: str | Iterable[str],
    *,
    engines: Iterable[str] | None = None,
    repetitions: int | None = None,
    budget: float = BUDGET,
    count: int | None = None,
    seed: int = 1,
    progress: Watcher | None = None,
) -> Results:
    """Carry out one or several experiments; returns all samples. See `EXPERIMENTS` for the names.

    `budget` is in seconds, for each experiment; `repetitions` the turns of each engine (default: what the experiment
    needs); `count` how many instances a crowd may have at most; `seed` makes the order of the turns. An interrupt ends
    it, and what was measured until then is returned: `ended` and `notes` say so. Raises BadInput for what cannot be;
    LabError when a sandbox ends before its work does and there is nothing to keep yet: else `ended` and `notes` say so,
    and the rest goes on.
    """
    results = Results(machine=describe_machine())
    options = MeasureOptions(repetitions, budget, count, seed)
    moving = live(experiments, options, engines=engines, progress=progress)
    try:
        for results in moving:  # noqa: B007  the newest is what is wanted
            pass
    except KeyboardInterrupt:
        results.ended = "interrupted"
        results.notes.append("interrupted: what had been measured by then")
    finally:
        moving.close()
    return results


def live(
    experiments: str | Iterable[str],
    options: MeasureOptions | None = None,
    *,
    engines: Iterable[str] | None = None,
    progress: Watcher | None = None,
) -> Generator[Results, None, None]:
    """As `measure`, but gives the results so far after each sample: the same object, which grows."""
    wanted = known_experiments(experiments)
    check_function(progress, "progress")
    checked = (options or MeasureOptions()).checked()
    names = known_engines(engines)
    chosen = {
        name: [each for each in names if engines is not None or each not in EXPERIMENTS[name].unless_named]
        for name in wanted
    }
    with_kernel(name for each in chosen.values() for name in each)
    return _live(chosen, checked, progress)


def _live(
    chosen: dict[str, list[str]], options: MeasureOptions, progress: Watcher | None
) -> Generator[Results, None, None]:
    results = Results(machine=describe_machine(), titles=engine_titles())
    for name, engines in chosen.items():
        with closing(sandbox_rows(name, engines, options, results.samples)) as rows:
            for row in rows:
                if not isinstance(row, Progress):
                    add_row(results, row)
                    yield results
                elif progress:
                    progress(row)
    yield results


def sandbox_rows(
    name: str, engines: list[str], options: MeasureOptions, kept: list[Sample]
) -> Generator[ExperimentRow, None, None]:
    """The rows of one experiment. A sandbox that ends too early is a row too, unless there is nothing to keep."""
    try:
        words = {"name": name, "engines": engines, "options": asdict(options)}
        with Sandbox("pyctr_lab.measure.work:json_rows", **words) as sandbox:
            yield from map(row_from_json, sandbox)
    except LabError as why:
        if not kept:
            raise
        yield CutShort(f"{name}: {why}")


def add_row(results: Results, row: Sample | MissingEngine | Note | PaidOnce | CutShort) -> None:
    """Let the results grow by a row."""
    match row:
        case Sample():
            results.samples.append(row)
        case MissingEngine(engine, why):
            results.missing.setdefault(engine, why)
        case Note(text):
            results.notes.append(text)
        case PaidOnce(engine, mib):
            results.paid_once[engine] = mib
            text = f"memory: {engine} takes {mib:.0f} MiB once, for a process that is there in any case"
            results.notes.append(text)
        case CutShort(why):
            results.ended = "cut short"
            results.notes.append(f"cut short: {why}")
