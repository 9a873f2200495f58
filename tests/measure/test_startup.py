"""The bench as data: its table, its figures, its refusals, and what it leaves."""

from __future__ import annotations

import os

import pytest

from pyctr_lab.errors import BadInput
from pyctr_lab.kernel.delegation import delegation
from pyctr_lab.measure import Startup, measure_startup, table
from pyctr_lab.measure.startup import LIMITED


def test_figures_of_one_engine() -> None:
    row = Startup("x", (3.0, 1.0, 2.0))
    assert row.as_json() == {"engine": "x", "runs": 3, "min_ms": 1.0, "median_ms": 2.0, "max_ms": 3.0}


def test_table_gives_ratios_to_ours() -> None:
    text = table([Startup("pyctr_lab", (2.0,)), Startup("runc", (8.0,))])
    assert "0.25 of it" in text.splitlines()[2]


@pytest.mark.parametrize("runs", [0, -1, 10**9])
def test_absurd_numbers_of_runs_are_refused(runs: int) -> None:
    with pytest.raises(BadInput, match="number of runs"):
        measure_startup(runs=runs)


def test_a_run_measures_at_least_us_and_a_bare_program_and_leaves_no_descriptor() -> None:
    before = len(os.listdir("/proc/self/fd"))
    seen: list[int] = []
    rows = {row.engine: row for row in measure_startup(runs=1, progress=lambda done, _: seen.append(done))}
    assert all(len(rows[name].samples) == 1 and rows[name].median > 0 for name in ("exec", "pyctr_lab"))
    assert seen == [0, 1]
    limited = not {"memory", "cpu", "pids"} & set(delegation().missing)
    assert (LIMITED in rows) == limited, "with limits too, where they can be had"
    assert len(os.listdir("/proc/self/fd")) == before
