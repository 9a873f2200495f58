"""Carry out the experiments with walls, one after another.

results = measure_walls(sizes=SMALL, progress=print)
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import asdict
from functools import partial

from ..options import MeasureOptions
from ..rows import ExperimentRow
from ..suite import Suite, sandboxed_rows, suite_rows
from .experiments import filter_turns, whole_turns
from .goals import wall_goals
from .matrix import matrix_rows
from .sizes import FULL, SMALL, WallSizes
from .starts import PEERS, STARTS


def walls_rows(engines: list[str], options: MeasureOptions, sizes: WallSizes) -> Generator[ExperimentRow, None, None]:
    """The rows of all experiments."""
    words = {"engines": engines, "options": asdict(options), "crowd": sizes.crowd}
    yield from sandboxed_rows(STARTS, "pyctr_lab.measure.walls.starts:json_wall_rows", words)
    yield from suite_rows("whole_start", partial(whole_turns, sizes), options, repetitions=50)
    yield from suite_rows("filter_compile", partial(filter_turns, sizes), options, repetitions=20)
    yield from matrix_rows(whole=sizes.matrix)


WALL_SUITE = Suite("walls", PEERS, FULL, SMALL, walls_rows, wall_goals)
measure_walls = WALL_SUITE.measure
