"""The story of a start: each step with its system calls and what they cost, as a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..runtime.step_result import StepResult
from .look import NOTE, TAG, TITLE, clean, label, line, rect, svg
from .picture import Picture

WIDTH, ROW, TOP = 980, 24, 100
BARS = (760, 150)


def story(results: StepResult | Sequence[StepResult]) -> Picture:
    """One row a step: its title, its calls, a bar for its cost. Takes one result or a container's whole `history`."""
    told = [results] if isinstance(results, StepResult) else list(results)
    heading, twin = title(told), words(told)
    parts = [
        label(24, 34, heading, size=TITLE, style="h"),
        label(24, 58, "each step with its system calls; bars and µs: time inside the kernel", style="d"),
        label(BARS[0], 86, "from 0", size=NOTE, style="d"),
        label(956, 86, "µs", size=NOTE, style="d e"),
        line(BARS[0], 92, BARS[0], TOP + ROW * len(told), stroke="idle"),
        *_rows(told),
    ]
    return Picture(svg(WIDTH, TOP + ROW * len(told) + 24, parts, title=heading, twin=twin), twin, heading)


def title(results: Sequence[StepResult]) -> str:
    """The finding: how many calls, how long, and which step took most of it."""
    if not results:
        return "No step has been made yet"
    calls, seconds = sum(len(result.calls) for result in results), sum(result.seconds for result in results)
    first = f"{len(results)} step{'s' * (len(results) != 1)}, {calls} call{'s' * (calls != 1)}, {milliseconds(seconds)}"
    dearest = _dearest(results)
    share = f"; the dearest: {clean(dearest.step.title, 24)}, {percent(dearest, seconds)}"
    return first + (share if len(results) > 1 and seconds else "")


def _dearest(results: Sequence[StepResult]) -> StepResult:
    return max(results, key=lambda result: result.seconds)


def percent(result: StepResult, seconds: float) -> str:
    """A step's part of the whole."""
    return f"{100 * result.seconds / seconds:.0f} %"


def milliseconds(seconds: float) -> str:
    """Two decimals: a start is a few milliseconds."""
    return f"{seconds * 1e3:.2f} ms"


def words(results: Sequence[StepResult]) -> str:
    """The picture's twin: the finding, and each step with its number of calls and its cost."""
    steps = (f"{n}. {clean(result.step.title)} ({called(result)}), {result.seconds * 1e6:.0f} µs"
             for n, result in enumerate(results, 1))  # fmt: skip
    return clean(" ".join((f"Story of a start: {title(results)}.", "; ".join(steps))).strip(), limit=8000)


def called(result: StepResult) -> str:
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
        news = failed or (len(results) > 1 and result is _dearest(results))
        style = "n h" if news else ""
        yield label(48, y + 16, str(n + 1), size=NOTE, style="d e")
        yield label(58, y + 16, result.step.title, style=style, width=206)
        yield label(272, y + 16, called(result), size=NOTE, style="m" if len(results) < 2 else "m d", width=472)
        bar = max(1.0, BARS[1] * result.seconds / longest)
        yield rect(BARS[0], y + 6, bar, 12, fill="new" if news else "wall", radius=2)
        cost = f"{'refused, ' if failed else ''}{result.seconds * 1e6:.0f}"
        yield label(956, y + 16, cost, size=TAG if failed else NOTE, style=f"e {style or 'd'}")
