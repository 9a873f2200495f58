"""The meter: a live panel in which curves follow what control groups use, and sliders move their limits.

Its still is a picture of its own, `usage_chart`, which takes samples and needs no panel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .strips import usage_chart
from .words import alt_text, title

if TYPE_CHECKING:
    from ...cgroups import Cgroup
    from .panel import Meter

__all__ = ["alt_text", "meter", "title", "usage_chart"]


def meter(*groups: Cgroup, seconds: float = 60.0, name: str = "") -> Meter:
    """A panel that shows live what control groups use, up to four on one time axis, with a slider for each limit.

        with draw.meter(group, seconds=20) as meter:    # shown at once; stops when the block ends
            box.run(["stress"])
        meter.still()

    The curves move while a cell is running; what you do to sliders and button reaches the kernel only when none is.
    So for the sliders start the program, and let the cell return:

        program = box.start(["stress"])
        meter = draw.meter(group)
        meter.start()                                   # and move the sliders

    It stops after `seconds`, by its button, by `stop()`, when the groups are gone, when the lab is closed, and when
    one of the same `name` (default: the groups' names) is made, as when a cell is run twice.
    """
    from .panel import Meter  # brings ipywidgets with it

    return Meter(groups, seconds=seconds, name=name)
