"""The builder: a live panel in which a recipe is switched, and walked forwards and backwards by a real process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...kernel.checks import check_count, check_kind, check_list, check_text
from ...runtime import Lab
from ...steps import Step
from ...steps.step import refuse_no_step

if TYPE_CHECKING:
    from .panel import Builder

__all__ = ["builder"]


def builder(lab: Lab, steps: Sequence[Step] | None = None, at: int | None = None, *, name: str = "builder") -> Builder:
    """A panel with a switch for each step, the map, the calls and their cost, and a slider through the recipe.

    `steps` defaults to the lab's default recipe with a time namespace added; `at` is the step behind which the panel
    opens (default: the last). The process is called `name`; made again under the same name, as when a cell is run
    twice, the earlier panel is closed and its process ended.
    """
    from .panel import Builder, default_steps  # brings ipywidgets with it

    check_kind(lab, Lab, "a builder's lab", hint="draw.builder(lab)")
    walked = default_steps(lab) if steps is None else list(check_list(steps, "a builder's steps"))
    for step in walked:
        refuse_no_step(step)
    if at is not None:
        check_count(at, "at", least=0, most=len(walked))
    return Builder(lab, walked, at, name=check_text(name, "a builder's name"))
