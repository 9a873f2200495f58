"""Carry out the experiments with networks, one after another.

results = measure_network(sizes=SMALL, progress=print)
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import asdict
from functools import partial

from ...engines import Sandbox
from ...errors import LabError
from ..options import MeasureOptions
from ..rows import CutShort, ExperimentRow, Note, row_from_json
from ..suite import Suite, suite_rows
from .experiments import NETWORK_EXPERIMENTS
from .goals import network_goals
from .senders import find_sender
from .sizes import FULL, SMALL, NetworkSizes
from .starts import NAME, PEERS


def network_rows(
    engines: list[str], options: MeasureOptions, sizes: NetworkSizes
) -> Generator[ExperimentRow, None, None]:
    """The rows of all experiments."""
    yield from start_rows_of_sandbox(engines, options)
    yield Note(f"net_bytes, net_port: sent by {find_sender().name}")
    for name, each in NETWORK_EXPERIMENTS.items():
        prepare = partial(each.prepare, sizes)
        yield from suite_rows(name, prepare, options, repetitions=each.repetitions, warm_up=each.warm_up)


def start_rows_of_sandbox(engines: list[str], options: MeasureOptions) -> Iterator[ExperimentRow]:
    """The rows of starts. A sandbox that ends too early is a row, too."""
    try:
        words = {"engines": engines, "options": asdict(options)}
        with Sandbox("pyctr_lab.measure.network.starts:json_start_rows", **words) as sandbox:
            yield from map(row_from_json, sandbox)
    except LabError as why:
        yield CutShort(f"{NAME}: {why}")


NETWORK_SUITE = Suite("network", PEERS, FULL, SMALL, network_rows, network_goals)
measure_network = NETWORK_SUITE.measure
