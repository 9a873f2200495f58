"""How long a start takes, engine by engine."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import BadInput
from ..measure.samples import Results
from .picture import Picture
from .ranking import Mark, grouped, name_of, one_of, plain, ranking, said, sentence, times, usable

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
    if experiment not in KINDS:
        raise BadInput(f"{experiment!r:.40} is no start", hint=f"there are {', '.join(KINDS)}")
    names, guesses = measured(results, experiment), usable(predicted)
    marks = {
        name: Mark(
            name_of(name),
            results.spread(experiment, name),
            plain(results.median(experiment, name)) + " emulated" * results.emulated(name),
            news=name == "qemu",
            ours=name.startswith("ours"),
            hatched=results.emulated(name),
            guess=guesses.get(name, 0.0),
        )
        for name in names
    }
    heading, count = title(results, experiment), max(len(results.values(experiment, name)) for name in names)
    how = f"medians of up to {count}, least to greatest" if count > 1 else "one of each: no spread is known"
    shown = {name: name_of(name) for name in names}
    return ranking(
        grouped(marks),
        title=heading,
        subtitle=f"{KINDS[experiment][0]} · the same files · {how} · log scale",
        twin=f"Ranking: {heading}. {told(results, experiment, 'ms')}{said(guesses, shown, 'ms')}{absent(results)}",
        unit="ms",
        notes=[absent(results).strip()],
        base=results.median(experiment, "exec") if "exec" in names and len(names) > 1 else 0.0,
        base_name=one_of("exec"),
    )


def title(results: Results, experiment: str) -> str:
    """The finding, from the medians: of a machine and our container where both are there, else of the extremes."""
    names, verb = results.engines(experiment), KINDS[experiment][1]
    fast, slow = names[0], names[-1]
    if {"qemu", "ours"} <= set(names):
        fast, slow = (name for name in names if name in ("qemu", "ours"))
    one, other = (one_of(name, emulated=results.emulated(name)) for name in (slow, fast))
    if slow == fast:
        return f"{sentence(one)} takes {plain(results.median(experiment, slow))} ms to {verb}"
    ratio = times(results.ratio(experiment, slow, fast))
    if ratio == "1.0":
        return f"{sentence(one)} takes as long to {verb} as {other}"
    return f"{sentence(one)} takes {ratio} times as long to {verb} as {other}"


def measured(results: Results, experiment: str) -> list[str]:
    """Who was measured. Raises BadInput where nobody was."""
    names = results.engines(experiment)
    if not names:
        raise BadInput(f"{experiment} was not measured", hint=f'measure("{experiment}") does')
    return names


def told(results: Results, experiment: str, unit: str) -> str:
    """Each engine's figures, the least first."""
    figures = []
    for name in results.engines(experiment):
        least, median, greatest = results.spread(experiment, name)
        how = ", emulated" if results.emulated(name) else ""
        figures.append(f"{name_of(name)} {plain(median)} {unit} ({plain(least)} to {plain(greatest)}{how})")
    return "; ".join(figures) + "."


def absent(results: Results) -> str:
    """Who is not there, or failed on the way, and why."""
    there, told_ = {each.engine for each in results.samples}, ""
    for words, some in (("Not here", set(results.missing) - there), ("Failed", set(results.missing) & there)):
        reasons = [
            f"{name_of(name)}, {why.partition(' (')[0]}" for name, why in results.missing.items() if name in some
        ]
        told_ += f" {words}: {'; '.join(reasons)}." if reasons else ""
    return told_
