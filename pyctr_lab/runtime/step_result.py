"""The result of a step, and its lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from ..kernel.calls import Answer
from ..steps import Step
from .carrier import EXECS


@dataclass(frozen=True, repr=False)
class StepResult:
    """What became of a step: each call with its answer. `seconds` is time in the kernel; the way there is not in it."""

    step: Step
    calls: tuple[Answer, ...]

    @property
    def seconds(self) -> float:
        return sum(answer.seconds for answer in self.calls)

    def __str__(self) -> str:
        return "\n".join([*map(costed, folded(self.calls)), f"in the shell: {self.step.shell()}"])

    def __repr__(self) -> str:
        return f"StepResult({self.step.title!r}, {len(self.calls)} call{'s' * (len(self.calls) != 1)})"


def folded(answers: Sequence[Answer]) -> Iterator[tuple[Answer, int, float]]:
    """Answers, with runs of the same call (capabilities dropped) folded: the first, how many, and their cost."""
    for (_, refused), group in groupby(answers, lambda answer: (foldable(answer), answer.failed)):
        run = list(group)
        if refused or not foldable(run[0]):
            yield from ((answer, 1, answer.seconds) for answer in run)
        else:
            yield run[0], len(run), sum(answer.seconds for answer in run)


def foldable(answer: Answer) -> str:
    """What makes neighbouring calls one line: prctl with the same option. Empty for all others."""
    return f"prctl {answer.call.args[0]!r}" if answer.call.name == "prctl" else ""


def costed(line: tuple[Answer, int, float]) -> str:
    """One line of a story: the call, how often, and what it cost."""
    answer, count, seconds = line
    if answer.name in EXECS and not answer.failed:
        return f"{answer.call}, which does not come back"
    return f"{answer}{f' and {count - 1} more' if count > 1 else ''} · {seconds * 1e6:.0f} µs"
