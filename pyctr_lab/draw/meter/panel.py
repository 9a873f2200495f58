"""The meter's panel: widgets around a `Sampler`, with a slider for each limit."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Sequence
from errno import errorcode
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets
from IPython.display import display

from ...cgroups import Cgroup
from ...cgroups.files import MAX
from ...errors import BadInput, LabError
from ...kernel.checks import check_each, check_seconds, check_text
from ...measure.sampling import Sampler, UsageSample
from ..panels import box_of, still_html
from ..picture import Picture
from ..svg import escape
from ..theme import STYLE as PICTURES
from .strips import LIVE, MOST_GROUPS, strips_svg, subtitle, usage_chart
from .style import STYLE
from .words import LIMIT_FILES, Meters, alt_text, limit_value, title

if TYPE_CHECKING:
    from ...cgroups import LabGroups

RUNNING = "Meter: live, while the kernel runs."
STILL = "A still: nothing is read any more. For the live meter run the first cell of its lesson (or sitting)."
FREE = "no limit"
CHOICES: dict[str, list[Any]] = {
    "memory": [mib << 20 for mib in (2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)],
    "cpus": [each / 100 for each in (5, 10, 15, 20, 30, 40, 50, 60, 70, 80, 90, 100, 150, 200, 300, 400)],
    "pids": [1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256, 512, 1024],
}
FILES = {"memory": ("memory", "memory_max"), "cpus": ("cpu", "cpu_max"), "pids": ("pids", "pids_max")}
_meters: weakref.WeakKeyDictionary[LabGroups, dict[str, Meter]] = weakref.WeakKeyDictionary()


class Meter:
    """The panel. `samples` is what it has seen, as data; `still()` the picture of it."""

    def __init__(self, groups: Sequence[Cgroup], *, seconds: float, name: str) -> None:
        check_each(groups, Cgroup, "a meter's groups", hint="draw.meter(lab.cgroup())")
        check_text(name, "a meter's name")
        if not 1 <= len(groups) <= MOST_GROUPS or len({group.path for group in groups}) < len(groups):
            raise BadInput(f"a meter shows 1 to {MOST_GROUPS} different groups", hint="draw.meter(lab.cgroup())")
        self.groups = {group.path: group for group in groups}
        self.name = name or ", ".join(self.groups)
        self.seconds = check_seconds(seconds, "seconds", most=3600)
        owner = groups[0].groups
        earlier = _meters.setdefault(owner, {}).pop(self.name, None)
        if earlier is not None:
            earlier.close()
        _meters[owner][self.name] = self
        self.sampler = Sampler(self.groups, seconds=self.seconds, heard=self._heard)
        self._setting = 0  # the thread that is setting sliders: what it sets is no wish of the learner's
        self._limits: dict[str, Any] = {}
        self._handle: Any = None
        self._closed = False
        self._make()

    # --- what it is made of
    def _make(self) -> None:
        self._heading, self._curves, self._said = (widgets.HTML() for _ in range(3))
        self._curves.add_class("map")
        self._sliders = {
            (path, kind): limit_slider(path, kind, group)
            for path, group in self.groups.items()
            for kind in CHOICES
            if group.counted_in(FILES[kind][0])
        }
        for (path, kind), each in self._sliders.items():
            each.observe(lambda change, path=path, kind=kind: self._wish(path, kind, change["new"]), "value")
        self._button = widgets.Button(description="■ stop", tooltip="reads no more; the picture stays")
        self._button.on_click(lambda _: self.stop())
        self.widget = self._arranged()
        self._show()

    def _arranged(self) -> widgets.VBox:
        side: list[Any] = []
        for path in self.groups:
            mine = [each for (owner, _), each in self._sliders.items() if owner == path]
            side += [widgets.HTML(f'<p class="cap">limits of {escape(path)}</p>'), *mine] if mine else []
        main = [self._curves, box_of(widgets.VBox, [*side, self._button, self._said], "pcm-side")]
        sheet = widgets.HTML(f"<style>{PICTURES}{STYLE}</style>")
        return box_of(widgets.VBox, [sheet, self._heading, box_of(widgets.Box, main, "pcm-main")], "pc", "pcm")

    # --- what can be done with it
    def start(self) -> None:
        """Show the panel, and begin to read. The cell may return: the meter goes on."""
        self._begin()
        self._handle = display(self._left(), raw=True, display_id=True)  # type: ignore[no-untyped-call]

    def _begin(self) -> None:
        self.sampler.start()
        display(self._shown(), raw=True)  # type: ignore[no-untyped-call]

    def stop(self) -> None:
        """Stop reading, and join the thread. Twice is fine."""
        self.sampler.stop()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it has stopped by itself; whether it has."""
        return self.sampler.wait(timeout)

    def close(self) -> None:
        """Stop it, and close the panel. Twice is fine."""
        self._closed = True
        self.stop()
        for each in (*self._sliders.values(), self._button, self._curves, self._heading, self._said, self.widget):
            each.close()

    def __enter__(self) -> Meter:
        self._begin()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        display(self._left(), raw=True)  # type: ignore[no-untyped-call]

    @property
    def samples(self) -> dict[str, tuple[UsageSample, ...]]:
        """What it has seen, by the group's name."""
        return self.sampler.samples

    @property
    def running(self) -> bool:
        """Whether it still reads."""
        return self.sampler.running

    def still(self) -> Picture:
        """What it has seen so far, as a picture that stays."""
        return usage_chart(self.samples)

    # --- sliders
    def _wish(self, path: str, kind: str, value: Any) -> None:
        """A slider was moved: the limit is written. What the kernel refuses is said, and the slider goes back."""
        if threading.get_ident() == self._setting:
            return
        if self.sampler.why:  # moved while a cell was running, heard of when it was over
            self._said.value = '<p class="note">The meter had stopped by then: no limit was changed.</p>'
            self._set(path, kind, self._now(path, kind))
            return
        try:
            done = self.groups[path].limit(**{kind: value})
            said = "; ".join(each.shell for each in done)
            self._said.value = f'<p class="note">{escape(said)}</p>'
        except (LabError, OSError) as why:
            self._said.value = f'<p class="why" role="alert">{escape(refusal_words(kind, value, why))}</p>'
            self._set(path, kind, self._now(path, kind))

    def _now(self, path: str, kind: str) -> Any:
        try:
            return limit_now(self.groups[path], kind)
        except (LabError, OSError):
            return self._sliders[path, kind].value

    def _set(self, path: str, kind: str, value: Any) -> None:
        """Move a slider to the present limit."""
        before, self._setting = self._setting, threading.get_ident()
        try:
            each = self._sliders[path, kind]
            if value not in dict(each.options).values():
                each.options = slider_choices(kind, value)
            each.value = value
        finally:
            self._setting = before

    def _follow(self, meters: Meters) -> None:
        """Limits may be changed by others too: then the sliders follow."""
        for path, kind in self._sliders:
            if meters[path]:
                now = getattr(meters[path][-1].limits, kind)
                now = MAX if now is None else now
                if self._limits.setdefault(f"{path} {kind}", now) != now:
                    self._limits[f"{path} {kind}"] = now
                    self._set(path, kind, now)

    # --- how it shows itself; `_heard` is called in the sampler's thread
    def _heard(self) -> None:
        if self._closed:
            return
        self._follow(self.samples)
        if self.sampler.why:
            for each in (*self._sliders.values(), self._button):
                each.disabled = True
            self._said.value = '<p class="note">Stopped: the sliders move no limit any more.</p>'
            if self._handle is not None:
                self._handle.update(self._left(), raw=True)
        self._show()

    def _show(self) -> None:
        meters = self.samples
        why = f" · stopped: {self.sampler.why}".removesuffix(": stopped") if self.sampler.why else ""
        self._heading.value = f'<h3>{escape(title(meters))}</h3><p class="sub">{escape(subtitle(meters) + why)}</p>'
        self._curves.value = strips_svg(meters, LIVE, live_span(meters, self.seconds), words=alt_text(meters))

    def _shown(self) -> dict[str, Any]:
        live = self.widget._repr_mimebundle_()
        return {**live, "text/plain": RUNNING}

    def _left(self) -> dict[str, Any]:
        """What stands in the notebook when the kernel has gone; of one shape, so that outputs can be compared."""
        still = self.still()
        return {"text/html": still_html(still, STILL), "text/plain": str(still)}

    def _ipython_display_(self) -> None:
        display(self._shown(), raw=True)  # type: ignore[no-untyped-call]
        display(self._left(), raw=True)  # type: ignore[no-untyped-call]

    def __repr__(self) -> str:
        return f"Meter({self.name!r}, {'running' if self.running else self.sampler.why or 'not started'})"


def live_span(meters: Meters, seconds: float) -> float:
    """The length of the live time axis: the whole of it, or as far as a long run has come, in round numbers."""
    now = max((samples[-1].t for samples in meters.values() if samples), default=0.0)
    return next((each for each in (5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0) if now <= each < seconds), seconds)


def limit_slider(path: str, kind: str, group: Cgroup) -> widgets.SelectionSlider:
    """A slider through the usual values of a limit, to the present one; at its end there is no limit."""
    now = limit_now(group, kind)
    return widgets.SelectionSlider(
        options=slider_choices(kind, now),
        value=now,
        description=kind,
        continuous_update=False,  # a limit passed by on the way might kill
        tooltip=f"{FILES[kind][1]} of {path}",
    )


def limit_now(group: Cgroup, kind: str) -> Any:
    """The limit as the kernel reports it; "max" where there is none."""
    value = getattr(group, FILES[kind][1])
    return MAX if value is None else value


def refusal_words(kind: str, value: Any, why: LabError | OSError) -> str:
    """Why a limit was not written, in one line; the path of the file is in the exception."""
    wanted = f"{LIMIT_FILES[kind]} {value if value == MAX else limit_value(kind, value)}"
    if isinstance(why, OSError):
        hint = why.hint if isinstance(why, LabError) and why.hint else os.strerror(why.errno or 0)
        return f"{wanted} was refused, {errorcode.get(why.errno or 0, '')}: {hint}"
    return f"{wanted} was refused: {why}"


def slider_choices(kind: str, now: Any) -> list[tuple[str, Any]]:
    """What a slider offers, with what holds now among it."""
    values: list[Any] = sorted({*CHOICES[kind], *([] if now == MAX else [now])})
    return [(limit_value(kind, value), value) for value in values] + [(FREE, MAX)]
