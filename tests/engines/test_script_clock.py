"""A script's seconds are those of the program inside, however late the reader outside is."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from pyctr_lab.engines import Engine, engine
from pyctr_lab.engines.engine import seconds_between
from pyctr_lab.errors import LabError

pytestmark = pytest.mark.skipif(not shutil.which("busybox"), reason="the engines' shell is busybox")


class Bare(Engine):
    """The shell of the engines' root file system, and no wall."""

    name = "bare"

    def command(self, argv: Sequence[str]) -> list[str]:
        return ["busybox", "sh", *argv[1:]]


def test_a_reader_that_is_late_does_not_shorten_what_it_times(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    read, delays = engine.read_ready_line, [0.5]

    def late_once(fd: int, timeout: float) -> str:
        time.sleep(delays.pop() if delays else 0.0)  # as on a busy machine: the script has ended by now
        return read(fd, timeout)

    monkeypatch.setattr(engine, "read_ready_line", late_once)
    assert Bare(tmp_path, tmp_path).time_script("sleep 0.1") >= 0.1


def test_a_script_that_says_something_itself_is_timed_too(tmp_path: Path) -> None:
    assert Bare(tmp_path, tmp_path).time_script("echo 1.5 2.5; sleep 0.05") >= 0.05


def test_one_that_does_not_come_to_its_end_is_told(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="did not run it to its end"):
        Bare(tmp_path, tmp_path).time_script("exit 3")


def test_without_a_clock_in_the_shell_there_is_no_time() -> None:
    assert seconds_between("\n") == seconds_between("") == 0.0
    assert seconds_between("12.250000 12.750000\n") == 0.5
    assert seconds_between("12.75 12.25\n") == 0.0, "a clock that was set back"
