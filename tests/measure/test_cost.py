"""Cost while running: the units, and that the scripts do the amount of work that the values are about."""

from __future__ import annotations

import subprocess
from pathlib import Path

from fakes import Fake

from pyctr_lab.measure import cost
from pyctr_lab.measure.options import TurnOptions


def test_seconds_and_calls_a_second(tmp_path: Path) -> None:
    engine = Fake(tmp_path, tmp_path)
    values = [
        each.value
        for turn in (cost.cpu_turn, cost.syscalls_turn, cost.files_turn)
        for each in turn(engine, TurnOptions())
    ]
    assert values == [0.5, 2 * cost.CALLS / 0.5, 0.5]
    assert engine.scripts == [cost.COMPUTE, cost.ASK, cost.READ]


def test_dd_moves_as_many_single_bytes_as_are_counted() -> None:
    script = cost.ASK.replace("/dev/null", "/dev/stdout", 1)
    said = subprocess.run(["sh", "-c", script], capture_output=True, timeout=60, check=True)
    assert len(said.stdout) == cost.CALLS
