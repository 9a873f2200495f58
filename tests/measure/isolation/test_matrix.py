"""The matrix, its table of probes and its sets of walls, without privileges."""

import ast

import pytest

from pyctr_lab.errors import BadInput
from pyctr_lab.measure.isolation import PROBES, WALLS, IsolationMatrix, Outcome, Probe, measure_isolation
from pyctr_lab.measure.isolation.probes import (
    ONLY_THEIR_WALLS,
    combined_walls,
    functions,
    on_image,
    tried_with,
    where_absent,
)
from pyctr_lab.measure.isolation.walls import check_walls

OUT = (frozenset({"pid"}), frozenset({"net", "user"}))
DOOR = Probe("door", "Open a door.", "It is open.", "doors", "doors", out=OUT)


def made(*outcomes: tuple[tuple[str, ...], bool]) -> IsolationMatrix:
    rows = tuple(Outcome("door", missing, out, "EPERM") for missing, out in outcomes)
    return IsolationMatrix(("user", "pid", "net"), (DOOR,), rows, "A title", 1.0, ("a note",))


def test_each_probe_has_its_function_and_its_words() -> None:
    assert len(PROBES) >= 45
    names = {node.name for node in functions()}
    for probe in PROBES.values():
        assert probe.name in names
        assert probe.source.startswith(f"def {probe.name}(lab: Any) -> str:\n")
        assert all(text and not text[0].islower() for text in (probe.tries, probe.known_by))
        assert probe.walls <= set(WALLS), probe.name
        ast.parse(probe.source)


def test_each_wall_but_the_read_only_root_stops_a_probe() -> None:
    assert set().union(*(probe.walls for probe in PROBES.values())) == set(WALLS) - {"ro_root"}


def test_no_set_of_walls_contains_another() -> None:
    for probe in PROBES.values():
        assert not any(one < other for one in probe.out for other in probe.out), probe.name


def test_what_is_tried() -> None:
    every = tuple(PROBES.values())
    assert tried_with(every, ()) == every
    assert {*every} - {*tried_with(every, ("net",))} == {PROBES[name] for name in ONLY_THEIR_WALLS}
    assert [probe.name for probe in tried_with(every, ("pids",)) if probe.name in ONLY_THEIR_WALLS] == [
        "make_many_processes"
    ]
    assert {probe.name for probe in tried_with(every, ("pid", "ids"))} == {"signal_victim", "lower_victim_limit"}
    assert all(len(each) > 1 for each in combined_walls(every))


def test_a_recipe_that_lacks_a_wall() -> None:
    assert where_absent(DOOR, ["user"]).out == (frozenset({"net"}), frozenset({"pid"}))
    assert where_absent(DOOR, ["pid"]).out == (frozenset(),)
    assert PROBES["watch_shared_file"].out == (frozenset(),)
    assert on_image(PROBES["watch_shared_file"]).out == ()
    assert on_image(DOOR) == DOOR


def test_matrix() -> None:
    matrix = made(((), False), (("pid",), True), (("user",), False), (("net", "user"), True), (("net", "pid"), True))
    assert matrix.fewest("door") == [frozenset({"pid"}), frozenset({"net", "user"})]
    assert matrix.escaped() == []
    assert matrix.escaped("pid") == matrix.escaped("user", "net") == [DOOR]
    found = matrix.outcome("door", "user", "net")
    assert found is not None
    assert found.out
    assert matrix.outcome("door", "net") is None
    assert matrix.unexpected == []
    assert str(matrix).splitlines() == [
        "A title",
        "",
        "probe                       all walls up  gets out without",
        "door                        EPERM         pid, user + net",
        "",
        "a note",
    ]
    assert repr(matrix) == "IsolationMatrix(1 probes, 3 walls, out with all walls up: 0)"


def test_what_was_not_expected() -> None:
    matrix = made(((), True), (("pid",), False), (("user",), False))
    assert [each.missing for each in matrix.unexpected] == [(), ("pid",)]
    assert "OUT" in str(matrix)


def test_unknown_words_are_refused() -> None:
    with pytest.raises(BadInput, match="there is no probe 'door'"):
        measure_isolation(probes=["door"])
    with pytest.raises(BadInput, match="there is no wall 'door'"):
        measure_isolation(missing=["door"])
    with pytest.raises(BadInput, match="there is no wall 'door'"):
        measure_isolation(missing=[("pid", "door")])
    assert check_walls("pid") == frozenset({"pid"})
    assert check_walls(()) == frozenset()
