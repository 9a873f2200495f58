"""The dashboard: choose what is measured, on which engines and how often; watch the points come in; stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...kernel.checks import check_function, check_text

if TYPE_CHECKING:
    from .panel import Dashboard, Source

__all__ = ["dashboard"]

_dashboards: dict[str, Dashboard] = {}


def dashboard(*, name: str = "dashboard", source: Source | None = None) -> Dashboard:
    """A panel that measures what is chosen in it. One of a name at a time: a cell that runs twice ends the first.

    `board.samples` are those of the newest run, `board.results` the same as `measure` returns them, and `board.runs`
    all runs; a dashboard made again under the same name takes them over. `source` yields the results so far; it is
    called as `measure.live` is, which is the default.
    """
    check_text(name, "a dashboard's name"), check_function(source, "a source")
    from .panel import Dashboard  # brings ipywidgets and all engines with it

    earlier = _dashboards.pop(name, None)
    if earlier is not None:
        earlier.close()
    _dashboards[name] = Dashboard(source, earlier.runs if earlier else ())
    return _dashboards[name]
