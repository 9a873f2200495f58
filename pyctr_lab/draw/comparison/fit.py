"""How many fit: the number that is alive over time, a curve for each engine."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate
from typing import TYPE_CHECKING

from ..measure.samples import Results
from .chart import chart
from .look import LIGHT
from .picture import Picture
from .ranking import name_of, one_of, plain, said, sentence, usable
from .startup import absent, measured

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def fit(results: Results, *, predicted: Mapping[str, float | None] | None = None) -> Picture:
    """Curves on two logarithmic scales. `predicted` has guesses of the count at the end, by the engine's name."""
    curves = {name: curve(results, name) for name in measured(results, "density")}
    heading, guesses = title(results, curves), usable(predicted)

    def plot(figure: Figure) -> None:
        axes = figure.subplots()
        axes.set(xscale="log", yscale="log", xlabel="seconds since the first was begun (log scale)", ylabel="alive")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_major_formatter("{x:,.0f}")
        ends = sorted(((points[-1], name) for name, points in curves.items()), key=lambda end: end[0][1])
        before = 0.0
        for (seconds, count), name in ends:
            colour = LIGHT["new" if name == "qemu" else "wall" if name.startswith("ours") else "ink"]
            xs, ys = zip(*curves[name], strict=True)
            axes.plot(xs, ys, color=colour, marker="" if count > 12 else "o", linestyle="-")
            axes.plot([seconds], [count], "o", color=colour)
            height = max(count, before * 1.7)  # a word never lies on the one below
            beside = {"textcoords": "offset points", "va": "center", "fontsize": 9}
            words = f"{name_of(name)} {count:,}{each(results, name)}{', emulated' * results.emulated(name)}"
            axes.annotate(words, (seconds, height), xytext=(9, 0), color=colour, **beside)  # type: ignore[arg-type]
            before = height
            if guess := guesses.get(name, 0.0):
                axes.plot([seconds], [guess], "D", color=LIGHT["paper"], markeredgecolor=LIGHT["dim"])
                axes.annotate(f"you said {guess:,.0f}, {name_of(name)}", (seconds, guess), xytext=(-9, 0), ha="right",
                              zorder=4, bbox={"facecolor": LIGHT["paper"], "edgecolor": "none", "pad": 2},
                              color=LIGHT["dim"], **beside)  # type: ignore[arg-type]  # fmt: skip
        axes.margins(x=0.02, y=0.12)
        axes.set_xlim(right=max(points[-1][0] for points in curves.values()) * 12)

    figures = "; ".join(
        f"{name_of(name)} {points[-1][1]:,} in {points[-1][0]:.1f} s{each(results, name)}"
        + ", emulated" * results.emulated(name)
        for name, points in curves.items()
    )
    guessed = said(guesses, {name: name_of(name) for name in curves}, "at the end")
    return chart(
        plot,
        title=heading,
        subtitle="idle ones, started one after another, all alive · both scales are logarithmic",
        twin=f"{figures}.{guessed}{absent(results)}",
    )


def curve(results: Results, name: str) -> list[tuple[float, int]]:
    """Seconds since the first was begun, and how many were alive then."""
    crowd = results.crowd(name)
    ends = accumulate(sample.value / 1000 for sample in crowd)
    return [(end, sample.instances) for end, sample in zip(ends, crowd, strict=True)]


def each(results: Results, name: str) -> str:
    """What each takes, where it is known."""
    values = results.values("each", name)
    return f", {plain(max(0.01, values[-1]))} MiB each" if values else ""


def title(results: Results, curves: Mapping[str, list[tuple[float, int]]]) -> str:
    """The finding: how many of each, in how many seconds."""
    if {"ours", "qemu"} <= set(curves):
        (mine, ours), (long, machines) = curves["ours"][-1], curves["qemu"][-1]
        kind = "emulated machine" if results.emulated("qemu") else "virtual machine"
        return (
            f"{ours:,} container{'s' * (ours != 1)} in {mine:.1f} s,"
            f" {machines:,} {kind}{'s' * (machines != 1)} in {long:.1f} s"
        )
    name = max(curves, key=lambda each_: curves[each_][-1][1])
    seconds, count = curves[name][-1]
    return f"{sentence(one_of(name, emulated=results.emulated(name)))}: {count:,} alive after {seconds:.1f} s"
