"""Pictures of experiments: titles made from the data, twins that say all, the same bytes for the same data."""

from __future__ import annotations

import pytest

from draw import races
from pyctr_lab import draw
from pyctr_lab.draw.look import TITLE_LIMIT
from pyctr_lab.draw.ranking import Axis, plain, times
from pyctr_lab.errors import BadInput
from pyctr_lab.measure.samples import Results


@pytest.mark.parametrize("name", list(races.pictures()))
def test_titles_are_short_and_pictures_are_the_same_twice(name: str) -> None:
    first, second = races.pictures()[name], races.pictures()[name]
    assert first.svg == second.svg and 10 < len(first.title) <= TITLE_LIMIT
    assert first.title.rstrip(".") in first.twin or name == "fit"


def test_start_names_the_race_and_that_it_is_not_fair() -> None:
    picture = draw.startup(races.starts())
    assert picture.title == "An emulated machine takes 555 times as long to start as our container"
    assert "virtual machine 2,440 ms (1,952 to 3,904, emulated)" in picture.twin
    assert "39.6" not in picture.twin, "the warm-up does not count"


def test_a_title_never_lies() -> None:
    results = races.starts(("ours", "qemu"))
    turned = Results([each.__class__(**{**vars(each), "value": 1e5 / each.value}) for each in results.samples])
    assert draw.startup(turned).title == "An emulated machine starts 555 times faster than our container"
    assert draw.startup(races.starts(("exec", "runc"))).title == "runc takes 28 times as long as bare process"
    assert draw.startup(races.starts(("ours",))).title == "This course starts in 4.4 ms"


def test_who_is_missing_is_named_with_its_reason() -> None:
    picture = draw.startup(races.starts(("exec", "ours")))
    assert "Not here: Podman, podman is not installed" in picture.twin and "podman is not installed" in picture.svg


def test_memory_tells_what_one_more_takes() -> None:
    picture = draw.memory(races.memories())
    assert picture.title == "One more machine takes 211 MiB, 812 times one more container"
    assert "this course 1.5 MiB, the tenth 0.26" in picture.twin and "Docker 129 MiB" in picture.svg


def test_running_cost_is_a_multiple_and_calls_a_second_are_turned_round() -> None:
    picture = draw.overhead(races.costs())
    assert picture.title == "In our container, times outside: computing 1.0, system calls 1.0, files 1.0"
    assert "gVisor 177" in picture.twin and "virtual machine 17 emulated" in picture.twin


def test_a_crowd_is_told_by_its_number() -> None:
    picture = draw.fit(races.crowds())
    assert picture.title == "1,000 containers in 4.0 s, 3 emulated machines in 7.2 s"
    assert "runc 188 in 4.9 s, 9 MiB each" in picture.twin


@pytest.mark.parametrize("picture", [draw.startup, draw.memory, draw.overhead, draw.fit])
def test_what_was_not_measured_cannot_be_drawn(picture) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadInput, match="measured"):
        picture(Results())


def test_an_axis_has_round_numbers_and_holds_everything() -> None:
    wide, narrow = Axis.around([0.8, 2440.0]), Axis.around([3.0, 5.0])
    assert list(wide.ticks()) == [1, 10, 100, 1000] and set(narrow.ticks()) >= {5.0}
    assert wide.place(0.8) < wide.place(10) < wide.place(2440)
    assert wide.place(1e-30) < wide.place(0.8) and wide.place(1e30) > wide.place(2440)


@pytest.mark.parametrize("value, said", [(0.25, "0.25"), (4.72, "4.7"), (5.0, "5"), (22.4, "22"), (2256.0, "2,256")])
def test_numbers_are_short(value: float, said: str) -> None:
    assert plain(value) == said


def test_ratios_are_short() -> None:
    assert (times(1.04), times(9.96), times(419.2)) == ("1.0", "10.0", "419")
