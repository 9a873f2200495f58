"""What it costs while it runs, as multiples of the same outside."""

from __future__ import annotations

from collections.abc import Mapping

from ...errors import BadInput
from ...measure.samples import Results
from ..picture import Picture
from ..wording import times_words
from .ranking import Group, Mark, engine_mark, ranking
from .words import begin_sentence, guess_words, missing_words, usable_guesses, with_article

KINDS = {"cpu": "a computation", "syscalls": "a system call", "files": "reading small files"}
SHORT = {"cpu": "computing", "syscalls": "system calls", "files": "files"}


def overhead(results: Results, *, predicted: Mapping[str, float | None] | None = None) -> Picture:
    """For computing, system calls and files: how many times the cost of the same without a container.

    `predicted` has guesses of our container's multiples, by the experiment's name. Raises BadInput where nothing of it,
    or not the bare process, was measured.
    """
    if not comparable_kinds(results):
        raise BadInput(
            "nothing was measured to compare with a bare process",
            hint='measure(["cpu", "syscalls", "files"], engines=["exec", "ours"]) does',
        )
    return ranking(
        cost_groups(results, usable_guesses(predicted)),
        title=title(results),
        subtitle="times the cost of the same outside (the dashed line) · medians, least to greatest · log scale",
        alt_text=alt_text(results, predicted=predicted),
        unit="times",
        notes=[missing_words(results).strip()],
        one=1.0,
    )


def comparable_kinds(results: Results) -> list[str]:
    """The kinds of cost that were measured of a bare process and of another engine."""
    return [kind for kind in KINDS if results.values(kind, "exec") and len(results.engines(kind)) > 1]


def cost_groups(results: Results, guesses: Mapping[str, float]) -> list[Group]:
    """A group of rows for each kind."""
    return [Group(KINDS[kind], tuple(cost_marks(results, kind, guesses))) for kind in comparable_kinds(results)]


def cost_marks(results: Results, kind: str, guesses: Mapping[str, float]) -> list[Mark]:
    """The engines of one kind, the cheapest first."""
    found = [
        engine_mark(
            results,
            name,
            multiples(results, kind, name),
            times_words(multiples(results, kind, name)[1]) + " emulated" * results.emulated(name),
            guess=guesses.get(kind, 0.0) if name == "ours" else 0.0,
        )
        for name in results.engines(kind)
        if name != "exec"
    ]
    return sorted(found, key=lambda mark: mark.spread[1])


def multiples(results: Results, kind: str, name: str) -> tuple[float, float, float]:
    """Multiples of the bare process's median: of seconds, or of the time that a call takes."""
    base = results.median(kind, "exec")
    least, median, greatest = results.spread(kind, name)
    if kind == "syscalls":  # calls a second: the fewer, the dearer
        return base / greatest, base / median, base / least
    return least / base, median / base, greatest / base


def title(results: Results) -> str:
    """The finding, from the medians: what our container pays, and which engine most; emulated ones are left out."""
    costs = {
        (name, kind): multiples(results, kind, name)[1]
        for kind in comparable_kinds(results)
        for name in results.engines(kind)
        if name != "exec"
    }
    fair = {key: cost for key, cost in costs.items() if not results.emulated(key[0])} or costs
    worst = max(fair, key=lambda key: fair[key])
    dear = f"{times_words(fair[worst])} times ({SHORT[worst[1]]})"
    ours = [cost for (name, _), cost in costs.items() if name == "ours"]
    if not ours:
        return f"{begin_sentence(with_article(results, worst[0]))} pays up to {dear} the cost outside"
    low, high = times_words(min(ours)), times_words(max(ours))
    words = f"Our container pays {low if low == high else f'{low} to {high}'} times the cost outside"
    return words if worst[0].startswith("ours") else f"{words}, {results.name_of(worst[0])} {dear}"


def alt_text(results: Results, *, predicted: Mapping[str, float | None] | None = None) -> str:
    """The finding, each kind's engines with their multiples, the guesses, and what is missing."""
    figures = "; ".join(
        f"{group.heading}: " + ", ".join(f"{mark.name} {mark.words}" for mark in group.marks)
        for group in cost_groups(results, {})
    )
    names = {kind: KINDS[kind] for kind in comparable_kinds(results) if "ours" in results.engines(kind)}
    guessed = guess_words(predicted, names, "times")
    return f"Ranking: {title(results)}. {figures}.{guessed}{missing_words(results)}"
