"""What a meter has seen, in words: the finding, and the twin that says all of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..kernel import size
from ..measure.sampling import RESOURCES, Sample
from .finding import listed, short_name
from .look import TITLE_LIMIT, clean

MIB = 1 << 20
WARNING = 0.1  # of the time somebody waits for memory: from here on pressure is a warning
HELD = 0.05  # cores of throttled time, on average: less happens to everybody
Meters = Mapping[str, Sequence[Sample]]


@dataclass(frozen=True)
class Moment:
    """Something happened `count` times, beginning at `t`: "oom_kill" or "pids_max", in the group `name`."""

    t: float
    kind: str
    count: int
    name: str


def moments(meters: Meters) -> list[Moment]:
    """Kills and refused forks, in the order of time; of one kind, what follows within a second is one moment."""
    found: list[Moment] = []
    for name, samples in meters.items():
        for kind in ("oom_kill", "pids_max"):
            found += _moments(name, kind, samples)
    return sorted(found, key=lambda each: each.t)


def _moments(name: str, kind: str, samples: Sequence[Sample]) -> list[Moment]:
    found: list[Moment] = []
    last = float("-inf")
    for each in samples:
        count = getattr(each.events, kind)
        if count and each.t - each.seconds - last <= 1:
            found[-1] = Moment(found[-1].t, kind, found[-1].count + count, name)
        elif count:
            found.append(Moment(each.t, kind, count, name))
        last = each.t if count else last
    return found


def what(moment: Moment) -> str:
    """`1 killed`, `11 forks refused`."""
    if moment.kind == "oom_kill":
        return f"{moment.count} killed"
    return f"{moment.count:,} fork{'s' * (moment.count != 1)} refused"


# ------------------------------------------------------------------------------------------------------------- figures
def percent(cores: float) -> str:
    """Of one core."""
    return f"{100 * cores:.0f} %"


def mib(value: int) -> str:
    """Bytes, as MiB."""
    return f"{value / MIB:.0f} MiB" if value >= 10 * MIB else f"{value / MIB:.1f} MiB"


def written(kind: str, value: float) -> str:
    """A limit, as one writes it."""
    if kind == "cpus":
        return percent(value)
    if kind == "memory":
        exact = size.shown(int(value))
        return exact if len(exact) <= 6 else f"{value / MIB:.1f}M"
    return str(value)


FILES = {"cpus": "cpu.max", "memory": "memory.max", "pids": "pids.max"}


def periods(samples: Sequence[Sample], kind: str) -> list[tuple[float, float, float | None]]:
    """From when to when which limit held: (begin, end, value), value None where there was none."""
    found: list[tuple[float, float, float | None]] = []
    for each in samples:
        value = getattr(each.limits, kind)
        value = None if isinstance(value, str) else value
        if found and found[-1][2] == value:
            found[-1] = (found[-1][0], each.t, value)
        else:
            found.append((found[-1][1] if found else 0.0, each.t, value))
    return found


def throttled(samples: Sequence[Sample]) -> float:
    """Seconds in which it had work, but its share of time was used up."""
    return sum(each.throttled * each.seconds for each in samples)


def used(samples: Sequence[Sample]) -> float:
    """Cores on average."""
    return sum(each.cpu * each.seconds for each in samples) / (sum(each.seconds for each in samples) or 1)


def warned(samples: Sequence[Sample], kill: float) -> float:
    """Since when memory pressure had warned before a kill, without a break: a moment, the kill's own where it had not.

    The last sample before the kill counts as warning in any case: when somebody is killed, nobody waits any more.
    """
    since = kill
    for each in reversed([each for each in samples if each.t < kill]):
        if each.pressure.get("memory", 0.0) < WARNING:
            break
        since = each.t
    return since


# -------------------------------------------------------------------------------------------------------------- title
def title(meters: Meters) -> str:
    """The finding, in at most 80 characters: the gravest thing that happened to any of the groups."""
    told = [(*_finding(samples), name) for name, samples in meters.items() if samples]
    if not told:
        return "No sample yet"
    _, words, name = max(told, key=lambda each: each[0])
    if len(meters) > 1:
        words = f"{short_name(name)}: {words[0].lower() if words[1:2].islower() else words[0]}{words[1:]}"
    if len(words) > TITLE_LIMIT:
        words = words.partition(";")[0]
    return words if len(words) <= TITLE_LIMIT else words[: TITLE_LIMIT - 1].rstrip() + "…"


def _finding(samples: Sequence[Sample]) -> tuple[int, str]:
    """How grave it is, and what it is."""
    happened = moments({"": samples})
    kills = [each for each in happened if each.kind == "oom_kill"]
    if kills:
        return 5, _killed(samples, kills)
    if happened:
        count = sum(each.count for each in happened)
        limit = next((value for *_, value in periods(samples, "pids") if value is not None), "max")
        who = f"{count:,} new process{'es' * (count != 1)}"
        return 4, f"pids.max {limit} refused {who}, the first at {happened[0].t:.1f} s"
    return _slowed(samples)


def _killed(samples: Sequence[Sample], kills: Sequence[Moment]) -> str:
    count, at = sum(each.count for each in kills), kills[0].t
    who = "a process" if count == 1 else f"{count} processes"
    limited = any(each.limits.memory is not None for each in samples if each.t <= at)
    first = f"At {at:.1f} s {'the memory limit' if limited else 'want of memory'} killed {who}"
    before = at - warned(samples, at)
    return first + (f"; pressure had warned for {before:.1f} s" if before >= 0.4 else "")


def _slowed(samples: Sequence[Sample]) -> tuple[int, str]:
    seconds = sum(each.seconds for each in samples)
    limits = [each for each in periods(samples, "cpus") if each[2] is not None]
    if limits and throttled(samples) / seconds >= HELD:
        if len(limits) > 1:
            return 3, _answered(samples, limits)
        return 3, f"cpu.max held it at {percent(limits[0][2] or 0)} of a core: throttled for {throttled(samples):.1f} s"
    full = next((each for each in samples if each.events.memory_max and each.limits.memory is not None), None)
    if full is not None:
        limit = written("memory", float(full.limits.memory or 0))
        return 2, f"Memory reached its limit of {limit} at {full.t:.1f} s; nobody was killed"
    free = not any(any(getattr(each.limits, kind) is not None for kind in FILES) for each in samples)
    return 1, f"{'No limit' if free else 'Within its limits'}: at most {_most(samples)}"


def _answered(samples: Sequence[Sample], limits: Sequence[tuple[float, float, float | None]]) -> str:
    """The limit was changed while it ran, and the use followed."""
    parts = []
    for begin, end, limit in (limits[0], limits[-1]):
        part = [each for each in samples if begin < each.t <= end]
        parts.append((percent(limit or 0), percent(used(part))))
    (before, took), (after, then) = parts
    return f"cpu.max from {before} to {after} of a core at {limits[-1][0]:.1f} s: used {took}, then {then}"


def _most(samples: Sequence[Sample]) -> str:
    memory = [each.memory for each in samples if each.memory is not None]
    pids = [each.pids for each in samples if each.pids is not None]
    parts = [f"{percent(max(each.cpu for each in samples))} of a core"]
    parts += [mib(max(memory))] if memory else []
    parts += [f"{max(pids)} process{'es' * (max(pids) != 1)}"] if pids else []
    return listed(parts)


# --------------------------------------------------------------------------------------------------------------- twin
def twin(meters: Meters) -> str:
    """All that the picture shows, in reading order."""
    groups = " ".join(part for name, samples in meters.items() if samples for part in _told(name, samples))
    return clean(f"Meter: {title(meters)}. {groups}".strip(), limit=8000)


def _told(name: str, samples: Sequence[Sample]) -> Iterator[str]:
    yield f"{short_name(name)}, {samples[-1].t:.1f} s." if name else f"{samples[-1].t:.1f} s."
    waited = throttled(samples)
    cpu = f"CPU: {percent(used(samples))} of a core on average, {percent(max(each.cpu for each in samples))} at most"
    held = [each.t for each in samples if each.throttled >= HELD]
    yield (
        cpu + _limit(samples, "cpus") + (f"; throttled for {waited:.1f} s, first at {held[0]:.1f} s." if held else ".")
    )
    yield f"Memory: {_peak(samples, 'memory')}{_happened(samples, 'oom_kill')}."
    yield f"Processes: {_peak(samples, 'pids')}{_happened(samples, 'pids_max')}."
    known = [each for each in RESOURCES if any(each in sample.pressure for sample in samples)]
    peaks = (f"{each} {percent(max(sample.pressure.get(each, 0) for sample in samples))}" for each in known)
    yield f"Pressure at most: {', '.join(peaks)}." if known else "Pressure is not counted here."


def _peak(samples: Sequence[Sample], kind: str) -> str:
    values = [value for each in samples if (value := getattr(each, kind)) is not None]
    if not values:
        return "not counted here"
    shown = mib if kind == "memory" else str
    return f"{shown(max(values))} at most, {shown(values[-1])} at the end{_limit(samples, kind)}"


def _limit(samples: Sequence[Sample], kind: str) -> str:
    held = periods(samples, kind)
    if all(value is None for *_, value in held):
        return ", no limit"
    words = ["none" if value is None else written(kind, value) for *_, value in held]
    later = (f"then {word} from {begin:.1f} s" for word, (begin, *_) in zip(words[1:], held[1:], strict=True))
    return f"; limit {', '.join([words[0], *later])}"


def _happened(samples: Sequence[Sample], kind: str) -> str:
    found = _moments("", kind, samples)
    return "".join(f"; {what(each)} at {each.t:.1f} s" for each in found)
