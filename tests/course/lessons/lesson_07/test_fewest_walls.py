"""7.5: each pair that can be right is the only one, by the kernel; wrong answers are told why."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from pyctr_lab import BadInput, Lab
from pyctr_lab.course import exercises
from pyctr_lab.course.lessons.lesson_07.fewest_walls import LOOSE, PINS
from pyctr_lab.course.whole_container import OFFERED, walled_recipe
from pyctr_lab.measure.isolation import probe_recipe


def seed_of(pins: list[str]) -> int:
    return next(seed for seed in range(1, 200) if exercises.named("7.5").variant(seed)["pins"] == pins)


def test_a_probe_that_one_wall_stops_is_stopped_by_no_other_on_offer(lab: Lab) -> None:
    pinned = {probe: wall for wall, probes in PINS.items() for probe in probes}
    assert all(each.out for each in probe_recipe(lab, walled_recipe(()), [*pinned, *LOOSE]))
    stopped: dict[str, set[str]] = {}
    for wall in OFFERED:
        for each in probe_recipe(lab, walled_recipe([wall]), [*pinned, *LOOSE]):
            if not each.out:
                stopped.setdefault(each.probe, set()).add(wall)
    assert {name: walls for name, walls in stopped.items() if name in pinned} == {
        name: {wall} for name, wall in pinned.items()
    }
    assert all(len(stopped[name]) > 1 for name in LOOSE)


@pytest.mark.parametrize("other", ["ipc", "net", "uts"])
def test_one_pair_passes_and_no_other(lab: Lab, other: str) -> None:
    pins = sorted([other, "seccomp"])
    exercises.start("7.5", lab, seed=seed_of(pins))
    for form in (pins, set(pins), " ".join(pins), {wall: wall in pins for wall in OFFERED}, [*reversed(pins)]):
        assert exercises.check("7.5", form).passed
    passed = [pair for pair in combinations(OFFERED, 2) if exercises.check("7.5", pair).passed]
    assert [sorted(pair) for pair in passed] == [pins]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ([], "0 of 5 probes are stopped"), (["seccomp"], "gets out"), (["net", "user"], "gets out"),
        (["user"], "as open as before"), (["net", "seccomp", "caps"], "one wall more than needed"),
        ([*OFFERED], "more walls than needed"), (["net", "seccomp", "masks"], "'masks' is no wall on offer"),
        (["NET", "seccomp"], "'NET' is no wall on offer"), (2, "wanted are names"),
    ],
)  # fmt: skip
def test_other_walls_are_refused_with_what_was_seen(lab: Lab, answer: Any, said: str) -> None:
    exercises.start("7.5", lab, seed=seed_of(["net", "seccomp"]))
    verdict = exercises.check("7.5", answer)
    assert verdict.state.failed and said in " ".join(str(verdict).split()), verdict


def test_a_wall_that_is_not_on_offer_is_one_line() -> None:
    with pytest.raises(BadInput, match="there is no wall 'mnt' here"):
        walled_recipe(["mnt"])
