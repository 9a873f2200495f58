"""The runs of a dashboard, side by side: a table with a row for each engine and a column for each run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...measure.samples import Results
from ..comparison.fit import crowd_curves
from ..comparison.memory import most_instances, one_more, ordinal
from ..comparison.overhead import KINDS, SHORT, comparable_kinds, multiples
from ..svg import escape
from ..wording import short_number, times_words

SHOWN_RUNS = 5


@dataclass(frozen=True)
class BoardRun:
    """A finished measurement: its number, what was measured, and how (`10 repetitions`)."""

    number: int
    what: str
    how: str
    results: Results

    def __repr__(self) -> str:
        return f"BoardRun({self.number}, {self.what!r}, {self.how!r}, {len(self.results.samples)} samples)"


def start_figures(results: Results) -> dict[str, str]:
    """Each engine's median, least and greatest."""
    return {
        results.name_of(name): "{1} ms ({0} to {2})".format(*map(short_number, results.spread("startup", name)))
        for name in results.engines("startup")
    }


def memory_figures(results: Results) -> dict[str, str]:
    """What one more of each engine took."""
    return {
        results.name_of(name): f"{short_number(one_more(results, name))} MiB, "
        f"the {ordinal(most_instances(results, name))}"
        for name in results.engines("memory")
    }


def cost_figures(results: Results) -> dict[str, str]:
    """Multiples of the bare process, kind by kind."""
    return {
        f"{results.name_of(name)}, {SHORT[kind]}": f"{times_words(multiples(results, kind, name)[1])} times"
        for kind in KINDS
        if kind in comparable_kinds(results)
        for name in results.engines(kind)
        if name != "exec"
    }


def fit_figures(results: Results) -> dict[str, str]:
    """How many of each were alive at the end, and after how long."""
    ends = {results.name_of(name): points[-1] for name, points in crowd_curves(results).items()}
    return {name: f"{count:,} in {seconds:.1f} s" for name, (seconds, count) in ends.items()}


FIGURES: dict[str, Callable[[Results], dict[str, str]]] = {
    "start": start_figures, "memory": memory_figures, "cost while running": cost_figures, "how many fit": fit_figures,
}  # fmt: skip


def runs_html(runs: Sequence[BoardRun]) -> str:
    """The newest runs of what was measured last, side by side; nothing while there is only one."""
    alike = [run for run in runs if run.what == runs[-1].what][-SHOWN_RUNS:]
    if len(alike) < 2:
        return ""
    columns = [FIGURES[run.what](run.results) for run in alike]
    names = list(dict.fromkeys(name for column in columns for name in column))
    head = "".join(f'<th scope="col">run {run.number}: {escape(run.how)}</th>' for run in alike)
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(f"<td>{escape(column.get(name, '–'))}</td>" for column in columns)
        + "</tr>"
        for name in names
    )
    said = f"<caption>Runs kept, to compare: {escape(alike[-1].what)}</caption>"
    return f'<div class="runs"><table>{said}<thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table></div>'
