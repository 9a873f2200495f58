"""Crowds: when they end, what is counted, and that nobody stays behind when one does not start."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import Fake

from pyctr_lab.errors import LabError
from pyctr_lab.measure import crowd
from pyctr_lab.measure.memory import MIB
from pyctr_lab.measure.options import TurnOptions


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """A hundred processes were there before; each start adds one of 1 MiB, and makes each of the hundred grow."""
    made = Fake(tmp_path, tmp_path)
    before = set(range(100))
    monkeypatch.setattr(crowd, "processes", lambda: before | {1000 + each for each in range(made.started)})
    monkeypatch.setattr(
        crowd, "total_memory", lambda pids: sum(MIB if pid >= 1000 else 5 * MIB + made.started * 1024 for pid in pids)
    )
    return made


def test_it_ends_with_the_number_that_was_asked_for(engine: Fake) -> None:
    *starts, each = crowd.crowd_turn(engine, TurnOptions(count=7))
    assert [taken.instances for taken in starts] == list(range(1, 8)) and engine.stopped == 7
    assert (each.of, each.instances) == ("each", 7)


def test_what_was_there_before_counts_by_what_it_has_grown(engine: Fake) -> None:
    *_, each = crowd.crowd_turn(engine, TurnOptions(count=8))
    assert each.value == pytest.approx(1 + 100 / 1024)


def test_it_ends_when_its_time_is_over(engine: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(100))
    monkeypatch.setattr(crowd.time, "monotonic", lambda: float(next(clock)))
    *starts, _ = crowd.crowd_turn(engine, TurnOptions(seconds=5))
    assert len(starts) == 4


def test_it_ends_when_half_of_the_memory_is_gone(engine: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd, "memory_available", lambda: 1000 - 10 * engine.started)
    *starts, _ = crowd.crowd_turn(engine, TurnOptions())
    assert len(starts) == 64, "it looks at each sixteenth"


def test_one_that_does_not_start_ends_the_others_too(engine: Fake) -> None:
    engine.fails_at, seen = 4, []
    with pytest.raises(LabError, match="did not start"):
        for taken in crowd.crowd_turn(engine, TurnOptions()):
            seen.append(taken.instances)
    assert seen == [1, 2, 3] and engine.stopped == engine.started == 4


def test_no_time_for_one_is_no_measurement(engine: Fake) -> None:
    assert list(crowd.crowd_turn(engine, TurnOptions(seconds=1e-9))) == []
