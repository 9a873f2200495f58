"""The isolation map: a container and its host seen from both sides, and the walls between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...errors import LabError
from ...kernel.checks import check_kind, check_text
from ...runtime.container import Container
from ..picture import Picture
from ..svg import clean_text
from ..wording import counted_noun
from .drawing import draw_map
from .rows import MapData, Sight
from .words import alt_text, title

if TYPE_CHECKING:
    from ...runtime.step_result import StepResult

__all__ = ["MapData", "alt_text", "draw_map", "isolation_map", "progress_line", "spent_line", "title", "view_or_reason"]


def isolation_map(box: Container, *, focus: str = "", other: Container | None = None) -> Picture:
    """The map of a live container and its lab's host: what both see, which walls stand, what the last step changed.

    The title speaks of what changed, or of the kind named by `focus` ("user", "net", ...). `other` is a container to
    compare with instead of the host. A container that has ended, or cannot be asked, is drawn as such. Drawing changes
    nothing.
    """
    for each in (box, other) if other is not None else (box,):
        check_kind(each, Container, "what a map shows", hint="draw.isolation_map(lab.container())")
    check_text(focus, "a map's focus")
    last = box.history[-1] if box.history else None
    return draw_map(
        view_or_reason(box),
        view_or_reason(other or box.host),
        name=box.name,
        when=progress_line(box.history),
        changed=last.step.touches if last else (),
        spent=spent_line(box.history),
        focus=focus,
        other=other.name if other else "",
    )


def view_or_reason(box: Container) -> Sight:
    """What a container sees, or why that cannot be said."""
    try:
        return box.view()
    except (LabError, ProcessLookupError) as why:
        return "ended" if not box.alive else clean_text(getattr(why, "message", why), 60)


def progress_line(history: Sequence[StepResult]) -> str:
    """Where a container is: `after step 5 · host name “demo”`; `after 5 steps` where the map does not show the last."""
    if not history:
        return "before the first step"
    count, last = len(history), history[-1].step
    return f"after step {count} · {last.title}" if last.touches else f"after {counted_noun(count, 'step')}"


def spent_line(history: Sequence[StepResult]) -> str:
    """`1.92 ms so far, 14 calls`; empty before the first step."""
    count = sum(len(result.calls) for result in history)
    seconds = sum(result.seconds for result in history)
    return f"{seconds * 1e3:.2f} ms so far, {count} call{'s' * (count != 1)}" if history else ""
