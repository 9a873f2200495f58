"""The figures of an experiment, from its samples: rows, one an engine."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass
from typing import Any

from .samples import Results


@dataclass(frozen=True)
class CrowdRow:
    """A crowd: how many there were, how long the first and the last took (medians of twenty), what each takes."""

    engine: str
    count: int
    seconds: float
    first_ms: float
    last_ms: float
    mib_each: float | None


@dataclass(frozen=True)
class MemoryRow:
    """MiB of the first, and what the tenth adds (or the last that there was); None where there was only one."""

    engine: str
    first_mib: float
    tenth_mib: float | None
    instances: int


def experiments_made(results: Results) -> list[str]:
    """The experiments that were made, in order."""
    return list(dict.fromkeys(each.experiment for each in results.samples if each.experiment != "each"))


def missing_lines(results: Results) -> list[str]:
    """A line for each engine that is not in the figures, or not in all of them."""
    there_ = {each.engine for each in results.samples}
    return [f"{'failed' if name in there_ else 'not here'}: {name}: {why}" for name, why in results.missing.items()]


def crowd_rows(results: Results) -> list[CrowdRow]:
    """A row for each engine of which a crowd was made."""
    found = []
    for name in results.engines("density"):
        values = [each.value for each in results.crowd(name)]
        some = min(20, max(1, len(values) // 2))
        first, last = (round(statistics.median(part), 3) for part in (values[:some], values[-some:]))
        mib = results.values("each", name)
        found.append(
            CrowdRow(name, len(values), round(sum(values) / 1000, 3), first, last, round(mib[-1], 3) if mib else None)
        )
    return found


def memory_rows(results: Results) -> list[MemoryRow]:
    """A row for each engine, by what its first instance takes."""
    found = []
    for name in sorted(results.engines("memory"), key=lambda each: results.median("memory", each, 1)):
        most = max(each.instances for each in results.of("memory") if each.engine == name and each.warm)
        first, last = (round(results.median("memory", name, count), 3) for count in (1, most))
        found.append(MemoryRow(name, first, last if most > 1 else None, most))
    return found


def spread_fields(results: Results, experiment: str, name: str, unit: str = "") -> dict[str, float]:
    """Runs, least, median and greatest value, as fields of JSON."""
    values = zip(("min", "median", "max"), results.spread(experiment, name), strict=True)
    return {
        "runs": len(results.values(experiment, name)),
        **{f"{word}{unit}": round(value, 4) for word, value in values},
    }


def as_json(results: Results, what: str) -> list[dict[str, Any]]:
    """One object an engine (and an experiment, where there are several)."""
    crowds, memories = map(asdict, crowd_rows(results)), map(asdict, memory_rows(results))
    if what == "density":
        return list(crowds)
    if what == "memory":
        return list(memories)
    if what == "startup":
        names = results.engines("startup")
        return [{"engine": name, **spread_fields(results, "startup", name, "_ms")} for name in names]
    rows = [
        {"experiment": experiment, "engine": name, "unit": next(results.of(experiment)).unit,
         **spread_fields(results, experiment, name)}
        for experiment in experiments_made(results) if experiment not in ("density", "memory")
        for name in results.engines(experiment)
    ]  # fmt: skip
    rows += [{"experiment": "memory", **row} for row in memories]
    return rows + [{"experiment": "density", **row} for row in crowds]
