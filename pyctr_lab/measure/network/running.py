"""Carry out the experiments with networks, one after another.

results = measure_network(sizes=SMALL, progress=print)
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import asdict
from functools import partial

from ..options import MeasureOptions
from ..rows import ExperimentRow, Note
from ..suite import Suite, sandboxed_rows, suite_rows
from .experiments import NETWORK_EXPERIMENTS
from .goals import network_goals
from .senders import find_sender
from .sizes import FULL, SMALL, NetworkSizes
from .starts import NAME, PEERS


def network_rows(
    engines: list[str], options: MeasureOptions, sizes: NetworkSizes
) -> Generator[ExperimentRow, None, None]:
    """The rows of all experiments."""
    words = {"engines": engines, "options": asdict(options)}
    yield from sandboxed_rows(NAME, "pyctr_lab.measure.network.starts:json_start_rows", words)
    yield Note(f"net_bytes, net_port: sent by {find_sender().name}")
    for name, each in NETWORK_EXPERIMENTS.items():
        prepare = partial(each.prepare, sizes)
        yield from suite_rows(name, prepare, options, repetitions=each.repetitions, warm_up=each.warm_up)


NETWORK_SUITE = Suite("network", PEERS, FULL, SMALL, network_rows, network_goals)
measure_network = NETWORK_SUITE.measure
