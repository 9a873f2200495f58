"""A noisy neighbour: the latency of a server alone, with a log aggregator loose beside it, and with it limited."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ..errors import BadInput
from ..kernel.checks import check_each
from ..measure.neighbour import ACTS, Act, percentile, unsteady
from .chart import chart
from .guesses import usable_guesses
from .picture import Picture
from .theme import LIGHT, TITLE_LIMIT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

UP, DOWN = 0.16, -0.16  # of a row: where p99 and p50 stand
NAMES = {"alone": "server\nalone", "loose": "aggregator\nloose", "limited": "aggregator\nlimited"}
BELOW = {"textcoords": "offset points", "va": "center", "fontsize": 9}


def neighbour(acts: Sequence[Act], *, predicted: Mapping[str, float | None] | None = None) -> Picture:
    """The acts below each other. `predicted` has guesses of the acts' p99, in ms, by name; they are drawn beside it."""
    acts = check_each(acts, Act, "the acts", hint="measure.measure_neighbour() returns them")
    _check_acts(acts)
    guesses = usable_guesses(predicted)

    def plot(figure: Figure) -> None:
        latency, throughput = figure.subplots(1, 2, sharey=True, width_ratios=(3, 1))
        places = range(len(acts))
        _latency_axes(latency, acts, guesses)
        _throughput_axes(throughput, acts)
        latency.set(ylim=(len(acts) - 0.45, -0.55))
        latency.set_yticks(places, [NAMES.get(act.name, act.name) for act in acts], fontsize=10)
        latency.tick_params(axis="y", length=0)

    return chart(plot, title=title(acts), subtitle=subtitle(acts), twin=alt_text(acts, predicted=predicted))


def _check_acts(acts: Sequence[Act]) -> None:
    """Raises BadInput unless all acts are there, the first two of them with rounds: only limits may be missing."""
    there = {act.name: bool(act.rounds) for act in acts}
    missing = [name for name in ACTS if name not in there] + [name for name in ACTS[:2] if there.get(name) is False]
    if missing:
        raise BadInput(f"not measured: {' and '.join(missing)}", hint="measure.measure_neighbour() plays all acts")


def _latency_axes(axes: Axes, acts: Sequence[Act], guesses: Mapping[str, float]) -> None:
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.grid(axis="x")
    axes.grid(axis="y", visible=False)
    for place, act in enumerate(acts):
        if act.missing:
            axes.text(0.02, place, "not limited: " + without_hint(act.missing), transform=axes.get_yaxis_transform(),
                      va="center", color=LIGHT["dim"], clip_on=True)  # fmt: skip
            continue
        dots = [percentile(act.latencies, percent) for percent in range(1, 100)]
        axes.plot(dots, [place] * len(dots), ".", markersize=3, linestyle="", color=LIGHT["idle"])
        _mark(axes, act.spread(50), place - DOWN, "p50", "o", LIGHT["wall"])
        _mark(axes, act.spread(99), place - UP, "p99", "D", LIGHT["new"])
    for place, act in enumerate(acts):
        if act.name in guesses:
            guess = guesses[act.name]
            axes.plot([guess], [place - 0.38], "D", color=LIGHT["paper"], markeredgecolor=LIGHT["dim"])
            axes.annotate(f"you said {ms_words(guess)}", (guess, place - 0.38), xytext=(9, 0), color=LIGHT["dim"],
                          **BELOW)  # type: ignore[arg-type]  # fmt: skip
    axes.set(xlabel="ms from when a request was due to its answer (log scale)")
    axes.margins(x=0.14)


def _mark(axes: Axes, spread: tuple[float, float, float], place: float, name: str, marker: str, colour: str) -> None:
    """The median round as the mark, from the least to the greatest as a line with caps."""
    _, median, greatest = spread
    _whisker(axes, spread, place)
    axes.plot([median], [place], marker, color=colour, linestyle="")
    axes.annotate(f"{name} {ms_words(median)}", (greatest, place), xytext=(9, 0), color=colour, **BELOW)  # type: ignore[arg-type]


def _whisker(axes: Axes, spread: tuple[float, float, float], place: float) -> None:
    least, median, greatest = spread
    axes.errorbar([median], [place], xerr=[[median - least], [greatest - median]], fmt="none", ecolor=LIGHT["idle"],
                  elinewidth=2, capthick=2)  # fmt: skip


def _throughput_axes(axes: Axes, acts: Sequence[Act]) -> None:
    axes.grid(axis="x")
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0, labelleft=False)
    due = acts[0].rate
    for place, act in enumerate(acts):
        if act.rounds:
            median = act.throughput
            axes.barh([place], [median], height=0.42, color=LIGHT["rule"])
            _whisker(axes, act.spread_of_throughput, place + 0.1)
            axes.annotate(f"{median:.0f}", (0, place - 0.08), xytext=(6, 0), **BELOW)  # type: ignore[arg-type]
    axes.axvline(due, color=LIGHT["ink"], linestyle=(0, (6, 3)), linewidth=1.2)
    axes.annotate(f"due {due:.0f}", (due, -0.42), xytext=(-6, 0), ha="right", color=LIGHT["dim"], **BELOW)  # type: ignore[arg-type]
    axes.set(xlabel="answers a second", xlim=(0, 1.12 * due))


# --------------------------------------------------------------------------------------------------------------- words
def title(acts: Sequence[Act]) -> str:
    """The finding, from the rounds' medians; none where they cannot tell, as `unsteady` judges."""
    alone, loose, limited = acts_by_name(acts)
    if why := unsteady(alone, alone):
        return f"Too busy to tell: {why}"
    if overlap(alone, loose):
        return f"The rounds overlap: p99 is {ms_words(alone.p99)} alone, {ms_words(loose.p99)} with the aggregator"
    if loose.p99 <= alone.p99:
        return f"The aggregator did no harm: p99 is {ms_words(loose.p99)} beside it, {ms_words(alone.p99)} alone"
    first = f"The aggregator took p99 from {two_digits(alone.p99)} to {ms_words(loose.p99)}"
    if not limited.rounds:
        return f"{first}; it cannot be limited here"
    finding = "the rounds overlap" if overlap(loose, limited) else f"it is {ms_words(limited.p99)}"
    said = f"{first}; {limited_how(limited)}, {finding}"
    return said if len(said) <= TITLE_LIMIT else f"{first}; limited, {finding}"


def overlap(one: Act, other: Act) -> bool:
    """Whether the rounds' p99 of two acts have times in common, so that no one can say which is slower."""
    (least, _, most), (least_other, _, most_other) = one.spread(99), other.spread(99)
    return least <= most_other and least_other <= most


def limited_how(act: Act) -> str:
    """How it was limited, by what acts on latency."""
    cpus = act.limits.cpus if act.limits else None
    return f"limited to {cpus:g} cores" if isinstance(cpus, int | float) else "limited"


def subtitle(acts: Sequence[Act]) -> str:
    """What, how measured, which scale."""
    count = len(acts[0].rounds)
    rounds = f"median of {count} rounds, least to greatest as a line" if count > 1 else "one round: no spread is known"
    return f"a web server under {acts[0].rate:.0f} requests a second; marks: {rounds}; dots: each percent of requests"


def alt_text(acts: Sequence[Act], *, predicted: Mapping[str, float | None] | None = None) -> str:
    """Each act's figures, in the order in which they are drawn."""
    guesses = usable_guesses(predicted)
    return f"{acts[0].rate:.0f} requests a second were due. " + " ".join(_sentence(act, guesses) for act in acts)


def _sentence(act: Act, guesses: Mapping[str, float]) -> str:
    said = f" You said {ms_words(guesses[act.name])}." if act.name in guesses else ""
    if not act.rounds:
        return f"{act.name.capitalize()}: missing, {act.missing}.{said}"
    return f"{act.name.capitalize()}: {'; '.join(_figures(act))}.{said}"


def _figures(act: Act) -> Iterator[str]:
    for percent in (50, 99):
        least, median, greatest = act.spread(percent)
        yield f"p{percent} {ms_words(median)} ({two_digits(least)} to {two_digits(greatest)})"
    yield f"{act.throughput:.0f} answers a second"
    unanswered = sum(len(each.latencies) - each.answered for each in act.rounds)
    if unanswered:
        yield f"{unanswered} of {len(act.latencies)} requests still waited at the end, and count with their wait so far"
    if act.rounds[0].workers:
        yield f"the aggregator had {sum(each.cores for each in act.rounds) / len(act.rounds):.1f} cores"


def acts_by_name(acts: Sequence[Act]) -> tuple[Act, Act, Act]:
    """The three acts, in whichever order they were given."""
    found = {act.name: act for act in acts}
    return found["alone"], found["loose"], found["limited"]


def two_digits(milliseconds: float) -> str:
    """Two digits are enough."""
    return f"{milliseconds:.1f}" if milliseconds < 10 else f"{milliseconds:.0f}"


def ms_words(milliseconds: float) -> str:
    """With its unit."""
    return f"{two_digits(milliseconds)} ms"


def without_hint(reason: str) -> str:
    """A reason without the way out, which stands elsewhere."""
    return reason.partition(" (")[0]
