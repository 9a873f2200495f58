"""Samples by hand: pictures are functions of data, so their tests need no control group."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pyctr_lab.cgroups import Events
from pyctr_lab.measure.sampling import UsageSample
from pyctr_lab.steps import Limits

MIB = 1 << 20
LIMITS = Limits(memory="64M", cpus=0.5, pids=16)
CALM = {"cpu": 0.01, "memory": 0.0, "io": 0.0}


def row(count: int, *, start: int = 0, **said: Any) -> list[UsageSample]:
    """Samples 0.2 s apart, all alike."""
    usual: dict[str, Any] = {"memory": 8 * MIB, "pids": 3, "pressure": CALM, "limits": LIMITS}
    return [UsageSample(round(0.2 * (start + n + 1), 3), 0.2, **{"cpu": 0.1, **usual, **said}) for n in range(count)]


def happens(samples: list[UsageSample], at: int, **events: int) -> list[UsageSample]:
    """The same, but something happens in one of them."""
    return [replace(each, events=Events(**events)) if n == at else each for n, each in enumerate(samples)]


QUIET = row(50)
WAITING = {"cpu": 0.5, "memory": 0.6, "io": 0.1}
THROTTLED = row(5) + row(45, start=5, cpu=0.5, throttled=0.4, pressure={**CALM, "cpu": 0.5})
KILLED = happens(row(20) + row(10, start=20, memory=64 * MIB, pressure=WAITING) + row(20, start=30), 30, oom_kill=1)
BOMB = happens(happens(row(10) + row(40, start=10, pids=16), 12, pids_max=3), 14, pids_max=8)
CHANGED = row(25, cpu=0.5, throttled=0.3) + row(25, start=25, cpu=0.2, throttled=0.6, limits=Limits(cpus=0.2))
BARE = row(20, memory=None, pids=None, pressure={}, limits=Limits())


def pictures() -> dict[str, Any]:
    """The usual cases and the extreme ones, by name."""
    from pyctr_lab.draw import usage_chart

    long = "a-name-that-is-as-long-as-the-name-of-a-control-group-may-be-63"
    cases: dict[str, Any] = {
        "quiet": QUIET, "throttled": THROTTLED, "killed": KILLED, "bomb": BOMB, "changed": CHANGED, "bare": BARE,
        "both": happens(KILLED, 33, pids_max=1234), "late": happens(KILLED, 49, oom_kill=2, pids_max=99),
        "early": happens(QUIET, 0, oom_kill=1), "one": QUIET[:1],
        "far": row(30, limits=Limits(memory="1T", cpus=64, pids=4_000_000)),
        "huge": row(30, memory=900 << 30, pids=30_000, cpu=63.5, throttled=12.0),
    }  # fmt: skip
    made = {f"meter, {name}": usage_chart(samples, name="web") for name, samples in cases.items()}
    several = {"web": THROTTLED, long: KILLED, "log": QUIET[:30], "four": BARE}
    made["meter, several"] = usage_chart(several)
    made["meter, none"] = usage_chart([])
    return made
