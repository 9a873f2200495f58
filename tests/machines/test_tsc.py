"""The rate of the time-stamp counter is measured against the clock."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

from pyctr_lab.machines import tsc


def test_a_counter_of_known_rate_is_measured() -> None:
    assert tsc.rate(lambda: time.monotonic_ns() * 3) == pytest.approx(3e9, rel=0.01)


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="this processor has another counter")
def test_two_measurements_agree() -> None:
    first, second = tsc.khz.__wrapped__(), tsc.khz.__wrapped__()
    assert first and second and first == pytest.approx(second, rel=0.02)
    assert re.search(r"^flags.*\btsc\b", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
