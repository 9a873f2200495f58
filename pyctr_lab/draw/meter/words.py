"""What a meter has seen, in words: the finding, and the alternative text that says all of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ...kernel import size
from ...measure.sampling import RESOURCES, UsageSample
from ..svg import clean_text
from ..theme import TITLE_LIMIT
from ..wording import counted_noun, cut_title, listed, quoted_name

MIB = 1 << 20
WARNING = 0.1  # of the time a task waits for memory: from here on pressure is a warning
HELD = 0.05  # cores of throttled time, on average: less happens to every group
MOST_OF = 0.8  # of its quota on average: with less, the quota is not what held it there
Meters = Mapping[str, Sequence[UsageSample]]


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


def _moments(name: str, kind: str, samples: Sequence[UsageSample]) -> list[Moment]:
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


def moment_words(moment: Moment) -> str:
    """`1 killed`, `11 forks refused`."""
    if moment.kind == "oom_kill":
        return f"{moment.count} killed"
    return f"{counted_noun(moment.count, 'fork')} refused"


# ------------------------------------------------------------------------------------------------------------- figures
def core_percent(cores: float) -> str:
    """Of one core."""
    return f"{100 * cores:.0f} %"


def mib_words(value: int) -> str:
    """Bytes, as MiB."""
    return f"{value / MIB:.0f} MiB" if value >= 10 * MIB else f"{value / MIB:.1f} MiB"


def limit_value(kind: str, value: float) -> str:
    """A limit, as one writes it."""
    if kind == "cpus":
        return core_percent(value)
    if kind == "memory":
        exact = size.spell_size(int(value))
        return exact if len(exact) <= 6 else f"{value / MIB:.1f}M"
    return str(value)


LIMIT_FILES = {"cpus": "cpu.max", "memory": "memory.max", "pids": "pids.max"}


def limit_periods(samples: Sequence[UsageSample], kind: str) -> list[tuple[float, float, float | None]]:
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


def throttled_seconds(samples: Sequence[UsageSample]) -> float:
    """Seconds throttled: the group had work, but cpu.max's share of the period was used up."""
    return sum(each.throttled * each.seconds for each in samples)


def mean_cores(samples: Sequence[UsageSample]) -> float:
    """Cores on average."""
    return sum(each.cpu * each.seconds for each in samples) / (sum(each.seconds for each in samples) or 1)


def warned_since(samples: Sequence[UsageSample], kill: float) -> float:
    """Since when memory pressure had warned before a kill, without a break: a moment, the kill's own where it had not.

    The last sample before the kill counts as warning in any case: the killed process was the one that waited.
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
    findings = [(*_finding(samples), name) for name, samples in meters.items() if samples]
    if not findings:
        return "No sample yet"
    _, words, name = max(findings, key=lambda each: each[0])
    if len(meters) > 1:
        words = f"{quoted_name(name)}: {words[0].lower() if words[1:2].islower() else words[0]}{words[1:]}"
    if len(words) > TITLE_LIMIT:
        words = words.partition(";")[0]
    return cut_title(words)


def _finding(samples: Sequence[UsageSample]) -> tuple[int, str]:
    """How grave it is, and what it is."""
    happened, change = moments({"": samples}), last_change(samples)
    if change and change[0] > max((each.t for each in happened), default=0.0):
        return 5 if happened else 3, _changed(samples, *change)
    kills = [each for each in happened if each.kind == "oom_kill"]
    if kills:
        return 5, _killed(samples, kills)
    if happened:
        count = sum(each.count for each in happened)
        limit = next((value for *_, value in limit_periods(samples, "pids") if value is not None), "max")
        who = counted_noun(count, "new process", "new processes")
        return 4, f"pids.max {limit} refused {who}, the first at {happened[0].t:.1f} s"
    return _slowed(samples)


def _killed(samples: Sequence[UsageSample], kills: Sequence[Moment]) -> str:
    count, at = sum(each.count for each in kills), kills[0].t
    who = "a process" if count == 1 else f"{count} processes"
    limited = any(each.limits.memory is not None for each in samples if each.t <= at)
    first = f"At {at:.1f} s {'the memory limit' if limited else 'want of memory'} killed {who}"
    before = at - warned_since(samples, at)
    return first + (f"; pressure had warned for {before:.1f} s" if before >= 0.4 else "")


def _slowed(samples: Sequence[UsageSample]) -> tuple[int, str]:
    seconds = sum(each.seconds for each in samples)
    limits = [each for each in limit_periods(samples, "cpus") if each[2] is not None]
    if limits and throttled_seconds(samples) / seconds >= HELD:
        quota, used = limits[0][2] or 0, mean_cores(samples)
        held = f"cpu.max held it at {core_percent(quota)} of a core"
        if used < MOST_OF * quota:  # others had the processor as well, or it had no work for a while
            held = f"It used {core_percent(used)} of a core, of {core_percent(quota)} that cpu.max allows"
        return 3, f"{held}: throttled for {throttled_seconds(samples):.1f} s"
    full = next((each for each in samples if each.events.memory_max and each.limits.memory is not None), None)
    if full is not None:
        limit = limit_value("memory", float(full.limits.memory or 0))
        return 2, f"Memory reached its limit of {limit} at {full.t:.1f} s; no process was killed"
    free = not any(any(getattr(each.limits, kind) is not None for kind in LIMIT_FILES) for each in samples)
    return 1, f"{'No limit' if free else 'Within its limits'}: at most {_most(samples)}"


def last_change(samples: Sequence[UsageSample]) -> tuple[float, str] | None:
    """When a limit was changed last, and which one; of several changed at once the first of cpus, memory and pids."""
    found = [(periods[-1][0], kind) for kind in LIMIT_FILES if len(periods := limit_periods(samples, kind)) > 1]
    return max(found, key=lambda each: each[0], default=None)


def _changed(samples: Sequence[UsageSample], at: float, kind: str) -> str:
    """The limit was changed while it ran: from the value before to the one that holds, and what was used with each."""
    limits, used = [], []
    for begin, end, limit in limit_periods(samples, kind)[-2:]:
        part = [each for each in samples if begin < each.t <= end]
        limits.append("no limit" if limit is None else limit_value(kind, limit))
        used.append(_use(part, kind))
    core = " of a core" * (kind == "cpus" and limits[1] != "no limit")
    return f"{LIMIT_FILES[kind]} from {limits[0]} to {limits[1]}{core} at {at:.1f} s: used {used[0]}, then {used[1]}"


def _use(samples: Sequence[UsageSample], kind: str) -> str:
    """What a part of the samples used: cores on average, of memory and processes the last value."""
    if kind == "cpus":
        return core_percent(mean_cores(samples))
    values = [value for each in samples if (value := getattr(each, kind)) is not None]
    return "an unknown part" if not values else mib_words(values[-1]) if kind == "memory" else str(values[-1])


def _most(samples: Sequence[UsageSample]) -> str:
    memory = [each.memory for each in samples if each.memory is not None]
    pids = [each.pids for each in samples if each.pids is not None]
    parts = [f"{core_percent(max(each.cpu for each in samples))} of a core"]
    parts += [mib_words(max(memory))] if memory else []
    parts += [f"{max(pids)} process{'es' * (max(pids) != 1)}"] if pids else []
    return listed(parts)


# ----------------------------------------------------------------------------------------------------------- alt text
def alt_text(meters: Meters) -> str:
    """All that the picture shows, in reading order."""
    groups = " ".join(part for name, samples in meters.items() if samples for part in _group_words(name, samples))
    return clean_text(f"Meter: {title(meters)}. {groups}".strip(), limit=8000)


def _group_words(name: str, samples: Sequence[UsageSample]) -> Iterator[str]:
    yield f"{quoted_name(name)}, {samples[-1].t:.1f} s." if name else f"{samples[-1].t:.1f} s."
    waited = throttled_seconds(samples)
    most = core_percent(max(each.cpu for each in samples))
    cpu = f"CPU: {core_percent(mean_cores(samples))} of a core on average, {most} at most"
    held = [each.t for each in samples if each.throttled >= HELD]
    yield (
        cpu + _limit(samples, "cpus") + (f"; throttled for {waited:.1f} s, first at {held[0]:.1f} s." if held else ".")
    )
    yield f"Memory: {_peak(samples, 'memory')}{_happened(samples, 'oom_kill')}."
    yield f"Processes: {_peak(samples, 'pids')}{_happened(samples, 'pids_max')}."
    known = [each for each in RESOURCES if any(each in sample.pressure for sample in samples)]
    peaks = (f"{each} {core_percent(max(sample.pressure.get(each, 0) for sample in samples))}" for each in known)
    yield f"Pressure at most: {', '.join(peaks)}." if known else "Pressure is not counted here."


def _peak(samples: Sequence[UsageSample], kind: str) -> str:
    values = [value for each in samples if (value := getattr(each, kind)) is not None]
    if not values:
        return "not counted here"
    shown = mib_words if kind == "memory" else str
    return f"{shown(max(values))} at most, {shown(values[-1])} at the end{_limit(samples, kind)}"


def _limit(samples: Sequence[UsageSample], kind: str) -> str:
    held = limit_periods(samples, kind)
    if all(value is None for *_, value in held):
        return ", no limit"
    words = ["none" if value is None else limit_value(kind, value) for *_, value in held]
    later = (f"then {word} from {begin:.1f} s" for word, (begin, *_) in zip(words[1:], held[1:], strict=True))
    return f"; limit {', '.join([words[0], *later])}"


def _happened(samples: Sequence[UsageSample], kind: str) -> str:
    found = _moments("", kind, samples)
    return "".join(f"; {moment_words(each)} at {each.t:.1f} s" for each in found)
