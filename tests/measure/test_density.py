from __future__ import annotations

import pytest

from pyctr_lab import BadInput
from pyctr_lab.measure import density
from pyctr_lab.measure.density import Filled, each, fill, load, room, save

MIB = 1 << 20


@pytest.fixture
def host(monkeypatch):
    monkeypatch.setattr(density, "memory_available", lambda: 1000 * MIB)


def filled(size: int, **options):
    made: list[None] = []
    return fill(lambda: made.append(None), lambda: len(made) * size, kind="machine", **options)


def test_as_many_as_were_asked_for(host):
    rows = filled(10 * MIB, most=3)
    assert [(row.count, row.memory // MIB) for row in rows] == [(0, 0), (1, 10), (2, 20), (3, 30)]
    assert all(row.kind == "machine" for row in rows)
    assert [row.seconds for row in rows] == sorted(row.seconds for row in rows)


def test_no_more_than_the_share_of_memory(host):
    assert filled(100 * MIB, most=50, share=0.25)[-1].count == 3


def test_what_one_takes_and_how_many_there_is_room_for(host):
    rows = filled(100 * MIB, most=4)
    assert (each(rows), room(rows)) == (100 * MIB, 10)
    assert (each(rows[:1]), room(rows[:1])) == (0.0, 0)


@pytest.mark.parametrize("most", [0, -1, 1001, True, 2.0])
def test_a_number_that_cannot_be_starts_nothing(most):
    with pytest.raises(BadInput, match="from 1 to 1000"):
        fill(pytest.fail, lambda: 0, kind="machine", most=most)


@pytest.mark.parametrize("share", [0, 1, -0.5, 2])
def test_a_share_that_cannot_be_starts_nothing(share):
    with pytest.raises(BadInput, match="between 0 and 1"):
        fill(pytest.fail, lambda: 0, kind="machine", most=1, share=share)


def test_the_machine_says_what_is_available():
    assert density.memory_available() > MIB


def test_what_is_kept_comes_back_the_same(tmp_path):
    rows = [Filled("machine", 0, 0.0, 0, 5), Filled("machine", 1, 1.25, 7, 4)]
    path = save(rows, tmp_path / "density" / "machines.csv")
    assert path.read_text().splitlines()[0] == "kind,count,seconds,memory,available"
    assert load(path) == rows
    save(rows[:1], path)
    assert load(path) == rows[:1]
