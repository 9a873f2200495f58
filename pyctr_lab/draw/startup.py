"""How long a start takes, engine by engine."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import BadInput
from ..measure.samples import Results
from .picture import Picture
from .ranking import Mark, grouped, name_of, plain, ranking, times

TITLES = {"startup": "start to exit of one command", "first_output": "from the call to the first line of output"}


def startup(results: Results, *, predicted: Mapping[str, float] | None = None, experiment: str = "startup") -> Picture:
    """Medians with their spread, on a logarithmic scale. `predicted` has guesses in ms, by the engine's name.

    Raises BadInput where the experiment was not made.
    """
    names = measured(results, experiment)
    marks = {}
    for name in names:
        spread = results.spread(experiment, name)
        words = plain(spread[1]) + (" emulated" if results.emulated(name) else "")
        marks[name] = Mark(
            name_of(name),
            spread,
            words,
            news=name == "qemu",
            ours=name.startswith("ours"),
            hatched=results.emulated(name),
            guess=(predicted or {}).get(name, 0.0) or 0.0,
        )
    heading = title(results, experiment)
    count = max(len(results.values(experiment, name)) for name in names)
    return ranking(
        grouped(marks),
        title=heading,
        subtitle=f"{TITLES[experiment]} · the same files · medians of {count} or fewer, least to greatest · log scale",
        twin=f"Ranking: {heading}. {told(results, experiment, 'ms')}{absent(results)}",
        unit="ms",
        note=absent(results).strip(),
    )


def title(results: Results, experiment: str) -> str:
    """The finding, from the medians."""
    names = results.engines(experiment)
    machine, ours = "qemu" in names, "ours" in names
    if machine and ours:
        ratio = results.ratio(experiment, "qemu", "ours")
        who = "An emulated machine" if results.emulated("qemu") else "A virtual machine"
        if ratio >= 1:
            return f"{who} takes {times(ratio)} times as long to start as our container"
        return f"{who} starts {times(1 / ratio)} times faster than our container"
    first, last = names[0], names[-1]
    if first == last:
        return f"{sentence(first)} starts in {plain(results.median(experiment, first))} ms"
    return f"{sentence(last)} takes {times(results.ratio(experiment, last, first))} times as long as {name_of(first)}"


def sentence(name: str) -> str:
    """A name at a sentence's begin."""
    shown = name_of(name)
    return shown if shown == name else shown[0].upper() + shown[1:]  # a command keeps its own name


def measured(results: Results, experiment: str) -> list[str]:
    """Who was measured. Raises BadInput where nobody was."""
    names = results.engines(experiment)
    if not names:
        raise BadInput(f"{experiment} was not measured", hint=f'measure("{experiment}") does')
    return names


def told(results: Results, experiment: str, unit: str) -> str:
    """Each engine's figures, the least first."""
    said = []
    for name in results.engines(experiment):
        least, median, greatest = results.spread(experiment, name)
        how = ", emulated" if results.emulated(name) else ""
        said.append(f"{name_of(name)} {plain(median)} {unit} ({plain(least)} to {plain(greatest)}{how})")
    return "; ".join(said) + "."


def absent(results: Results) -> str:
    """Who is not there, and why."""
    if not results.missing:
        return ""
    return " Not here: " + "; ".join(
        f"{name_of(name)}, {why.partition(' (')[0]}" for name, why in results.missing.items()
    )
