"""Memory and disk: what is counted, against what the kernel and du(1) say; instances end whatever happens."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from fakes import Fake

from pyctr_lab.errors import LabError
from pyctr_lab.measure import memory
from pyctr_lab.measure.memory import MIB
from pyctr_lab.measure.options import TurnOptions
from pyctr_lab.measure.rows import PaidOnce


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """The first takes 3 MiB, each further one 1 MiB."""
    made = Fake(tmp_path, tmp_path)
    monkeypatch.setattr(memory, "total_memory", lambda pids: (len(list(pids)) + 2 * bool(made.started)) * MIB)
    return made


def values(engine: Fake, asked: TurnOptions) -> list[tuple[int, float]]:
    return [(each.instances, each.value) for each in memory.memory_turn(engine, asked)]


def test_the_first_and_what_the_tenth_adds(engine: Fake) -> None:
    assert values(engine, TurnOptions()) == [(1, 3.0), (10, 1.0)] and engine.stopped == 10


@pytest.mark.parametrize(("count", "found"), [(1, [(1, 3.0)]), (2, [(1, 3.0), (2, 1.0)])])
def test_fewer_when_fewer_are_asked_for(engine: Fake, count: int, found: list[tuple[int, float]]) -> None:
    assert values(engine, TurnOptions(count=count)) == found and engine.stopped == count


def test_when_time_is_short_the_second_is_the_last(engine: Fake) -> None:
    assert values(engine, TurnOptions(seconds=0)) == [(1, 3.0), (2, 1.0)]


def test_all_end_when_one_does_not_start(engine: Fake) -> None:
    engine.fails_at = 5
    with pytest.raises(LabError, match="did not start"):
        values(engine, TurnOptions())
    assert engine.stopped == 4


def test_pages_of_a_process_and_none_of_one_that_has_ended() -> None:
    block = bytearray(os.urandom(8 * MIB))
    assert memory.pss_or_zero(os.getpid()) > len(block)
    with subprocess.Popen(["true"]) as ended:
        pass
    assert memory.pss_or_zero(ended.pid) == 0


class Writing(Fake):
    """Each instance leaves 64 KiB in the engine's folder."""

    def start(self, *, timeout: float = 60.0) -> Any:
        (self.place / f"layer{self.started}").write_bytes(os.urandom(64 << 10))
        return super().start()


def test_what_an_instance_adds_on_disk(tmp_path: Path) -> None:
    engine = Writing(tmp_path, tmp_path)
    (tmp_path / "image").write_bytes(os.urandom(1 << 20))
    (taken,) = memory.disk_turn(engine, TurnOptions())
    assert taken.value == 64 / 1024 and engine.stopped == 1


def test_blocks_are_those_of_du(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/file").write_bytes(os.urandom(10_000))
    with (tmp_path / "hole").open("wb") as file:
        file.truncate(1 << 20)
    words = ["du", "-s", "--block-size=1", str(tmp_path / "deep"), str(tmp_path / "hole")]
    said = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout
    assert memory.disk_usage(tmp_path) == sum(int(line.split()[0]) for line in said.splitlines())


def test_what_daemons_take_is_told_apart_from_what_an_instance_takes(
    engine: Fake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    engine.daemons = frozenset({7, 8})
    monkeypatch.setattr(memory, "pss_or_zero", lambda pid: pid * MIB)
    monkeypatch.setattr(memory, "kernel_memory", lambda: 1)
    assert list(memory.memory_notes({"fake": engine}, tmp_path)) == [PaidOnce("fake", 15.0)]
