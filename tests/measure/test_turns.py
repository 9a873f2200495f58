"""The fairness of turns."""

from __future__ import annotations

import random

from pyctr_lab.measure.turns import LEAST, Turns


def played(turns: Turns, cost: dict[str, float]) -> list[str]:
    seen = []
    while engine := turns.next():
        turns.took(engine, cost[engine])
        seen.append(engine)
    return seen


def test_each_round_asks_every_engine_once_in_a_new_order() -> None:
    seen = played(Turns(dict.fromkeys("abc", 0), 10, 1e9, random.Random(1)), dict.fromkeys("abc", 1.0))
    rounds = [seen[at : at + 3] for at in range(0, 33, 3)]
    assert len(seen) == 33 and all(sorted(each) == ["a", "b", "c"] for each in rounds)
    assert len({tuple(each) for each in rounds}) > 1
    assert seen == played(Turns(dict.fromkeys("abc", 0), 10, 1e9, random.Random(1)), dict.fromkeys("abc", 1.0))


def test_one_that_is_dear_has_fewer_turns_and_it_is_said() -> None:
    turns = Turns({"cheap": 0, "dear": 1}, 50, 20.0, random.Random(1))
    seen = played(turns, {"cheap": 0.01, "dear": 4.0})
    assert seen.count("cheap") == 51, "and the others lose nothing by it"
    assert LEAST <= seen.count("dear") <= 5
    (note,) = turns.notes("startup")
    assert note == f"startup: 20 s are not enough for all turns: dear had {seen.count('dear')} of 50"
    assert turns.left() <= 20.0 and turns.done == len(seen)


def test_a_spread_needs_more_than_one_however_little_time_there_is() -> None:
    assert played(Turns({"dear": 1}, 50, 10.0, random.Random(1)), {"dear": 100.0}) == ["dear"] * LEAST
    assert played(Turns({"dear": 1}, 50, 1.0, random.Random(1)), {"dear": 100.0}) == ["dear"]
    assert played(Turns({"dear": 0}, 2, 10.0, random.Random(1)), {"dear": 100.0}) == ["dear"] * 3


def test_one_that_fails_gets_no_more() -> None:
    turns = Turns({"a": 1, "b": 1}, 5, 100.0, random.Random(1))
    turns.drop("a")
    assert played(turns, {"b": 1.0}) == ["b"] * 5 and turns.total == 5
