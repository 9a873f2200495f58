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


def within_noise(results: Results, kind: str, name: str) -> bool:
    """Whether an engine's samples and those of the bare process overlap, so that no difference is known."""
    low, _, high = multiples(results, kind, name)
    least, _, greatest = multiples(results, kind, "exec")
    return len(results.values(kind, name)) > 1 and low <= greatest and least <= high


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
    ours = {kind: cost for (name, kind), cost in costs.items() if name == "ours"}
    if not ours:
        return f"{begin_sentence(with_article(results, worst[0]))} pays up to {dear} the cost outside"
    paid = [cost for kind, cost in ours.items() if not within_noise(results, kind, "ours")]
    if paid:
        low, high = times_words(min(paid)), times_words(max(paid))
        words = f"Our container pays {low if low == high else f'{low} to {high}'} times the cost outside"
    else:
        words = "Our container: no cost above the noise"
    if worst[0].startswith("ours"):
        return words
    longer = f"{words}, {results.name_of(worst[0])} {dear}"
    short = f"{words}; {results.name_of(worst[0])} {times_words(fair[worst])} times"
    return longer if len(longer) <= TITLE_LIMIT else short


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
