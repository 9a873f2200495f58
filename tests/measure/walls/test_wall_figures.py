"""The experiments with walls, small: all that is measured, what is missing, what is to be reached."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyctr_lab.errors import BadInput, LabError
from pyctr_lab.kernel.filters import compile_policy, docker_policy, encode_program
from pyctr_lab.measure.isolation import IsolationMatrix, Outcome, Probe
from pyctr_lab.measure.options import MeasureOptions
from pyctr_lab.measure.rows import ExperimentRow, MissingEngine, Note, Progress
from pyctr_lab.measure.samples import UNITS, Results, Sample
from pyctr_lab.measure.walls import WALL_SUITE, WallSizes, matrix, measure_walls, running, wall_goals
from pyctr_lab.measure.walls.experiments import filter_cost

ONCE = MeasureOptions(repetitions=1, budget=1.0)
TINY = WallSizes(100, 3, matrix=False)
STARTS = {"ours", "bubblewrap", "crun", "runc", "floor"}


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the folder of a bench is made."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def few_outcomes(*_: object, image: str | None = None, **words: object) -> IsolationMatrix:
    """A matrix of one probe, which gets out without its wall, and out of no image."""
    probe = Probe("read_file", "Read a file.", "It is read.", "files", "files", out=(frozenset({"mnt"}),))
    outcomes = [Outcome("read_file", (), False, "ENOENT"), Outcome("read_file", ("mnt",), True, "secret"),
                Outcome("read_file", ("mnt", "pid"), True, "secret")]  # fmt: skip
    return IsolationMatrix(("mnt",), (probe,), tuple(outcomes[: 1 if image else 3]), "A title", 1.5)


@pytest.mark.skipif(shutil.which("busybox") is None, reason="the files of all engines are made of busybox")
def test_all_that_is_there_is_measured(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    monkeypatch.setattr(matrix, "measure_isolation", few_outcomes)
    seen: list[Progress] = []
    results = measure_walls(options=ONCE, sizes=TINY, progress=seen.append)
    assert not results.ended, results.notes
    there = STARTS - {*results.missing}
    assert {name.removesuffix(" limits") for name in results.engines("wall_start")} == there
    assert ("ours limits" in results.engines("wall_start")) == ("ours limits" not in results.missing)
    assert {*results.engines("whole_start")} == {"plain", "image and network"}
    assert len(results.crowd("ours")) == 3 and results.engines("out") == [
        "all walls", "all walls, an image", "without mnt"
    ]  # fmt: skip
    made = {each.experiment for each in results.samples}
    assert made == {"wall_start", "density", "each", "whole_start", "filter_compile", "filter_install", "filter_call",
                    "matrix", "unexpected", "out"}  # fmt: skip
    assert all(each.unit == UNITS[each.experiment] for each in results.samples)
    for goal in wall_goals(results):
        assert (goal.value is not None) == (not results.missing or not any(w in goal.figure for w in results.missing))
    assert seen and list(place.iterdir()) == [], "the folder was removed"


def no_starts(name: str, target: str, words: dict[str, object]) -> Iterator[ExperimentRow]:
    yield MissingEngine("runc", "not installed")


def test_what_is_missing_is_said_and_the_rest_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise LabError("no busybox")

    def refuse_too(**_: object) -> None:
        raise OSError("no namespaces")

    monkeypatch.setattr(running, "sandboxed_rows", no_starts)
    monkeypatch.setattr(running, "whole_turns", refuse)
    monkeypatch.setattr(matrix, "measure_isolation", refuse_too)
    results = measure_walls(options=ONCE, sizes=TINY)
    assert results.missing == {"runc": "not installed"}
    assert results.notes == ["whole_start: no busybox", "matrix: no namespaces"]
    assert {each.experiment for each in results.samples} == {"filter_compile", "filter_install", "filter_call"}
    assert [goal.figure for goal in wall_goals(results) if goal.value is not None] == [
        "Docker's filter, compiled", "installed", "asked at a call"
    ]  # fmt: skip


def test_an_interrupt_keeps_what_there_was(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.experiment == "filter_compile" and progress.done:
            raise KeyboardInterrupt

    monkeypatch.setattr(running, "sandboxed_rows", no_starts)
    monkeypatch.setattr(running, "whole_turns", lambda *_: {})
    results = measure_walls(options=ONCE, sizes=TINY, progress=interrupt)
    assert results.ended == "interrupted" and len(results.samples) == 3


def test_engines_are_known() -> None:
    assert {*WALL_SUITE.known_peers(None)} == STARTS - {"ours"}
    with pytest.raises(BadInput, match="no engine 'docker' for walls"):
        WALL_SUITE.known_peers(["docker"])


def test_a_filter_is_installed_and_asked_in_a_process_of_its_own() -> None:
    before = os.getpid()
    installed, without, behind = filter_cost(encode_program(compile_policy(docker_policy())), 10)
    assert installed > 0 and without > 0 and behind > 0 and os.getpid() == before
    with pytest.raises(LabError, match=r"no filter could be installed: .*Invalid argument"):
        filter_cost(bytes(8), 10)


def test_the_matrix_says_what_gets_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix, "measure_isolation", few_outcomes)
    rows = [row for row in matrix.matrix_rows(whole=True) if not isinstance(row, Progress)]
    found = [(row.experiment, row.engine, row.value) for row in rows if isinstance(row, Sample)]
    assert found == [("matrix", "ours", 1.5), ("unexpected", "ours", 0), ("out", "all walls", 0),
                     ("out", "without mnt", 1), ("out", "all walls, an image", 0)]  # fmt: skip
    assert [row.text for row in rows if isinstance(row, Note)] == ["A title"]


def test_figures_are_ours_to_theirs() -> None:
    starts = {"ours": 3.0, "ours limits": 6.0, "bubblewrap": 5.0, "crun": 20.0, "crun limits": 24.0, "floor": 2.0}
    samples = [Sample("wall_start", engine, value, "ms") for engine, value in starts.items()]
    samples += [Sample("density", "ours", 3.0, "ms", instances=number) for number in (1, 2)]
    found = {goal.figure: (goal.value, goal.reached) for goal in wall_goals(Results(samples)) if goal.value is not None}
    assert found == {
        "all walls, to bubblewrap's plain start": (0.6, True), "all walls, to crun with equal walls": (0.15, True),
        "all walls, to the least, in C": (1.5, True),
        "all walls and limits, to bubblewrap's plain start": (1.2, False),
        "all walls and limits, to crun with equal walls": (0.25, True),
        "all walls and limits, to the least, in C": (3.0, False),
        "a crowd with all walls, started": (0.006, True),
    }  # fmt: skip
    assert {goal.reached for goal in wall_goals(Results())} == {None}
