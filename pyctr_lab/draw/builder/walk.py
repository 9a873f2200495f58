"""A recipe with switches, walked by a real process: what the builder shows, without any widget."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ...errors import LabError
from ...kernel.calls import CallError
from ...runtime.container import Container
from ...runtime.step_result import StepResult
from ...steps import NewNamespace, Refusal, Step, refusals
from ..isolation_map import draw_map, spent_line, view_or_reason
from ..isolation_map.rows import NAMES
from ..picture import Picture
from ..svg import clean_text

if TYPE_CHECKING:
    from ...runtime import Lab
    from ...runtime.view import View

StopState = Literal["done", "current", "todo", "off", "refused", "failed"]
TROUBLE = {"refused": "is not made", "failed": "failed"}


@dataclass(frozen=True)
class Stop:
    """One step of the walk: what became of it, what it cost (None before it was made), and why not, if not."""

    step: Step
    state: StopState
    seconds: float | None = None
    why: str = ""


class Walk:
    """A process at a position of a recipe some of whose steps are switched off.

    Forwards the same process goes on. The kernel has no undo, so backwards, or after a switch, a fresh process is
    taken there, and the earlier one is ended.
    """

    def __init__(self, lab: Lab, steps: Sequence[Step], *, name: str = "builder") -> None:
        self.lab = lab
        self.steps = list(steps)
        self.name = name
        self.on = [True] * len(self.steps)
        self.at = 0
        self.box: Container | None = None
        self._made: list[int] = []  # the steps that the process has made
        self._failed: dict[int, str] = {}
        self._costs: dict[int, float] = {}  # the last known cost of each step, for those still to come

    def go(self, at: int) -> None:
        """Take the process to just behind step `at` (0: no step). Raises Gone when the lab is closed."""
        self.at = max(0, min(at, len(self.steps)))
        wanted = self._wanted()
        tried = sorted({*self._made, *self._failed})
        if self.box is None or not self.box.alive or wanted[: len(tried)] != tried:
            self._start_afresh()
            tried = []
        for index in wanted[len(tried) :]:
            self._take(index)

    def _start_afresh(self) -> None:
        self._made, self._failed = [], {}
        self.box = self.lab.container(self.name)  # a name in use: the lab ends the earlier process

    def _wanted(self) -> list[int]:
        refused = self.refused()
        return [index for index in range(self.at) if self.on[index] and index not in refused]

    def _take(self, index: int) -> None:
        assert self.box is not None
        try:
            self._costs[index] = self.box.apply(self.steps[index]).seconds
            self._made.append(index)
        except LabError as why:
            self._failed[index] = failure_words(why)

    def refused(self) -> dict[int, str]:
        """The steps that would not work with the switches as they are, and why."""
        chosen = [index for index, on in enumerate(self.on) if on]
        numbers = {step.title: index + 1 for index, step in enumerate(self.steps)}
        found = refusals([self.steps[index] for index in chosen])
        return {chosen[each.index]: short_reason(each, numbers) for each in found}

    @property
    def stops(self) -> list[Stop]:
        """Every step of the recipe, in order, and what became of it."""
        refused = self.refused()
        return [self._stop(index, refused) for index in range(len(self.steps))]

    def _stop(self, index: int, refused: dict[int, str]) -> Stop:
        step, seconds = self.steps[index], self._costs.get(index)
        if not self.on[index]:
            return Stop(step, "off", None, "off")
        if index in refused:
            return Stop(step, "refused", None, refused[index])
        if index in self._failed:
            return Stop(step, "failed", None, self._failed[index])
        made = index in self._made
        return Stop(step, ("current" if index == self.at - 1 else "done") if made else "todo", seconds)

    @property
    def left_open(self) -> dict[str, str]:
        """The kinds whose wall is missing because the learner switched it off."""
        return {
            step.kind: f"you switched {index + 1} off"
            for index, step in enumerate(self.steps[: self.at])
            if isinstance(step, NewNamespace) and not self.on[index]
        }

    @property
    def history(self) -> list[tuple[int, StepResult]]:
        """The steps that were made, numbered as in the recipe, with their answers."""
        results = self.box.history if self.box else []
        tried = sorted({*self._made, *self._failed})
        return [(index + 1, result) for index, result in zip(tried, results[-len(tried) :], strict=False)]

    def picture(self, layout: Literal["wide", "panel"] = "panel") -> Picture:
        """The map at this position."""
        box = self.box
        news = self._made[-1:] == [self.at - 1]
        inside, outside = view_or_reason(box) if box else "ended", view_or_reason(self.lab.host)
        return draw_map(
            inside,
            outside,
            name=self.name,
            when=self.when,
            changed=self.steps[self.at - 1].touches if news else (),
            left_open=self.left_open,
            spent=spent_line(box.history) if box else "",
            finding="" if isinstance(inside, str) or isinstance(outside, str) else self._trouble(inside, outside),
            layout=layout,
        )

    def _trouble(self, inside: View, outside: View) -> str:
        """What the title says where a step was not made: the walls that are up are no success then."""
        walls = f"{sum(not same for same in inside.same(outside).values())} of {len(NAMES)} walls are up"
        stops = self.stops[: self.at]
        if stops and stops[-1].state in ("refused", "failed"):
            return f"Step {self.at} {TROUBLE[stops[-1].state]}: {short_title(stops[-1].step)}; {walls}"
        broken = [number for number, stop in enumerate(stops, 1) if stop.state == "failed"]
        if broken and not any(inside.same(outside).values()):
            return f"{walls}, but step {broken[0]} failed: {short_title(stops[broken[0] - 1].step)}"
        return ""

    @property
    def when(self) -> str:
        """Where the walk is, in a line."""
        if not self.at:
            return f"before step 1 of {len(self.steps)}"
        stop, place = self._stop(self.at - 1, self.refused()), f"after step {self.at} of {len(self.steps)}"
        if stop.state == "current":
            return f"{place} · {stop.step.title}"
        return f"{place} · {stop.step.title} · {stop.why if stop.state == 'off' else f'{stop.state}: {stop.why}'}"

    def end(self) -> None:
        """End the process. Twice is fine, and so is a closed lab."""
        if self.box is not None and not self.lab.closed and self.box.alive:
            self.box.kill()
        self.box = None


def short_title(step: Step) -> str:
    """A step's title, so short that it fits into a picture's."""
    return clean_text(step.title, 32)


def failure_words(why: LabError) -> str:
    """Why the kernel did not do it: which call, and the reason in words; errno and arguments are in the exception."""
    if not isinstance(why, CallError):
        return why.message
    return f"the kernel says no to {why.call.name}: {why.hint or os.strerror(why.errno or 0)}"


def short_reason(refusal: Refusal, numbers: dict[str, int]) -> str:
    """Why a step is refused, in a few words: the number of the step it needs, and the harm or the step's name."""
    needs, what = refusal.needs, ""
    number = next((number for title, number in numbers.items() if needs and title.startswith(needs)), None)
    if needs:
        what = f"needs {number}" if number else f"needs “{needs}”"
    does_harm = bool(refusal.kind)
    return ", ".join(filter(None, (what, refusal.reason if does_harm or not number else needs)))
