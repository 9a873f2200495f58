"""What the first instance takes, and what one more adds when many are there."""

from __future__ import annotations

from collections.abc import Mapping

from ...measure.samples import Results
from ..guesses import usable_guesses
from ..picture import Picture
from ..wording import short_number, times_words
from .ranking import Mark, engine_mark, grouped_marks, ranking
from .words import guess_words, measured_engines, missing_words, with_article

ORDINALS = {1: "first", 2: "second", 3: "third", 10: "tenth"}
ENDINGS = {1: "st", 2: "nd", 3: "rd"}
LITTLE = 0.01  # MiB: less cannot be distinguished from nothing


def memory(results: Results, *, predicted: Mapping[str, float | None] | None = None) -> Picture:
    """Filled: what one more adds; open: the first. `predicted` has guesses in MiB of one more, by the engine's name."""
    names, guesses = measured_engines(results, "memory"), usable_guesses(predicted)
    marks = {name: memory_mark(results, name, guesses.get(name, 0.0)) for name in names}
    counts = {most_instances(results, name) for name in names}
    nth = f"the {ordinal(*counts)}" if len(counts) == 1 else "one more"
    return ranking(
        grouped_marks(marks),
        title=title(results),
        subtitle=f"what {nth} adds (filled), and the first takes (open) · shared pages count once · log scale",
        alt_text=alt_text(results, predicted=predicted),
        unit="MiB",
        notes=[paid_once_words(results).strip(), missing_words(results).strip()],
    )


def memory_mark(results: Results, name: str, guess: float) -> Mark:
    """One engine: what its last instance added, and its first had taken."""
    count, first = most_instances(results, name), at_least_little(results.median("memory", name, 1))
    least, median, greatest = (at_least_little(value) for value in results.spread("memory", name, count))
    words = f"first {short_number(first)}"
    if count != 1:
        words = f"the {ordinal(count)} {short_number(median)}, {words}"
    words += ", emulated" * results.emulated(name)
    return engine_mark(results, name, (least, median, greatest), words, guess=guess, other=first)


def paid_once_words(results: Results) -> str:
    """What an engine takes however many instances there are: its daemon."""
    words = ", ".join(f"{results.name_of(name)} {mib:.0f} MiB" for name, mib in results.paid_once.items())
    return f" Paid once, however many there are (a daemon, our launcher): {words}." if words else ""


def at_least_little(value: float) -> float:
    """What can be drawn on a logarithmic scale."""
    return max(LITTLE, value)


def most_instances(results: Results, name: str) -> int:
    """How many instances there were at most."""
    return max(each.instances for each in results.of("memory") if each.engine == name and each.warm)


def ordinal(count: int) -> str:
    """The place in a row, in a word: the first, the tenth, the 22nd."""
    ending = "th" if count % 100 in (11, 12, 13) else ENDINGS.get(count % 10, "th")
    return ORDINALS.get(count, f"{count}{ending}")


def one_more(results: Results, name: str) -> float:
    """MiB that one more instance adds."""
    return at_least_little(results.median("memory", name, most_instances(results, name)))


def by_one_more(results: Results) -> list[str]:
    """The engines, in the order of what one more instance adds."""
    return sorted(results.engines("memory"), key=lambda name: one_more(results, name))


def title(results: Results) -> str:
    """The finding, from the medians."""
    names = by_one_more(results)
    if {"qemu", "ours"} <= set(names):
        machine, ours = one_more(results, "qemu"), one_more(results, "ours")
        finding = f"One more {'emulated ' * results.emulated('qemu')}machine takes {short_number(machine)} MiB, "
        if machine >= ours:
            return f"{finding}{times_words(machine / ours)} times one more container"
        return f"{finding}less than one more container: {short_number(ours)}"
    few = [(with_article(results, name), one_more(results, name)) for name in dict.fromkeys((names[0], names[-1]))]
    return f"One more takes {' and '.join(f'{short_number(value)} MiB for {name}' for name, value in few)}"


def alt_text(results: Results, *, predicted: Mapping[str, float | None] | None = None) -> str:
    """The finding, each engine's two figures, the least first, the guesses, and what is missing."""
    figures = []
    for name in by_one_more(results):
        count, first = most_instances(results, name), at_least_little(results.median("memory", name, 1))
        last = "" if count == 1 else f", the {ordinal(count)} {short_number(one_more(results, name))}"
        emulated = " (emulated)" * results.emulated(name)
        figures.append(f"{results.name_of(name)} {short_number(first)} MiB{last}{emulated}")
    names = {name: results.name_of(name) for name in results.engines("memory")}
    guesses = guess_words(predicted, names, "MiB")
    rest = f"{paid_once_words(results)}{guesses}{missing_words(results)}"
    return f"Ranking: {title(results)}. {'; '.join(figures)}.{rest}"
