"""The story of a start: each step with its system calls and what they cost, as a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..errors import BadInput
from ..kernel.checks import check_kind, check_list
from ..runtime.step_result import StepResult
from .picture import Picture
from .svg import clean_text, label, line, rect, svg
from .theme import NOTE, TAG, TITLE
from .wording import counted_noun

WIDTH, ROW, TOP = 980, 24, 100
BARS = (760, 150)


Story = StepResult | Sequence[StepResult] | Sequence[Sequence[StepResult]]
"""One result, a container's whole `history`, or the histories of several containers that made the same steps."""


def story(results: Story) -> Picture:
    """One row a step: its title, its calls, a bar for its cost.

    Takes one result, a container's `history`, or several histories of the same steps: then each step is drawn from the
    start in which its cost was the median, so that one hiccup of the machine is not the slowest step.
    Raises BadInput where histories differ in their steps.
    """
    steps = _several(results)
    heading, words = title(steps), alt_text(steps)
    parts = [
        label(24, 34, heading, size=TITLE, style="h"),
        label(24, 58, "each step with its system calls; bars and µs: time inside the kernel" + _of_how_many(results),
              style="d"),
        label(956, 86, "µs", size=NOTE, style="d e"),
        line(BARS[0], 92, BARS[0], TOP + ROW * len(steps), stroke="idle"),
        *_rows(steps),
    ]
    return Picture(svg(WIDTH, TOP + ROW * len(steps) + 24, parts, title=heading, alt_text=words), words, heading)


def _several(results: Story) -> list[StepResult]:
    return [results] if isinstance(results, StepResult) else median_steps(results)


def median_steps(histories: Sequence[StepResult] | Sequence[Sequence[StepResult]]) -> list[StepResult]:
    """Of several histories of the same steps, each step as it was in the start where its cost was the median.

    A single history stays as it is. Raises BadInput where histories differ, or something else is among them.
    """
    what, hint = "a story is drawn from results of steps", "draw.story(box.history)"
    several = check_list(histories, what, hint=hint)
    if all(isinstance(each, StepResult) for each in several):
        return list(several)
    lists = [check_list(each, what, hint=hint) for each in several]
    for each in (result for results in lists for result in results):
        check_kind(each, StepResult, what, hint=hint)
    if len({tuple(type(result.step) for result in results) for results in lists}) > 1:
        raise BadInput("the histories are not of the same steps", hint="start each container in the same way")
    together = zip(*lists, strict=True)
    return [sorted(results, key=lambda result: result.seconds)[len(results) // 2] for results in together]


def _of_how_many(results: Story) -> str:
    count = 1 if isinstance(results, StepResult) else sum(not isinstance(each, StepResult) for each in results)
    return f", the median of {count} starts" if count > 1 else ""


def title(results: Story) -> str:
    """The finding: how many calls, how long, and which step took most of it."""
    steps = _several(results)
    if not steps:
        return "No step has been made yet"
    calls, seconds = sum(len(result.calls) for result in steps), sum(result.seconds for result in steps)
    first = f"{counted_noun(len(steps), 'step')}, {counted_noun(calls, 'call')}, {seconds * 1e3:.2f} ms"
    slowest = _slowest(steps)
    if len(steps) == 1 or not seconds:
        return first
    return f"{first}; the slowest: {clean_text(slowest.step.title, 24)}, {100 * slowest.seconds / seconds:.0f} %"


def alt_text(results: Story) -> str:
    """The finding, and each step with its number of calls and its cost."""
    steps = (f"{n}. {clean_text(result.step.title)} ({calls_line(result)}), {result.seconds * 1e6:.0f} µs"
             for n, result in enumerate(_several(results), 1))  # fmt: skip
    return clean_text(" ".join((f"Story of a start: {title(results)}.", "; ".join(steps))).strip(), limit=8000)


def _slowest(results: Sequence[StepResult]) -> StepResult:
    return max(results, key=lambda result: result.seconds)


def calls_line(result: StepResult) -> str:
    """A step's calls in a few words: the one, or the names with how often each."""
    if len(result.calls) == 1:
        return str(result.calls[0])
    names: dict[str, int] = {}
    for answer in result.calls:
        names[answer.name] = names.get(answer.name, 0) + 1
    each = (name if count == 1 else f"{count} × {name}" for name, count in names.items())
    return ", ".join(each) or "no call"


def _rows(results: Sequence[StepResult]) -> Iterator[str]:
    longest = max((result.seconds for result in results), default=0) or 1
    for n, result in enumerate(results):
        y, failed = TOP + ROW * n, any(answer.failed for answer in result.calls)
        news = failed or (len(results) > 1 and result is _slowest(results))
        style = "n h" if news else ""
        yield label(48, y + 16, str(n + 1), size=NOTE, style="d e")
        yield label(58, y + 16, result.step.title, style=style, width=206)
        yield label(272, y + 16, calls_line(result), size=NOTE, style="m" if len(results) < 2 else "m d", width=472)
        bar = max(1.0, BARS[1] * result.seconds / longest)
        yield rect(BARS[0], y + 6, bar, 12, fill="new" if news else "wall", radius=2)
        cost = f"{'refused, ' if failed else ''}{result.seconds * 1e6:.0f}"
        yield label(956, y + 16, cost, size=TAG if failed else NOTE, style=f"e {style or 'd'}")
