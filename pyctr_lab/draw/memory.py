"""What the first instance takes, and what one more adds when many are there."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..measure.samples import Results
from .picture import Picture
from .ranking import Mark, grouped, name_of, plain, ranking, times
from .startup import absent, measured

ORDINALS = {2: "second", 3: "third", 10: "tenth"}
LITTLE = 0.01  # MiB: less is not told apart from nothing


def memory(results: Results, *, predicted: Mapping[str, float] | None = None) -> Picture:
    """Filled: what one more adds; open: the first. `predicted` has guesses in MiB of one more, by the engine's name."""
    names = measured(results, "memory")
    marks = {}
    for name in names:
        count = most(results, name)
        first = max(LITTLE, results.median("memory", name, 1))
        least, median, greatest = (max(LITTLE, value) for value in results.spread("memory", name, count))
        nth = "" if count == 10 else f", the {ordinal(count)}"
        words = f"{plain(median)}{nth}" if median <= first else f"{plain(median)}{nth}, first {plain(first)}"
        guess = (predicted or {}).get(name, 0.0) or 0.0
        marks[name] = Mark(
            name_of(name),
            (least, median, greatest),
            words,
            news=name == "qemu",
            ours=name.startswith("ours"),
            guess=guess,
            other=first,
        )
    heading = title(results)
    once = (re.search(r"memory: (\S+) takes (\d+) MiB once", note) for note in results.notes)
    notes = ", ".join(f"{name_of(found[1])} {found[2]} MiB" for found in once if found)
    notes = f"once, for a process that is there in any case: {notes}" if notes else ""
    return ranking(
        grouped(marks),
        title=heading,
        subtitle="one more when nine are there (filled), and the first (open) · shared pages count once · log scale",
        twin=f"Ranking: {heading}. {told(results)}{absent(results)}",
        unit="MiB",
        note=notes or absent(results).strip(),
    )


def most(results: Results, name: str) -> int:
    """How many instances there were at most."""
    return max(each.instances for each in results.of("memory") if each.engine == name and each.warm)


def ordinal(count: int) -> str:
    """The place in a row, in a word."""
    return ORDINALS.get(count, f"{count}th")


def more(results: Results, name: str) -> float:
    """MiB that one more adds."""
    return max(LITTLE, results.median("memory", name, most(results, name)))


def title(results: Results) -> str:
    """The finding, from the medians."""
    names = sorted(results.engines("memory"), key=lambda name: more(results, name))
    if "qemu" in names and "ours" in names:
        machine, ours = more(results, "qemu"), more(results, "ours")
        if machine >= ours:
            return f"One more machine takes {plain(machine)} MiB, {times(machine / ours)} times one more container"
        return f"One more machine takes {plain(machine)} MiB, less than one more container"
    last = names[-1]
    return f"One more of {name_of(names[0])} takes {plain(more(results, names[0]))} MiB" + (
        "" if last == names[0] else f", of {name_of(last)} {plain(more(results, last))}"
    )


def told(results: Results) -> str:
    """Each engine's two figures."""
    said = []
    for name in results.engines("memory"):
        count = most(results, name)
        first = results.median("memory", name, 1)
        said.append(
            f"{name_of(name)} {plain(max(LITTLE, first))} MiB, the {ordinal(count)} {plain(more(results, name))}"
        )
    return "; ".join(said) + "."
