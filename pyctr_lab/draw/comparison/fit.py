"""How many fit: the number that is alive over time, a curve for each engine."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from ...measure.samples import Results
from ..chart import chart
from ..guesses import usable_guesses
from ..picture import Picture
from ..theme import LIGHT
from ..wording import counted_noun, short_number
from .words import begin_sentence, guess_words, measured_engines, missing_words, with_article

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CrowdCurve = Sequence[tuple[float, int]]
"""Seconds since the first was begun, and how many were alive then."""
LINE = 0.085  # of the axis: the height of a line of words
BESIDE: dict[str, Any] = {
    "textcoords": "offset points", "va": "center", "fontsize": 9,
    "bbox": {"facecolor": LIGHT["paper"], "edgecolor": "none", "pad": 1.5},  # nothing runs through words
}  # fmt: skip


def fit(results: Results, *, predicted: Mapping[str, float | None] | None = None) -> Picture:
    """Curves on two logarithmic scales. `predicted` has guesses of the count at the end, by the engine's name."""
    measured_engines(results, "density")
    curves, guesses = crowd_curves(results), usable_guesses(predicted)

    def plot(figure: Figure) -> None:
        axes = figure.subplots()
        axes.set(xscale="log", yscale="log", xlabel="seconds since the first was begun (log scale)", ylabel="alive")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_major_formatter("{x:,.0f}")
        for name, points in curves.items():
            _curve(axes, name, points)
        ends: list[tuple[float, str, str]] = [(points[-1][1], name, "") for name, points in curves.items()]
        ends += [(guess, name, "guess") for name, guess in guesses.items() if name in curves]
        counts = [count for points in curves.values() for _, count in points] + [each[0] for each in ends]
        decades = max(0.5, math.log10(max(counts) / min(counts)))
        last = max(points[-1][0] for points in curves.values())
        height = 0.0
        for count, name, kind in sorted(ends):
            height = max(count, height * 10 ** (decades * LINE))  # a word never lies on the one below
            if kind:
                _guess(axes, results.name_of(name), last * 1.35, height, count)
            else:
                _end(axes, results, name, curves[name], last * 1.35, height)
        axes.margins(x=0.02, y=0.12)
        axes.set_xlim(right=last * 20)

    return chart(
        plot,
        title=title(results),
        subtitle="idle ones, started one after another, all alive · both scales are logarithmic",
        twin=alt_text(results, predicted=predicted),
    )


def _colour(name: str) -> str:
    return LIGHT["new" if name == "qemu" else "wall" if name.startswith("ours") else "ink"]


def _curve(axes: Axes, name: str, points: CrowdCurve) -> None:
    """One engine's curve, its end marked."""
    (seconds, count), (xs, ys) = points[-1], zip(*points, strict=True)
    axes.plot(xs, ys, color=_colour(name), marker="" if count > 12 else "o", linestyle="-")
    axes.plot([seconds], [count], "o", color=_colour(name))


def _end(axes: Axes, results: Results, name: str, points: CrowdCurve, edge: float, height: float) -> None:
    """An engine's words, in the column behind all curves, and a thin line from the curve's end to them."""
    seconds, count = points[-1]
    words = f"{results.name_of(name)} {count:,}{memory_each(results, name)}{', emulated' * results.emulated(name)}"
    axes.plot([seconds, edge], [count, height], color=LIGHT["idle"], linewidth=0.7, linestyle=":", marker="")
    axes.annotate(words, (edge, height), xytext=(6, 0), color=_colour(name), **BESIDE)


def _guess(axes: Axes, name: str, edge: float, height: float, guess: float) -> None:
    """A guess, in the same column: its mark at the guessed number, its words beside it."""
    axes.plot([edge], [guess], "D", color=LIGHT["paper"], markeredgecolor=LIGHT["dim"])
    axes.annotate(f"you said {guess:,.0f}, {name}", (edge, height), xytext=(9, 0), color=LIGHT["dim"], **BESIDE)


def crowd_curves(results: Results) -> dict[str, CrowdCurve]:
    """Each engine's curve, by its name."""
    return {name: crowd_curve(results, name) for name in results.engines("density")}


def crowd_curve(results: Results, name: str) -> CrowdCurve:
    """The greatest crowd of one engine."""
    crowd = results.crowd(name)
    ends = accumulate(sample.value / 1000 for sample in crowd)
    return [(end, sample.instances) for end, sample in zip(ends, crowd, strict=True)]


def memory_each(results: Results, name: str) -> str:
    """What each instance takes, where it is known."""
    values = results.values("each", name)
    return f", {short_number(max(0.01, values[-1]))} MiB each" if values else ""


def title(results: Results) -> str:
    """The finding: how many of each, in how many seconds."""
    curves = crowd_curves(results)
    if {"ours", "qemu"} <= set(curves):
        (mine, ours), (long, machines) = curves["ours"][-1], curves["qemu"][-1]
        kind = "emulated machine" if results.emulated("qemu") else "virtual machine"
        return f"{counted_noun(ours, 'container')} in {mine:.1f} s, {counted_noun(machines, kind)} in {long:.1f} s"
    name = max(curves, key=lambda name: curves[name][-1][1])
    seconds, count = curves[name][-1]
    return f"{begin_sentence(with_article(results, name))}: {count:,} alive after {seconds:.1f} s"


def alt_text(results: Results, *, predicted: Mapping[str, float | None] | None = None) -> str:
    """Each engine's last point, the guesses, and what is missing."""
    curves = crowd_curves(results)
    figures = "; ".join(
        f"{results.name_of(name)} {points[-1][1]:,} in {points[-1][0]:.1f} s{memory_each(results, name)}"
        + ", emulated" * results.emulated(name)
        for name, points in curves.items()
    )
    guessed = guess_words(predicted, {name: results.name_of(name) for name in curves}, "at the end")
    return f"{figures}.{guessed}{missing_words(results)}"
