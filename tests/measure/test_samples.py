"""Samples: nothing is thrown away, and what was saved is what is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyctr_lab.measure.samples import UNITS, Ending, Results, Sample, joined


def results() -> Results:
    values = {"ours": [99.0, 4.0, 6.0, 5.0], "qemu": [1.0, 2000.0, 9000.0]}
    samples = [
        Sample("startup", name, value, "ms", number, 1, 0.5 * number, name == "qemu")
        for name, all_ in values.items()
        for number, value in enumerate(all_)
    ]
    return Results(
        samples,
        {"docker": "not\ninstalled"},
        ["a note"],
        {"kernel": "6: x"},
        titles={"qemu": "virtual: machine"},
        paid_once={"docker": 128.6},
    )


def test_the_warm_up_does_not_count_and_an_outlier_does() -> None:
    made = results()
    assert made.values("startup", "ours") == [4.0, 6.0, 5.0]
    assert made.spread("startup", "qemu") == (2000.0, 5500.0, 9000.0)
    assert made.engines("startup") == ["ours", "qemu"] and made.engines("cpu") == []
    assert made.ratio("startup", "qemu", "ours") == 1100.0
    assert made.emulated("qemu") and not made.emulated("ours")
    with pytest.raises(KeyError, match="cpu of ours"):
        made.median("cpu", "ours")


def test_by_the_number_of_instances() -> None:
    made = Results([Sample("memory", "ours", value, "MiB", 1, count) for value, count in ((2.0, 1), (0.5, 10))])
    assert made.median("memory", "ours", 10) == 0.5 and made.values("memory", "ours") == [2.0, 0.5]


def test_of_several_crowds_the_greatest_is_told() -> None:
    counts = {0: 5, 1: 2, 2: 3, 3: 3}
    starts = [Sample("density", "ours", 10.0 * turn, "ms", turn, n) for turn in counts for n in range(counts[turn])]
    made = Results(starts)
    assert [each.value for each in made.crowd("ours")] == [20.0, 20.0, 20.0], "no warm-up, and of equals the first"
    assert made.crowd("docker") == []


def test_what_was_saved_is_read(tmp_path: Path) -> None:
    made = results()
    path = made.save(tmp_path / "deep" / "results.csv")
    read = Results.load(path)
    assert read.samples == made.samples and read.notes == ["a note"]
    assert read.missing == {"docker": "not installed"} and read.machine == {"kernel": "6: x"}
    assert read.ended == "" and read.name_of("qemu") == "virtual: machine" and read.name_of("ours") == "ours"
    assert read.paid_once == {"docker": 128.6} == joined([read, Results()]).paid_once
    assert path.read_text().count("\n") == 5 + 1 + len(made.samples)


@pytest.mark.parametrize("ended", ["interrupted", "cut short"])
def test_an_early_end_is_saved_too(tmp_path: Path, ended: Ending) -> None:
    made = Results(ended=ended)
    assert Results.load(made.save(tmp_path / "results.csv")).ended == joined([Results(), made]).ended == ended


def test_several_as_one() -> None:
    one = joined([results(), results()])
    assert len(one.samples) == 14 and one.notes == ["a note", "a note"] and one.machine == {"kernel": "6: x"}
    assert one.titles == {"qemu": "virtual: machine"} and joined([]).samples == []


def test_units_are_few() -> None:
    assert set(UNITS.values()) == {"ns", "ms", "KiB", "MiB", "s", "1/s", "Gbit/s", "x", "probes", "outcomes"}
