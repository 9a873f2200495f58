"""The builder's panel: widgets around a `Walk`. All other modules of the folder do without ipywidgets."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import ipywidgets as widgets
from IPython.display import display

from ...errors import LabError
from ...kernel.calls import Answer
from ...runtime.step_result import folded
from ...steps import NewNamespace, Step
from ..panels import box_of, still_html
from ..picture import Picture
from ..svg import clean_text, escape
from ..theme import STYLE as PICTURES
from .style import STYLE
from .walk import Stop, Walk

if TYPE_CHECKING:
    from ...runtime import Lab

SHOWN_CALLS = 60
STILL = "A still: no process stands behind it. For the live panel run the first cell of its lesson (or sitting)."
PRESETS = {
    "no steps": "switches every step off",
    "my recipe": "your own switches, as you left them",
    "all steps": "switches every step on",
}
"""The switches to start from, and what each does."""
_panels: weakref.WeakKeyDictionary[Lab, dict[str, Builder]] = weakref.WeakKeyDictionary()


def default_steps(lab: Lab) -> list[Step]:
    """The default recipe with all eight walls: a time namespace behind the others, before the PID step's fork."""
    steps = list(lab.recipe())
    kinds = [step.kind if isinstance(step, NewNamespace) else "" for step in steps]
    if "time" not in kinds and "pid" in kinds:
        steps.insert(kinds.index("pid"), NewNamespace("time"))
    return steps


class Builder:
    """The panel. `close()` ends its process; so does closing the lab, or making a panel of the same name."""

    def __init__(self, lab: Lab, steps: Sequence[Step], at: int | None, *, name: str) -> None:
        earlier = _panels.setdefault(lab, {}).pop(name, None)
        if earlier is not None:
            earlier.close()
        self.walk = Walk(lab, steps, name=name)
        self._asked = (list(steps), at)
        self._mine = list(self.walk.on)  # the learner's own switches, kept while a preset shows others
        self._chosen = "my recipe"
        self._quiet = False
        place = len(steps) if at is None else at
        if earlier is not None and earlier._asked == self._asked:  # the cell ran again: the learner's choices stay
            self._mine, self._chosen, place = earlier._mine, earlier._chosen, earlier.walk.at
            self.walk.on = list(earlier.walk.on)
        self._make()
        self.go(place)
        self._listen()
        _panels[lab][name] = self

    # --- what it is made of
    def _make(self) -> None:
        count = len(self.walk.steps)
        self._heading, self._marks, self._said, self._map, self._calls = (widgets.HTML() for _ in range(5))
        self._map.add_class("map")
        self._slider = widgets.IntSlider(min=0, max=count, readout=False, layout=widgets.Layout(width="auto"))
        words = (
            ("|◀ start", "to the start"),
            ("◀ back", "one step back"),
            ("on ▶", "one step on"),
            ("end ▶|", "to the end"),
        )
        self._buttons = [widgets.Button(description=text, tooltip=tip) for text, tip in words]
        self._preset = widgets.ToggleButtons(
            options=list(PRESETS), value=self._chosen, description="switches", tooltips=list(PRESETS.values())
        )
        self._switches = [
            widgets.Checkbox(value=on, indent=False, description=f"{number}  {step.title}", tooltip=step.describe())
            for number, (step, on) in enumerate(zip(self.walk.steps, self.walk.on, strict=True), 1)
        ]
        self._costs = [widgets.HTML() for _ in range(count)]
        self._lines = [box_of(widgets.HBox, pair, "pcb-step") for pair in zip(self._switches, self._costs, strict=True)]
        self.widget = self._arranged()

    def _arranged(self) -> widgets.VBox:
        bar = [*self._buttons, box_of(widgets.VBox, [self._slider, self._marks], "pcb-slide"), self._preset]
        head = widgets.HTML('<div class="hd cap"><span>recipe: switch off what you like</span><span>µs</span></div>')
        recipe = box_of(widgets.VBox, [head, *self._lines], "pcb-list")
        parts = [
            widgets.HTML(f"<style>{PICTURES}{STYLE}</style>"),
            self._heading,
            box_of(widgets.Box, bar, "pcb-bar"),
            self._said,
            box_of(widgets.Box, [recipe, self._map], "pcb-main"),
            self._calls,
        ]
        return box_of(widgets.VBox, parts, "pc", "pcb")

    def _listen(self) -> None:
        self._slider.observe(lambda change: self.go(change["new"]), "value")
        ways = (lambda: 0, lambda: self.walk.at - 1, lambda: self.walk.at + 1, lambda: len(self.walk.steps))
        for button, way in zip(self._buttons, ways, strict=True):
            button.on_click(lambda _, way=way: self.go(way()))
        for index, switch in enumerate(self._switches):
            switch.observe(lambda change, index=index: self.switch(index, change["new"]), "value")
        self._preset.observe(lambda change: self._take_preset(change["new"]), "value")

    # --- what can be done with it
    def go(self, at: int) -> None:
        """Take a process to just behind step `at`, and show it. An error is shown in the panel, not raised."""
        if self._quiet:
            return
        try:
            self.walk.go(at)
            self._show()
        except LabError as why:
            self._heading.value = f'<h3>{escape(why.message)}</h3><p class="sub">{escape(why.hint)}</p>'

    def switch(self, index: int, on: bool) -> None:
        """Switch a step (the first is 0) on or off, as its check box does."""
        if self._quiet:
            return
        self.walk.on[index] = on
        self._mine, self._chosen = list(self.walk.on), "my recipe"
        self.go(self.walk.at)
        self._say(f"Step {index + 1} is switched {'on' if on else 'off'}")

    def _take_preset(self, name: str) -> None:
        if self._quiet:
            return
        count, self._chosen = len(self.walk.steps), name
        self.walk.on = {"no steps": [False] * count, "all steps": [True] * count}.get(name, list(self._mine))
        self.go(self.walk.at)
        on = sum(self.walk.on)
        self._say(f"{on} of {count} steps {'is' if on == 1 else 'are'} switched on")

    def _say(self, done: str) -> None:
        """What a click has done; what became of the process stands in the heading."""
        place = f"behind step {self.walk.at}" if self.walk.at else "before step 1"
        self._said.value = f'<p class="note" aria-live="polite">{escape(done)}; a process was taken {place}.</p>'

    def close(self) -> None:
        """Close the panel and end its process. Twice is fine."""
        self.walk.end()
        for each in (*self._switches, *self._costs, *self._lines, self._slider, self.widget):
            each.close()

    # --- how it shows itself
    @property
    def still(self) -> Picture:
        """The map at this position, as a picture that stays when the kernel has gone."""
        return self.walk.picture("wide")

    def _ipython_display_(self) -> None:
        still = self.still
        live = {key: value for key, value in self.widget._repr_mimebundle_().items() if key != "text/plain"}
        display({**live, "text/plain": str(still)}, raw=True)  # type: ignore[no-untyped-call]
        display({"text/html": still_html(still, STILL), "text/plain": str(still)}, raw=True)  # type: ignore[no-untyped-call]

    def __repr__(self) -> str:
        return f"Builder(step {self.walk.at} of {len(self.walk.steps)})"

    def _show(self) -> None:
        walk, stops = self.walk, self.walk.stops
        self._quiet = True
        try:
            self._slider.value = walk.at
            for switch, on in zip(self._switches, walk.on, strict=True):
                switch.value = on
            self._preset.value = self._chosen
        finally:
            self._quiet = False
        for index, disabled in enumerate((walk.at == 0,) * 2 + (walk.at == len(stops),) * 2):
            self._buttons[index].disabled = disabled
        picture = walk.picture()
        self._heading.value = (
            f'<h3>{escape(picture.title)}</h3><p class="sub" aria-live="polite">{escape(walk.when)}</p>'
        )
        self._marks.value = marks_html(stops)
        self._map.value = picture.inline()
        self._calls.value = calls_html(walk)
        self._show_lines(stops)

    def _show_lines(self, stops: Sequence[Stop]) -> None:
        longest = max((stop.seconds or 0 for stop in stops), default=0) or 1
        for stop, box, cost in zip(stops, self._lines, self._costs, strict=True):
            cost.value = cost_html(stop, longest)
            wanted = {"pcb-step", LOOKS.get(stop.state, f"pcb-{stop.state}")}
            if set(box._dom_classes) != wanted:
                box._dom_classes = tuple(sorted(wanted))


LOOKS = {"current": "pcb-cur", "refused": "pcb-ref", "failed": "pcb-ref"}


def cost_html(stop: Stop, longest: float) -> str:
    """The end of a step's line: its cost as bar and number, or why there is none."""
    if stop.state == "off":
        return '<div class="note">off</div>'
    if stop.state in ("refused", "failed"):
        return f'<div class="note why">{stop.state}: {escape(stop.why)}</div>'
    if stop.seconds is None:
        return '<div class="cost"><span class="us">–</span></div>'
    bar = f'<span class="bar"><i style="width:{100 * stop.seconds / longest:.1f}%"></i></span>'
    return f'<div class="cost">{bar}<span class="us">{stop.seconds * 1e6:.0f}</span></div>'


def marks_html(stops: Sequence[Stop]) -> str:
    """The numbers under the slider, each with its step's state."""
    looks = {"current": "cur", "refused": "ref", "failed": "ref"}
    count = len(stops) or 1
    place = "left:calc(11px + (100% - 22px)*{}/{})"
    each = (
        f'<i class="{looks.get(stop.state, stop.state)}" style="{place.format(number, count)}">{number}</i>'
        for number, stop in enumerate(stops, 1)
    )
    return f'<div class="marks" aria-hidden="true">{"".join(each)}</div>'


def calls_html(walk: Walk) -> str:
    """The calls made so far and the shell form of each step, the newest step first and in bold."""
    made = [
        line
        for number, result in reversed(walk.history)
        for line in _call_lines(number, result.calls, number == walk.at)
    ]
    hidden = [f"… {len(made) - SHOWN_CALLS} earlier lines"] if len(made) > SHOWN_CALLS else []
    shell = [_marked(f"[{number}] {result.step.shell()}", number == walk.at) for number, result in walk.history[::-1]]
    back = "One step back starts a fresh process and takes it there again: the kernel has no undo."
    return (
        '<div class="calls"><div><div class="hd"><b>Calls so far</b>, by the process itself unless marked; the newest '
        f"step first</div>{_listing('calls so far', [*made[:SHOWN_CALLS], *hidden])}</div>"
        '<div><div class="hd"><b>The same in a shell</b>, step by step, the newest first</div>'
        f"{_listing('the same in a shell', shell)}"
        f'<div class="hd" style="margin-top:6px">{back}</div></div></div>'
    )


def _listing(name: str, lines: Sequence[str]) -> str:
    """Lines that scroll where there are many: by keyboard too, hence the tabindex."""
    text = "\n".join(lines) or "none yet"
    return f'<pre tabindex="0" role="region" aria-label="{name}">{text}</pre>'


def _call_lines(number: int, answers: Sequence[Answer], news: bool) -> Iterator[str]:
    lines = [_call_line(answer, count, seconds) for answer, count, seconds in folded(answers)]
    for line, same in groupby(lines):
        times = len(list(same))
        yield _marked(f"[{number}] {line}{f', {times} times' if times > 1 else ''}", news)


def _call_line(answer: Answer, count: int, seconds: float) -> str:
    more = f" and {count - 1} more" if count > 1 else ""
    return f"{'launcher: ' if answer.call.outside else ''}{clean_text(answer, 200)}{more} <{seconds * 1e6:.0f} µs>"


def _marked(text: str, news: bool) -> str:
    return f"<b>{escape(text)}</b>" if news else escape(text)
