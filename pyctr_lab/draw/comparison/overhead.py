"""What it costs while it runs, as multiples of the same outside."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import BadInput
from ..measure.samples import Results
from .picture import Picture
from .ranking import Group, Mark, name_of, one_of, ranking, said, sentence, times, usable
from .startup import absent

KINDS = {"cpu": "a computation", "syscalls": "a system call", "files": "reading small files"}
SHORT = {"cpu": "computing", "syscalls": "system calls", "files": "files"}


def overhead(results: Results, *, predicted: Mapping[str, float | None] | None = None) -> Picture:
    """For computing, system calls and files: how many times the cost of the same without a container.

    `predicted` has guesses of our container's multiples, by the experiment's name. Raises BadInput where nothing of it,
    or not the bare process, was measured.
    """
    kinds = [kind for kind in KINDS if results.values(kind, "exec") and len(results.engines(kind)) > 1]
    if not kinds:
        raise BadInput(
            "nothing was measured to compare with a bare process",
            hint='measure(["cpu", "syscalls", "files"], engines=["exec", "ours"]) does',
        )
    guesses = usable(predicted)
    groups = [Group(KINDS[kind], tuple(marks(results, kind, guesses))) for kind in kinds]
    heading = title(results, kinds)
    figures = "; ".join(
        f"{group.heading}: " + ", ".join(f"{mark.name} {mark.words}" for mark in group.marks) for group in groups
    )
    guessed = said(guesses, {kind: KINDS[kind] for kind in kinds if "ours" in results.engines(kind)}, "times")
    return ranking(
        groups,
        title=heading,
        subtitle="times the cost of the same outside (the dashed line) · medians, least to greatest · log scale",
        twin=f"Ranking: {heading}. {figures}.{guessed}{absent(results)}",
        unit="times",
        notes=[absent(results).strip()],
        one=1.0,
    )


def marks(results: Results, kind: str, guesses: Mapping[str, float]) -> list[Mark]:
    """The engines of one kind, the cheapest first."""
    found = [
        Mark(
            name_of(name),
            spread(results, kind, name),
            times(spread(results, kind, name)[1]) + " emulated" * results.emulated(name),
            news=name == "qemu",
            ours=name.startswith("ours"),
            hatched=results.emulated(name),
            guess=guesses.get(kind, 0.0) if name == "ours" else 0.0,
        )
        for name in results.engines(kind)
        if name != "exec"
    ]
    return sorted(found, key=lambda mark: mark.spread[1])


def spread(results: Results, kind: str, name: str) -> tuple[float, float, float]:
    """Multiples of the bare process's median: of seconds, or of the time that a call takes."""
    base = results.median(kind, "exec")
    least, median, greatest = results.spread(kind, name)
    if kind == "syscalls":  # calls a second: the fewer, the dearer
        return base / greatest, base / median, base / least
    return least / base, median / base, greatest / base


def title(results: Results, kinds: list[str]) -> str:
    """The finding, from the medians: what our container pays, and who pays most; emulated ones race with nobody."""
    costs = {
        (name, kind): spread(results, kind, name)[1]
        for kind in kinds
        for name in results.engines(kind)
        if name != "exec"
    }
    fair = {key: cost for key, cost in costs.items() if not results.emulated(key[0])} or costs
    worst = max(fair, key=lambda key: fair[key])
    dear = f"{times(fair[worst])} times ({SHORT[worst[1]]})"
    ours = [cost for (name, _), cost in costs.items() if name == "ours"]
    if not ours:
        return f"{sentence(one_of(worst[0], emulated=results.emulated(worst[0])))} pays up to {dear} the cost outside"
    low, high = times(min(ours)), times(max(ours))
    words = f"Our container pays {low if low == high else f'{low} to {high}'} times the cost outside"
    return words if worst[0].startswith("ours") else f"{words}, {name_of(worst[0])} {dear}"
