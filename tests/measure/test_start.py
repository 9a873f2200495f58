"""Time of a start: what is counted, and that a program which fails is no start."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import Fake

from pyctr_lab.errors import LabError
from pyctr_lab.measure import start
from pyctr_lab.measure.options import TurnOptions


def test_a_whole_life_is_one_value(tmp_path: Path) -> None:
    engine = Fake(tmp_path, tmp_path)
    (taken,) = start.startup_turn(engine, TurnOptions())
    assert taken.value > 0 and taken.instances == 1 and engine.started == 1


def test_a_program_that_fails_is_an_error_and_no_value(tmp_path: Path) -> None:
    engine = Fake(tmp_path, tmp_path)
    engine.status = 1
    with pytest.raises(LabError, match="fake ended with status 1: no such thing"):
        list(start.startup_turn(engine, TurnOptions()))


def test_the_first_word_is_what_the_instance_says_in_milliseconds(tmp_path: Path) -> None:
    engine = Fake(tmp_path, tmp_path)
    assert [each.value for each in start.first_output_turn(engine, TurnOptions())] == [250.0] and engine.stopped == 1


def test_nothing_asks_nobody(tmp_path: Path) -> None:
    engine = Fake(tmp_path, tmp_path)
    (taken,) = start.empty_turn(engine, TurnOptions())
    assert taken.value >= 0 and engine.started == 0
