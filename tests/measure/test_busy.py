from __future__ import annotations

import os
from typing import Any

import pytest

from pyctr_lab import BadInput
from pyctr_lab.measure import too_busy

QUIET = {"load": 0.0, "processors": 2}
BUSY = {"load": 8.3, "processors": 2}


def test_samples_that_agree_can_tell_whatever_the_load_is() -> None:
    assert too_busy([10, 11, 12, 13], **QUIET) == ""
    assert too_busy([10, 11, 12, 13], **BUSY) == ""
    assert too_busy([0, 0, 0], **BUSY) == "", "what never happened, never happened"


def test_one_hiccup_among_many_is_no_reason() -> None:
    assert too_busy([10.0] * 19 + [900.0], **BUSY) == ""


def test_samples_that_disagree_are_a_reason_that_names_them() -> None:
    said = too_busy([3, 3, 90, 90, 40], unit="ms", **QUIET)
    assert said == "the middle half of 5 samples spreads from 3.0 to 90.0 ms"
    assert "from 0.0031 to 0.0900" in too_busy([0.0031, 0.0031, 0.09, 0.09], **QUIET)
    assert too_busy([0, 0, 5, 5], **QUIET), "no ratio, and a spread all the same"


def test_where_the_machine_is_busy_less_spread_is_allowed() -> None:
    samples = [10, 10, 25, 25]
    assert too_busy(samples, **QUIET) == ""
    assert too_busy(samples, **BUSY).endswith("at a load of 8.3 on 2 processors")
    assert too_busy(samples, spread=5, **BUSY) == ""


def test_too_few_samples_cannot_tell() -> None:
    assert too_busy([], **QUIET) == "0 samples, where 3 are needed"
    assert too_busy([5], **QUIET) == "1 sample, where 3 are needed"
    assert too_busy([5, 5], least=2, **QUIET) == ""


def test_the_load_is_the_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (99.0, 0.0, 0.0))
    assert "at a load of 99.0 on" in too_busy([10, 10, 25, 25])
    monkeypatch.setattr(os, "getloadavg", lambda: (0.0, 99.0, 99.0))
    assert too_busy([10, 10, 25, 25]) == ""


@pytest.mark.parametrize("samples", [None, 5, "1, 2, 3", b"123", ["1"], [None], [1, None], [True], [float("nan")], [-1],
                                     [float("inf")], [1j], [[1]], object()],
                         ids=lambda value: f"{value!r:.15}")  # fmt: skip
def test_what_is_no_samples_is_refused(samples: Any) -> None:
    with pytest.raises(BadInput) as refused:
        too_busy(samples)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("options", [{"spread": 0.5}, {"spread": None}, {"spread": "3"}, {"least": 1}, {"least": 2.5},
                                     {"least": True}, {"unit": None}, {"unit": "x" * 21}, {"unit": "a\nb"},
                                     {"load": "x"}, {"load": -1}, {"processors": 0}, {"processors": 1.5}],
                         ids=lambda value: f"{value!r:.30}")  # fmt: skip
def test_wrong_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(BadInput) as refused:
        too_busy([1, 1, 1], **options)
    assert "\n" not in str(refused.value)
