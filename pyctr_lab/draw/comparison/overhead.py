"""What it costs while it runs, as multiples of the same outside."""

from __future__ import annotations

from collections.abc import Mapping

from ...errors import BadInput
from ...measure.samples import Results, least_median_greatest
from ..guesses import usable_guesses
from ..picture import Picture
from ..theme import TITLE_LIMIT
from ..wording import times_words
from .cost_panels import cost_panels
from .ranking import Group, Mark, engine_mark
from .words import begin_sentence, check_results, guess_words, missing_words, with_article

KINDS = {"cpu": "a computation", "syscalls": "a system call", "files": "reading small files"}
SHORT = {"cpu": "computing", "syscalls": "system calls", "files": "files"}
Costs = Mapping[tuple[str, str], float]  # multiples, by engine and kind
IMPOSSIBLE = 0.1  # times the cost outside: what took less has measured nothing


def overhead(results: Results, *, predicted: Mapping[str, float | None] | None = None) -> Picture:
    """For computing, system calls and files: how many times the cost of the same without a container.

    `predicted` has guesses of our container's multiples, by the experiment's name. Raises BadInput where nothing of it,
    or not the bare process, was measured.
    """
    if not comparable_kinds(check_results(results)):
        raise BadInput(
            "nothing was measured to compare with a bare process",
            hint='measure(["cpu", "syscalls", "files"], engines=["exec", "ours"]) does',
        )
    return cost_panels(
        cost_groups(results, usable_guesses(predicted)),
        title=title(results),
        subtitle="times the cost of the same outside (the dashed line) · medians, least to greatest · log scale",
        alt_text=alt_text(results, predicted=predicted),
        notes=[left_out_words(results).strip(), missing_words(results).strip()],
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
    """Multiples of the bare process's median: of seconds, or of the time of a call; impossible ones are left out."""
    all_ = all_multiples(results, kind, name)
    return least_median_greatest([each for each in all_ if each >= IMPOSSIBLE] or all_)


def all_multiples(results: Results, kind: str, name: str) -> list[float]:
    """Each sample as a multiple of the bare process's median."""
    base, values = results.median(kind, "exec"), results.values(kind, name)
    return [base / each if kind == "syscalls" else each / base for each in values]  # calls a second: fewer cost more


def left_out_words(results: Results) -> str:
    """Which samples are not drawn: no program does the work in a tenth of the time that it takes outside."""
    words = [
        f"{results.name_of(name)}, {SHORT[kind]}, {each:.2g} times"
        for kind in comparable_kinds(results)
        for name in results.engines(kind)
        for each in all_multiples(results, kind, name)
        if each < IMPOSSIBLE
    ]
    return f" Left out, for nothing can have been measured: {'; '.join(words)}." if words else ""


def can_tell(results: Results, kind: str, name: str) -> bool:
    """Whether an engine's samples and those of the bare process are enough to compare: a single one has no spread."""
    return all(len(results.values(kind, each)) > 1 for each in (name, "exec"))


def is_apart(results: Results, kind: str, name: str) -> bool:
    """Whether an engine's samples and those of the bare process do not overlap, so that a difference is known."""
    low, _, high = multiples(results, kind, name)
    least, _, greatest = multiples(results, kind, "exec")
    return can_tell(results, kind, name) and not (low <= greatest and least <= high)


def title(results: Results) -> str:
    """The finding, from the medians: what our container pays, and which engine most; emulated ones are left out.

    A difference is claimed only where the samples show one.
    """
    measured = [(name, kind) for kind in comparable_kinds(results) for name in results.engines(kind) if name != "exec"]
    costs = {
        (name, kind): multiples(results, kind, name)[1] for name, kind in measured if is_apart(results, kind, name)
    }
    ours = [kind for name, kind in measured if name == "ours"]
    fair = {key: cost for key, cost in costs.items() if not results.emulated(key[0])}
    if not ours:
        return _title_of_worst(results, fair or costs, measured)
    paid = [cost for (name, _), cost in costs.items() if name == "ours"]
    if paid:
        low, high = times_words(min(paid)), times_words(max(paid))
        words = f"Our container pays {low if low == high else f'{low} to {high}'} times the cost outside"
    elif any(can_tell(results, kind, "ours") for kind in ours):
        words = "Our container: no cost above the noise"
    else:
        words = "Our container: too few samples to tell a cost"
    worst = max(fair, key=lambda key: fair[key], default=("ours", ""))
    if worst[0].startswith("ours"):
        return words
    longer = f"{words}, {results.name_of(worst[0])} {_dear(fair, worst)}"
    short = f"{words}; {results.name_of(worst[0])} {times_words(fair[worst])} times"
    return longer if len(longer) <= TITLE_LIMIT else short


def _title_of_worst(results: Results, costs: Costs, measured: list[tuple[str, str]]) -> str:
    """The finding where our container was not measured."""
    if not costs:
        known = any(can_tell(results, kind, name) for name, kind in measured)
        return "No cost above the noise" if known else "Too few samples to tell a cost"
    worst = max(costs, key=lambda key: costs[key])
    return f"{begin_sentence(with_article(results, worst[0]))} pays up to {_dear(costs, worst)} the cost outside"


def _dear(costs: Costs, worst: tuple[str, str]) -> str:
    return f"{times_words(costs[worst])} times ({SHORT[worst[1]]})"


def alt_text(results: Results, *, predicted: Mapping[str, float | None] | None = None) -> str:
    """The finding, each kind's engines with their multiples, the guesses, and what is missing."""
    figures = "; ".join(
        f"{group.heading}: " + ", ".join(f"{mark.name} {mark.words}" for mark in group.marks)
        for group in cost_groups(results, {})
    )
    names = {kind: KINDS[kind] for kind in comparable_kinds(results) if "ours" in results.engines(kind)}
    guessed = guess_words(predicted, names, "times")
    rest = f"{guessed}{left_out_words(results)}{missing_words(results)}"
    return f"Ranking: {title(results)}. {figures}.{rest}"
