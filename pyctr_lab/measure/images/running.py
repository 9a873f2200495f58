"""Carry out the experiments with images, one after another; what is missing is said, and the rest is measured.

results = measure_images(sizes=SMALL, progress=print)
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack

from ...errors import BadInput, LabError
from ...kernel.checks import check_function, check_list
from ..computer import describe_machine
from ..measuring import add_row
from ..options import MeasureOptions
from ..rounds import rows_of_rounds, without_name
from ..rows import CutShort, ExperimentRow, MissingEngine, Note, Progress
from ..samples import Results
from ..turns import LITTLE, Turns
from .bench_ground import BenchGround, bench_ground
from .experiments import IMAGE_EXPERIMENTS, TOOLS
from .material import tree_archive
from .servers import find_tool
from .sizes import FULL, SMALL, ImageSizes


def measure_images(
    *,
    engines: Iterable[str] | None = None,
    options: MeasureOptions | None = None,
    sizes: ImageSizes | None = None,
    progress: Callable[[Progress], object] | None = None,
) -> Results:
    """All experiments with images; `engines` are the tools of others that are measured beside ours.

    Without `sizes` they are full, or small where the budget of each experiment is a few seconds, and a note says so.
    An interrupt ends it, and what was measured until then is returned: `ended` and `notes` say so. Raises BadInput for
    an unknown tool, LabError where the disk has no room.
    """
    check_function(progress, "progress")
    checked = (options or MeasureOptions()).checked()
    results = Results(machine=describe_machine())
    if sizes is None and checked.budget < LITTLE:
        results.notes.append("images: small ones, for there is little time: these are not the figures")
    rows = image_rows(known_tools(engines), checked, sizes or (SMALL if checked.budget < LITTLE else FULL))
    try:
        for row in rows:
            if not isinstance(row, Progress):
                add_row(results, row)
            elif progress:
                progress(row)
    except LabError as why:  # of the ground, or at its end; what was measured is kept
        if not results.samples:
            raise
        add_row(results, CutShort(f"images: {why}"))
    except KeyboardInterrupt:
        results.ended = "interrupted"
        results.notes.append("interrupted: what had been measured by then")
    finally:
        rows.close()
    return results


def known_tools(engines: Iterable[str] | None) -> list[str]:
    """The tools of others that are to be measured: all, or these. Raises BadInput."""
    wanted = list(TOOLS) if engines is None else list(dict.fromkeys(check_list(engines, "engines")))
    for name in wanted:
        if name not in (*TOOLS, "ours"):
            raise BadInput(f"there is no tool {name!r:.40} for images", hint=f"there are ours, {', '.join(TOOLS)}")
    return wanted


def image_rows(tools: list[str], options: MeasureOptions, sizes: ImageSizes) -> Generator[ExperimentRow, None, None]:
    """The rows of all experiments, on one ground."""
    missing = dict(without_tools(tools))
    yield from (MissingEngine(name, why) for name, why in missing.items())
    present = {name for name in tools if name not in missing}
    yield Progress("images", 0, 0, None, "a tree")
    with bench_ground(sizes) as ground:
        archive = ground.fresh() / "tree.tar.gz"
        yield Note(tree_archive(sizes, archive))
        ground.tree = ground.layout_of(archive)
        for name in IMAGE_EXPERIMENTS:
            yield from image_experiment_rows(name, ground, present, options)


def without_tools(tools: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The tools that are not installed, and what is said of them."""
    for name in tools:
        try:
            if name != "ours":
                find_tool(name)
        except LabError as why:
            yield name, str(why)


def image_experiment_rows(
    name: str, ground: BenchGround, present: set[str], options: MeasureOptions
) -> Iterator[ExperimentRow]:
    """The rows of one experiment. Where it cannot be made ready, a note says why."""
    experiment = IMAGE_EXPERIMENTS[name]
    began = time.monotonic()
    yield Progress(name, 0, 0, None, "the images")
    with ExitStack() as stack:
        try:
            for program in experiment.needs:
                find_tool(program)
            ready = experiment.prepare(ground, stack)
        except (LabError, OSError) as why:
            yield Note(f"{name}: {without_name(str(why), name)}")
            return
        takers = {engine: taker for engine, taker in ready.items() if engine not in TOOLS or engine in present}
        first = dict.fromkeys(takers, 0 if experiment.warm_up else 1)
        repetitions = options.repetitions or experiment.repetitions
        turns = Turns(first, repetitions, options.budget, random.Random(options.seed))
        yield from rows_of_rounds(name, takers, turns, began)
