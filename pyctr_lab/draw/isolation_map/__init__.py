"""The isolation map: a container and its host seen from both sides, and the walls between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...errors import LabError
from ..picture import Picture
from ..svg import clean_text
from .drawing import draw_map
from .rows import MapData, Sight
from .words import alt_text, title

if TYPE_CHECKING:
    from ...runtime import Container
    from ...runtime.step_result import StepResult

__all__ = ["MapData", "alt_text", "draw_map", "isolation_map", "progress_line", "spent_line", "title", "view_or_reason"]


def isolation_map(box: Container, *, focus: str = "") -> Picture:
    """The map of a live container and its lab's host: what both see, which walls stand, what the last step changed.

    The title speaks of what changed, or of the kind named by `focus` ("user", "net", ...). A container that has
    ended, or cannot be asked, is drawn as such. Drawing changes nothing.
    """
    last = box.history[-1] if box.history else None
    return draw_map(
        view_or_reason(box),
        view_or_reason(box.host),
        name=box.name,
        when=progress_line(box.history),
        changed=last.step.touches if last else (),
        spent=spent_line(box.history),
        focus=focus,
    )


def view_or_reason(box: Container) -> Sight:
    """What a container sees, or why that cannot be said."""
    try:
        return box.view()
    except (LabError, ProcessLookupError) as why:
        return "ended" if not box.alive else clean_text(getattr(why, "message", why), 60)


def progress_line(history: Sequence[StepResult]) -> str:
    """Where a container is on its way: `after step 5 · host name “demo” · sethostname(2) · 9 µs`."""
    if not history:
        return "before the first step"
    last = history[-1]
    calls = list(dict.fromkeys(answer.name for answer in last.calls))
    named = f"{', '.join(f'{call}(2)' for call in calls[:3])}{' and more' if len(calls) > 3 else ''}"
    parts = (f"after step {len(history)}", last.step.title, named, f"{last.seconds * 1e6:.0f} µs")
    return " · ".join(filter(None, parts))


def spent_line(history: Sequence[StepResult]) -> str:
    """`1.92 ms so far, 14 calls`; empty before the first step."""
    count = sum(len(result.calls) for result in history)
    seconds = sum(result.seconds for result in history)
    return f"{seconds * 1e3:.2f} ms so far, {count} call{'s' * (count != 1)}" if history else ""
