"""How long a start takes, engine by engine."""

from __future__ import annotations

from collections.abc import Mapping

from ...errors import BadInput
from ...kernel.checks import check_text
from ...measure.samples import Results
from ..guesses import usable_guesses
from ..picture import Picture
from ..wording import short_number, times_words
from .ranking import engine_mark, grouped_marks, ranking
from .words import begin_sentence, guess_words, measured_engines, missing_words, with_article

KINDS = {
    "startup": ("start to exit of one command", "start"),
    "first_output": ("from the call to the first line of output", "say its first line"),
}


def startup(
    results: Results, *, predicted: Mapping[str, float | None] | None = None, experiment: str = "startup"
) -> Picture:
    """Medians with their spread, on a logarithmic scale. `predicted` has guesses in ms, by the engine's name.

    `experiment` is "startup" or "first_output". Raises BadInput where it was not made.
    """
    if check_text(experiment, "an experiment") not in KINDS:
        raise BadInput(f"{experiment!r:.40} is no start", hint=f"there are {', '.join(KINDS)}")
    names, guesses = measured_engines(results, experiment), usable_guesses(predicted)
    marks = {
        name: engine_mark(
            results,
            name,
            results.spread(experiment, name),
            short_number(results.median(experiment, name)) + " emulated" * results.emulated(name),
            guess=guesses.get(name, 0.0),
        )
        for name in names
    }
    count = max(len(results.values(experiment, name)) for name in names)
    how = f"medians of up to {count}, least to greatest" if count > 1 else "one of each: no spread is known"
    return ranking(
        grouped_marks(marks),
        title=title(results, experiment=experiment),
        subtitle=f"{KINDS[experiment][0]} · the same files · {how} · log scale",
        alt_text=alt_text(results, predicted=predicted, experiment=experiment),
        unit="ms",
        notes=[missing_words(results).strip()],
        base=results.median(experiment, "exec") if "exec" in names and len(names) > 1 else 0.0,
        base_name=with_article(results, "exec"),
        column="median, ms",
    )


def title(results: Results, *, experiment: str = "startup") -> str:
    """The finding, from the medians: of a machine and our container where both are there, else of the extremes."""
    names, verb = results.engines(experiment), KINDS[experiment][1]
    fast, slow = names[0], names[-1]
    if {"qemu", "ours"} <= set(names):
        fast, slow = (name for name in names if name in ("qemu", "ours"))
    one, other = (with_article(results, name) for name in (slow, fast))
    if slow == fast:
        return f"{begin_sentence(one)} takes {short_number(results.median(experiment, slow))} ms to {verb}"
    ratio = times_words(results.ratio(experiment, slow, fast))
    if ratio == "1.0":
        return f"{begin_sentence(one)} takes as long to {verb} as {other}"
    return f"{begin_sentence(one)} takes {ratio} times as long to {verb} as {other}"


def alt_text(
    results: Results, *, predicted: Mapping[str, float | None] | None = None, experiment: str = "startup"
) -> str:
    """The finding, each engine's figures, the least first, the guesses, and what is missing."""
    figures = []
    names = {name: results.name_of(name) for name in results.engines(experiment)}
    for name, shown in names.items():
        least, median, greatest = map(short_number, results.spread(experiment, name))
        how = ", emulated" if results.emulated(name) else ""
        figures.append(f"{shown} {median} ms ({least} to {greatest}{how})")
    guesses = guess_words(predicted, names, "ms")
    heading = title(results, experiment=experiment)
    return f"Ranking: {heading}. {'; '.join(figures)}.{guesses}{missing_words(results)}"
