"""Whether samples can tell anything, or this machine was too busy while they were taken.

    busy = too_busy(times, unit="ms")
    compare("9.start", finding, busy=busy)      # "too busy to tell: run again" where there is a reason

The judgement is by quartiles, so that one hiccup among twenty samples is no reason: where the upper quartile is more
than `spread` times the lower one, half of the samples disagree by more than that. The load average counts, too: where
more threads want to run than there are processors, half of the allowed spread is enough. A high load alone is no
reason, for samples that agree can tell. See getloadavg(3), sched_getaffinity(2).
"""

from __future__ import annotations

import math
import os
import statistics
from collections.abc import Iterable
from typing import Any

from ..errors import BadInput
from ..kernel.checks import is_number

LEAST = 3
"""Fewer samples than this have no spread that says anything."""


def too_busy(
    samples: Iterable[float], *, spread: float = 3.0, least: int = LEAST, unit: str = "",
    load: float | None = None, processors: int | None = None,
) -> str:  # fmt: skip
    """The reason why these samples cannot tell, in a few words; an empty text where they can.

    Args:
        samples: Values of one measurement, repeated; all in one unit, none negative.
        spread: What the upper quartile may be, in multiples of the lower one.
        least: How many samples are needed.
        unit: Of the samples, for the reason: `ms`.
        load: Threads that want to run; the load average of the last minute by default.
        processors: That this process may use; by default asked from the kernel.

    Raises BadInput for samples that are no numbers, and for limits that cannot be met.
    """
    values = _checked(samples, spread, least, unit)
    busy = _load(load, processors)
    if len(values) < least:
        return f"{len(values)} sample{'s' * (len(values) != 1)}, where {least} are needed"
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    allowed = 1 + (spread - 1) / 2 if busy else spread
    if high <= allowed * low:
        return ""
    bottom, top = _same_digits(low, high)
    said = f"the middle half of {len(values)} samples spreads from {bottom} to {top} {unit}".rstrip()
    return f"{said}, {busy}" if busy else said


def _load(load: float | None, processors: int | None) -> str:
    """The load in words, if it is more than the processors can run; else nothing."""
    load = os.getloadavg()[0] if load is None else load
    processors = len(os.sched_getaffinity(0)) if processors is None else processors
    if not is_number(load) or load < 0:
        raise BadInput(f"load is a number from 0, not {load!r:.40}")
    if not isinstance(processors, int) or isinstance(processors, bool) or processors < 1:
        raise BadInput(f"processors is a whole number from 1, not {processors!r:.40}")
    return f"at a load of {load:.1f} on {processors} processor{'s' * (processors != 1)}" if load > processors else ""


def _same_digits(low: float, high: float) -> tuple[str, str]:
    """Both with as many decimals as the smaller one needs for two digits."""
    small = next((each for each in (low, high) if each > 0), 1.0)
    decimals = min(9, max(0, 1 - math.floor(math.log10(small))))
    return f"{low:.{decimals}f}", f"{high:.{decimals}f}"


def _checked(samples: Any, spread: Any, least: Any, unit: Any) -> list[float]:
    if isinstance(samples, (str, bytes)) or not isinstance(samples, Iterable):
        raise BadInput("samples are a list of numbers", hint="too_busy([1.2, 1.3, 1.2], unit='ms')")
    values = list(samples)
    for each in values:
        if not is_number(each) or float(each) < 0:
            raise BadInput(f"a sample is a number from 0, not {each!r:.40}")
    if not is_number(spread) or float(spread) < 1:
        raise BadInput(f"spread is a factor from 1, not {spread!r:.40}")
    if not isinstance(least, int) or isinstance(least, bool) or not 2 <= least <= 1_000_000:
        raise BadInput(f"least is a whole number from 2, not {least!r:.40}")
    if not isinstance(unit, str) or len(unit) > 20 or not unit.isprintable():
        raise BadInput(f"unit is a short word, not {unit!r:.40}")
    return [float(each) for each in values]
