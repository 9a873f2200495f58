"""Figures from samples: rows, and what was in the way. The JSON of `bench` is tested with it."""

from __future__ import annotations

from pyctr_lab.measure import figures
from pyctr_lab.measure.samples import Results, Sample


def crowd(*values: float, engine: str = "ours") -> list[Sample]:
    return [Sample("density", engine, value, "ms", 1, number) for number, value in enumerate(values, 1)]


def test_first_and_last_are_medians_of_twenty() -> None:
    samples = [*crowd(90.0, *[2.0] * 99, *[3.0] * 99, 90.0), Sample("each", "ours", 0.25, "MiB", 1, 200)]
    (row,) = figures.crowd_rows(Results(samples))
    assert row == figures.CrowdRow("ours", 200, seconds=0.675, first_ms=2.0, last_ms=3.0, mib_each=0.25)


def test_the_median_of_an_even_number_lies_between() -> None:
    (row,) = figures.crowd_rows(Results(crowd(1.0, 2.0, 3.0, 5.0)))
    assert (row.first_ms, row.last_ms) == (1.5, 4.0)


def test_a_crowd_of_one_that_was_cut_short() -> None:
    assert figures.crowd_rows(Results(crowd(5.0))) == [figures.CrowdRow("ours", 1, 0.005, 5.0, 5.0, None)]


def test_the_last_instance_there_was_stands_for_the_tenth() -> None:
    samples = [Sample("memory", "qemu", value, "MiB", turn, count)
               for turn, count, value in ((0, 10, 9.0), (1, 1, 200.0), (1, 3, 190.0))]  # fmt: skip
    assert figures.memory_rows(Results(samples)) == [figures.MemoryRow("qemu", 200.0, 190.0, 3)]
    assert figures.memory_rows(Results(samples[:2])) == [figures.MemoryRow("qemu", 200.0, None, 1)]


def test_one_that_failed_on_the_way_is_not_called_absent() -> None:
    results = Results(crowd(1.0), {"ours": "cpu: it hung", "docker": "not installed"})
    assert figures.missing_lines(results) == ["failed: ours: cpu: it hung", "not here: docker: not installed"]


def test_without_samples_there_are_no_rows() -> None:
    for what in ("startup", "memory", "density", "overhead", "all"):
        assert figures.as_json(Results(), what) == []
