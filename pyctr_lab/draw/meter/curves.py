"""The meter's four strips as data, made of samples: CPU, memory, processes, pressure; each with curves and limits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from ...measure.sampling import RESOURCES, UsageSample
from .words import LIMIT_FILES, MIB, WARNING, Meters, limit_periods, limit_value, mib_words, moment_words, moments

LEAST = {"cpu": 20.0, "memory": 4.0, "pids": 4.0, "pressure": 20.0}  # the least that a whole scale stands for
NEAR = {"cpu": 100.0, "memory": 64.0, "pids": 64.0}  # a limit up to here is always seen, a higher one when it is near

# A curve's look, by its group's place: colour, dashes, and the style of a label in that colour.
GROUPS = (("wall", "", "w"), ("ink", "2 3", ""), ("idle", "", "d"), ("wall", "8 3", "w"))
WAITS = {"cpu": ("idle", "", "d"), "memory": ("new", "", "n"), "io": ("ink", "2 3", "")}
NO_NEWS = ("ink", "8 3", "")  # memory's, as long as it does not warn


@dataclass(frozen=True)
class Curve:
    """A line through points (seconds, value), with what stands at its right end."""

    points: Sequence[tuple[float, float]]
    look: tuple[str, str, str]
    text: str
    area: bool = False
    above: Sequence[tuple[float, float]] = ()  # the hatched part ends there


@dataclass(frozen=True)
class Strip:
    """One of the four: its name, the unit in lines, its curves, and the limits with the time in which they held."""

    key: str
    name: str
    unit: tuple[str, ...]
    curves: Sequence[Curve]
    limits: Sequence[tuple[float, float, float]] = ()
    limit_text: str = ""  # the limit that holds now
    absent: str = ""
    marks: Sequence[tuple[float, str]] = field(default=())

    @property
    def top(self) -> float:
        """The value at the upper edge: limits are inside, unless they are far above the curve."""
        used = max((value for curve in self.curves for _, value in (*curve.points, *curve.above)), default=0.0)
        if self.key == "pressure":
            return min(100.0, round_scale(max(used, LEAST[self.key]), self.key))
        limits = [value for *_, value in self.limits if value <= max(8 * used, NEAR[self.key])]
        return round_scale(1.12 * max([used, LEAST[self.key] / 2, *limits]), self.key)


def round_scale(value: float, key: str) -> float:
    """The next round number: of powers of two for memory and pids, of ten for shares."""
    if key in ("memory", "pids"):
        power = 2.0 ** math.floor(math.log2(value))
        return next(power * step for step in (1, 1.5, 2) if power * step >= value)
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * step for step in (1, 1.2, 1.5, 2, 3, 4, 5, 6, 8, 10) if power * step >= value)


def strips_of(meters: Meters) -> list[Strip]:
    """The four strips, from top to bottom."""
    return [
        _strip(meters, "cpu", "CPU", ("% of one core",)),
        _strip(meters, "memory", "Memory", ("MiB",)),
        _strip(meters, "pids", "Processes", ("pids",)),
        Strip("pressure", "Pressure", ("% of time a", "task waits"), _waits(meters),
              absent="this kernel does not count pressure"),
    ]  # fmt: skip


SCALES = {"cpu": 100.0, "memory": 1 / MIB, "pids": 1.0}
LIMITS = {"cpu": "cpus", "memory": "memory", "pids": "pids"}
MARKS = {"memory": "oom_kill", "pids": "pids_max"}


def _strip(meters: Meters, key: str, name: str, unit: tuple[str, ...]) -> Strip:
    one = len(meters) == 1
    curves = [
        _curve(group, samples, key, GROUPS[place], one)
        for place, (group, samples) in enumerate(meters.items())
        if any(getattr(each, key) is not None for each in samples)
    ]
    limits, scale = LIMITS[key], SCALES[key]
    held = [each for samples in meters.values() for each in limit_periods(samples, limits) if each[2] is not None]
    last = next((samples[-1] for samples in meters.values() if samples), None) if one else None
    now = getattr(last.limits, limits) if last else None
    limit_text = "" if now is None else f"{LIMIT_FILES[limits]} {limit_value(limits, now)}"
    marks = [(each.t, moment_words(each)) for each in moments(meters) if MARKS.get(key) == each.kind]
    scaled = [(begin, end, (value or 0) * scale) for begin, end, value in held]
    absent = f"not counted here: no {key} controller" if any(meters.values()) else "no sample yet"
    return Strip(key, name, unit, curves, scaled, limit_text, absent, marks)


def _curve(group: str, samples: Sequence[UsageSample], key: str, style: tuple[str, str, str], one: bool) -> Curve:
    known = [(each, value * SCALES[key]) for each in samples if (value := getattr(each, key)) is not None]
    begin, last = known[0][0].t - known[0][0].seconds, known[-1][1]
    if key == "cpu":  # one reading is of two periods of the quota only: a second of them is what it uses
        recent = [value for each, value in known if each.t > known[-1][0].t - 1]
        last = sum(recent) / len(recent)
    shown = {"cpu": f"{last:.0f} %", "memory": mib_words(int(last * MIB)), "pids": f"{last:.0f}"}[key]
    above = [(each.t, value + 100 * each.throttled) for each, value in known] if key == "cpu" else []
    if not any(each.throttled for each, _ in known):
        above = []
    text = f"{shown} used" if one and key != "pids" else f"{shown} now" if one else f"{brief_name(group)} {shown}"
    points = [(begin, known[0][1]), *((each.t, value) for each, value in known)]
    return Curve(points, style, text, one, [(begin, above[0][1]), *above] if above else [])


def brief_name(name: str) -> str:
    """A group's name, so short that its figure has room beside it."""
    return name if len(name) <= 9 else name[:8] + "…"


def _waits(meters: Meters) -> list[Curve]:
    """Of one group the three resources; of several groups, each with what it waits for most."""
    if len(meters) == 1:
        (samples,) = meters.values()
        calm = all(each.pressure.get("memory", 0.0) < WARNING for each in samples)
        looks = {**WAITS, "memory": NO_NEWS} if calm else WAITS
        return [
            Curve(points, looks[name], f"{name} {points[-1][1]:.0f} %")
            for name in RESOURCES
            if (points := [(each.t, 100 * each.pressure[name]) for each in samples if name in each.pressure])
        ]
    found = []
    for place, (group, samples) in enumerate(meters.items()):
        most = [(each.t, max(each.pressure.items(), key=lambda pair: pair[1])) for each in samples if each.pressure]
        if most:
            points = [(t, 100 * share) for t, (_, share) in most]
            found.append(Curve(points, GROUPS[place], f"{brief_name(group)} {points[-1][1]:.0f} %, {most[-1][1][0]}"))
    return found
