"""What the first instance takes, and what one more adds when many are there."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..measure.samples import Results
from .picture import Picture
from .ranking import Mark, grouped, name_of, one_of, plain, ranking, said, times, usable
from .startup import absent, measured

ORDINALS = {1: "first", 2: "second", 3: "third", 10: "tenth"}
ENDINGS = {1: "st", 2: "nd", 3: "rd"}
LITTLE = 0.01  # MiB: less is not told apart from nothing


def memory(results: Results, *, predicted: Mapping[str, float | None] | None = None) -> Picture:
    """Filled: what one more adds; open: the first. `predicted` has guesses in MiB of one more, by the engine's name."""
    names, guesses = measured(results, "memory"), usable(predicted)
    marks = {name: mark(results, name, guesses.get(name, 0.0)) for name in names}
    heading, counts = title(results), {most(results, name) for name in names}
    nth = f"the {ordinal(*counts)}" if len(counts) == 1 else "one more"
    shown = {name: name_of(name) for name in names}
    return ranking(
        grouped(marks),
        title=heading,
        subtitle=f"what {nth} adds (filled), and the first takes (open) · shared pages count once · log scale",
        twin=f"Ranking: {heading}. {told(results)}{once(results)}{said(guesses, shown, 'MiB')}{absent(results)}",
        unit="MiB",
        notes=[once(results).strip(), absent(results).strip()],
    )


def mark(results: Results, name: str, guess: float) -> Mark:
    """One engine: what its last instance added, and its first had taken."""
    count, first = most(results, name), at_least(results.median("memory", name, 1))
    least, median, greatest = (at_least(value) for value in results.spread("memory", name, count))
    words = f"first {plain(first)}" if count == 1 else f"{plain(median)}, first {plain(first)}"
    if count != 1:
        words = f"the {ordinal(count)} {words}"
    return Mark(
        name_of(name),
        (least, median, greatest),
        words + ", emulated" * results.emulated(name),
        news=name == "qemu",
        ours=name.startswith("ours"),
        hatched=results.emulated(name),
        guess=guess,
        other=first,
    )


def once(results: Results) -> str:
    """What an engine takes however many there are: its daemon."""
    found = (re.search(r"memory: (\S+) takes (\d+) MiB once", note) for note in results.notes)
    words = ", ".join(f"{name_of(each[1])} {each[2]} MiB" for each in found if each)
    return f" Paid once, however many there are (a daemon, our launcher): {words}." if words else ""


def at_least(value: float) -> float:
    """What can be drawn on a logarithmic scale."""
    return max(LITTLE, value)


def most(results: Results, name: str) -> int:
    """How many instances there were at most."""
    return max(each.instances for each in results.of("memory") if each.engine == name and each.warm)


def ordinal(count: int) -> str:
    """The place in a row, in a word: the first, the tenth, the 22nd."""
    ending = "th" if count % 100 in (11, 12, 13) else ENDINGS.get(count % 10, "th")
    return ORDINALS.get(count, f"{count}{ending}")


def more(results: Results, name: str) -> float:
    """MiB that one more adds."""
    return at_least(results.median("memory", name, most(results, name)))


def title(results: Results) -> str:
    """The finding, from the medians."""
    names = sorted(results.engines("memory"), key=lambda name: more(results, name))
    if {"qemu", "ours"} <= set(names):
        machine, ours = more(results, "qemu"), more(results, "ours")
        kind = "emulated machine" if results.emulated("qemu") else "machine"
        if machine >= ours:
            return f"One more {kind} takes {plain(machine)} MiB, {times(machine / ours)} times one more container"
        return f"One more {kind} takes {plain(machine)} MiB, less than one more container: {plain(ours)}"
    few = [(name, plain(more(results, name))) for name in dict.fromkeys((names[0], names[-1]))]
    figures = " and ".join(f"{value} MiB for {one_of(name, emulated=results.emulated(name))}" for name, value in few)
    return f"One more takes {figures}"


def told(results: Results) -> str:
    """Each engine's two figures, the least first."""
    figures = []
    for name in sorted(results.engines("memory"), key=lambda name: more(results, name)):
        count, first = most(results, name), at_least(results.median("memory", name, 1))
        last = "" if count == 1 else f", the {ordinal(count)} {plain(more(results, name))}"
        figures.append(f"{name_of(name)} {plain(first)} MiB{last}" + " (emulated)" * results.emulated(name))
    return "; ".join(figures) + "."
