"""Carry out the experiments with images, one after another.

results = measure_images(sizes=SMALL, progress=print)
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack

from ...errors import LabError
from ..options import MeasureOptions
from ..rounds import TurnTaker
from ..rows import ExperimentRow, MissingEngine, Note, Progress
from ..suite import Prepare, Suite, suite_rows
from .bench_ground import BenchGround, bench_ground
from .experiments import IMAGE_EXPERIMENTS, TOOLS, ImageExperiment
from .goals import goals
from .material import tree_archive
from .servers import find_tool
from .sizes import FULL, SMALL, ImageSizes


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
        for name, each in IMAGE_EXPERIMENTS.items():
            prepare = prepared_on(ground, each, present)
            yield from suite_rows(name, prepare, options, repetitions=each.repetitions, warm_up=each.warm_up)


def without_tools(tools: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The tools that are not installed, and what is said of them."""
    for name in tools:
        try:
            find_tool(name)
        except LabError as why:
            yield name, str(why)


def prepared_on(ground: BenchGround, experiment: ImageExperiment, present: set[str]) -> Prepare:
    """What makes the engines of an experiment ready: ours, and the tools that are present."""

    def prepare(stack: ExitStack, missing: dict[str, str]) -> dict[str, TurnTaker]:
        for program in experiment.needs:
            find_tool(program)
        ready = experiment.prepare(ground, stack)
        return {engine: taker for engine, taker in ready.items() if engine not in TOOLS or engine in present}

    return prepare


IMAGE_SUITE = Suite("images", TOOLS, FULL, SMALL, image_rows, goals)
measure_images = IMAGE_SUITE.measure
