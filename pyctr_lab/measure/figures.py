"""The figures of an experiment, from its samples: plain rows, one an engine."""

from __future__ import annotations

from typing import Any

from .samples import Results


def there(results: Results) -> list[str]:
    """The experiments that were made, in order."""
    return list(dict.fromkeys(each.experiment for each in results.samples if each.experiment != "each"))


def troubles(results: Results) -> list[str]:
    """A line for each engine that is not in the figures, or not in all of them."""
    there_ = {each.engine for each in results.samples}
    return [f"{'failed' if name in there_ else 'not here'}: {name}: {why}" for name, why in results.missing.items()]


def crowds(results: Results) -> list[dict[str, Any]]:
    """How many of each there were, how long the first and the last took (medians of twenty), what each takes."""
    found = []
    for name in results.engines("density"):
        taken = [each.value for each in results.crowd(name)]
        some = min(20, max(1, len(taken) // 2))
        each_ = results.values("each", name)
        found.append(
            {
                "engine": name,
                "count": len(taken),
                "seconds": round(sum(taken) / 1000, 3),
                "first_ms": round(middle(taken[:some]), 3),
                "last_ms": round(middle(taken[-some:]), 3),
                "mib_each": round(each_[-1], 3) if each_ else None,
            }
        )
    return found


def middle(values: list[float]) -> float:
    """The median."""
    return sorted(values)[len(values) // 2]


def as_json(results: Results, what: str) -> list[dict[str, Any]]:
    """One object an engine (and an experiment, where there are several)."""
    if what == "density":
        return crowds(results)
    if what == "memory":
        return memories(results)
    if what == "startup":
        return [{"engine": name, **spread(results, "startup", name, "_ms")} for name in results.engines("startup")]
    rows = [
        {"experiment": experiment, "engine": name, "unit": next(results.of(experiment)).unit,
         **spread(results, experiment, name, "")}
        for experiment in there(results) if experiment not in ("density", "memory")
        for name in results.engines(experiment)
    ]  # fmt: skip
    rows += [{"experiment": "memory", **row} for row in memories(results)]
    return rows + [{"experiment": "density", **row} for row in crowds(results)]


def spread(results: Results, experiment: str, name: str, unit: str) -> dict[str, float]:
    """Runs, least, median and greatest value."""
    values = zip(("min", "median", "max"), results.spread(experiment, name), strict=True)
    return {
        "runs": len(results.values(experiment, name)),
        **{f"{word}{unit}": round(value, 4) for word, value in values},
    }


def memories(results: Results) -> list[dict[str, Any]]:
    """MiB of the first, and what the tenth adds (or the last that there was); None where there was only one."""
    found = []
    for name in sorted(results.engines("memory"), key=lambda each: results.median("memory", each, 1)):
        most = max(each.instances for each in results.of("memory") if each.engine == name and each.warm)
        first, last = (round(results.median("memory", name, count), 3) for count in (1, most))
        found.append({"engine": name, "first_mib": first, "tenth_mib": last if most > 1 else None, "instances": most})
    return found
