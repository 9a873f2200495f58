"""What it costs while it runs, as multiples of the same outside."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import BadInput
from ..measure.samples import Results
from .picture import Picture
from .ranking import Group, Mark, name_of, ranking, times
from .startup import absent

KINDS = {"cpu": "a computation", "syscalls": "a system call", "files": "reading small files"}
SHORT = {"cpu": "computing", "syscalls": "system calls", "files": "files"}


def overhead(results: Results, *, predicted: Mapping[str, float] | None = None) -> Picture:
    """For computing, system calls and files: how many times the cost of the same without a container.

    `predicted` has guesses of our container's multiples, by the experiment's name. Raises BadInput where nothing of it,
    or not the bare process, was measured.
    """
    kinds = [kind for kind in KINDS if results.values(kind, "exec")]
    if not kinds:
        raise BadInput("nothing was measured to compare with", hint='measure(["cpu", "syscalls", "files"]) does')
    groups = [Group(KINDS[kind], tuple(marks(results, kind, predicted or {}))) for kind in kinds]
    heading = title(results, kinds)
    said = "; ".join(
        f"{group.heading}: " + ", ".join(f"{mark.name} {mark.words}" for mark in group.marks) for group in groups
    )
    return ranking(
        groups,
        title=heading,
        subtitle="times the cost of the same outside (the dashed line) · medians, least to greatest · log scale",
        twin=f"Ranking: {heading}. {said}.{absent(results)}",
        unit="times",
        note=absent(results).strip(),
        one=1.0,
    )


def marks(results: Results, kind: str, predicted: Mapping[str, float]) -> list[Mark]:
    """The engines of one kind, the cheapest first."""
    found = []
    for name in results.engines(kind):
        if name != "exec":
            least, median, greatest = spread(results, kind, name)
            emulated = results.emulated(name)
            words = times(median) + (" emulated" if emulated else "")
            guess = predicted.get(kind, 0.0) if name == "ours" else 0.0
            found.append(
                Mark(
                    name_of(name),
                    (least, median, greatest),
                    words,
                    news=name == "qemu",
                    ours=name == "ours",
                    hatched=emulated,
                    guess=guess or 0.0,
                )
            )
    return sorted(found, key=lambda mark: mark.spread[1])


def spread(results: Results, kind: str, name: str) -> tuple[float, float, float]:
    """Multiples of the bare process's median: of seconds, or of the time that a call takes."""
    base = results.median(kind, "exec")
    least, median, greatest = results.spread(kind, name)
    if kind == "syscalls":  # calls a second: the fewer, the dearer
        return base / greatest, base / median, base / least
    return least / base, median / base, greatest / base


def title(results: Results, kinds: list[str]) -> str:
    """The finding, from the medians."""
    ours = [kind for kind in kinds if "ours" in results.engines(kind)]
    if ours:
        said = (f"{SHORT[kind]} {times(spread(results, kind, 'ours')[1])}" for kind in ours)
        return "In our container, times outside: " + ", ".join(said)
    kind = kinds[0]
    worst = max(results.engines(kind), key=lambda name: spread(results, kind, name)[1])
    dear = times(spread(results, kind, worst)[1])
    return f"{SHORT[kind].capitalize()} in {name_of(worst)}: {dear} times the cost outside"
