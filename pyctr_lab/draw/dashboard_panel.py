"""The dashboard: choose what is measured, on which engines and how often; watch the points come in; stop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from html import escape
from typing import Any

import ipywidgets as widgets
from IPython.display import display

from ..engines import ALL
from ..errors import LabError
from ..measure.experiment import Progress, live
from ..measure.samples import Results
from .fit import fit
from .look import STYLE as PICTURES
from .memory import memory
from .overhead import overhead
from .picture import Picture
from .ranking import name_of
from .startup import startup

Source = Callable[..., Generator[Results, None, None]]
WHAT: dict[str, tuple[tuple[str, ...], Callable[[Results], Picture]]] = {
    "start": (("startup",), startup),
    "memory": (("memory",), memory),
    "cost while running": (("cpu", "syscalls", "files"), overhead),
    "how many fit": (("density",), fit),
}
FIRST = ("exec", "ours", "bubblewrap", "runc", "qemu")
STILL = "A still: nothing is measured any more. Run the lesson's first cell, then this one."
SIZES = (5, 10, 20, 40, 60, 120)
STYLE = ".pc-still:not(:last-child){display:none}"
_dashboards: dict[str, Dashboard] = {}


def dashboard(*, name: str = "dashboard", source: Source = live) -> Dashboard:
    """A panel that measures what is chosen in it. One of a name at a time: a cell that runs twice ends the first.

    `dashboard.results` has all samples of the last run. `source` is who measures.
    """
    earlier = _dashboards.pop(name, None)
    if earlier is not None:
        earlier.stop()
    _dashboards[name] = Dashboard(source)
    return _dashboards[name]


class Dashboard:
    """The panel. `start` and `stop` are its buttons; `wait` waits for the end of what it measures."""

    def __init__(self, source: Source) -> None:
        self.results = Results()
        self._source = source
        self._thread: threading.Thread | None = None
        self._over = threading.Event()
        self._what = widgets.Dropdown(options=list(WHAT), description="measure")
        self._boxes = {
            name: widgets.Checkbox(value=name in FIRST, description=name_of(name), indent=False, tooltip=each.about)
            for name, each in ALL.items()
        }
        self._turns = widgets.IntSlider(value=10, min=1, max=100, description="repetitions")
        self._count = widgets.IntSlider(value=100, min=1, max=1000, description="instances")
        self._budget = widgets.SelectionSlider(value=20, options=SIZES, description="seconds")
        self._begin = widgets.Button(description="▶ start", tooltip="measures what is chosen")
        self._end = widgets.Button(description="■ stop", tooltip="keeps what was measured", disabled=True)
        self._bar = widgets.IntProgress(value=0, max=1, layout={"width": "240px"})
        self._said, self._picture = widgets.HTML(), widgets.HTML()
        self._begin.on_click(lambda _: self.start())
        self._end.on_click(lambda _: self.stop())
        self.widget = self._arranged()

    def _arranged(self) -> widgets.VBox:
        engines = widgets.GridBox(
            list(self._boxes.values()), layout={"grid_template_columns": "repeat(auto-fill, minmax(170px, 1fr))"}
        )
        sheet = widgets.HTML(f"<style>{PICTURES}{STYLE}</style>")
        buttons = widgets.HBox([self._begin, self._end, self._bar])
        parts = [sheet, self._what, engines, self._turns, self._count, self._budget, buttons, self._said, self._picture]
        made = widgets.VBox(parts)
        made.add_class("pc")
        made.add_class("pc-dashboard")
        return made

    @property
    def running(self) -> bool:
        """Whether it measures."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Begins to measure what is chosen. Nothing happens while it measures already."""
        if self.running:
            return
        names = [name for name, box in self._boxes.items() if box.value]
        self.results = Results()
        self._over.clear()
        self._begin.disabled, self._end.disabled = True, False
        self._say("")
        self._thread = threading.Thread(target=self._measure, args=(self._what.value, names), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends it, and keeps what was measured. Twice is fine."""
        self._over.set()
        self.wait()

    def wait(self, timeout: float | None = None) -> bool:
        """Waits until nothing is measured any more; whether that is so."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)
        return not self.running

    # --- in the thread
    def _measure(self, what: str, names: list[str]) -> None:
        experiments, draw = WHAT[what]
        try:
            moving = self._source(
                experiments,
                engines=names,
                repetitions=self._turns.value,
                budget=float(self._budget.value),
                count=self._count.value if what in ("how many fit", "memory") else None,
                progress=self._show_progress,
            )
            try:
                for results in moving:
                    self.results = results
                    self._show(draw)
                    if self._over.is_set():
                        self._say("Stopped: what had been measured is kept.")
                        break
            finally:
                moving.close()
        except (LabError, OSError) as why:
            self._say(str(why), wrong=True)
        finally:
            self._begin.disabled, self._end.disabled = False, True

    def _show_progress(self, progress: Progress) -> None:
        if self._over.is_set():
            raise LabError("Stopped: what had been measured is kept.")
        self._bar.max, self._bar.value = max(1, progress.total), progress.done
        left = "" if progress.left is None else f", about {progress.left:.0f} s to go"
        self._say(f"{progress.experiment}: {progress.engine}{left}")

    def _show(self, draw: Callable[[Results], Picture]) -> None:
        try:
            picture = draw(self.results)
        except (LabError, KeyError):  # not enough yet for a picture
            return
        self._picture.value = picture.svg

    def _say(self, words: str, *, wrong: bool = False) -> None:
        self._said.value = f'<p role="{"alert" if wrong else "status"}">{escape(words)}</p>'

    def still(self) -> Picture | None:
        """The picture of what was measured last, if there is one."""
        try:
            return WHAT[self._what.value][1](self.results)
        except (LabError, KeyError):
            return None

    def _ipython_display_(self) -> None:
        live_part: dict[str, Any] = self.widget._repr_mimebundle_()
        display({**live_part, "text/plain": "Dashboard: live, while the kernel runs."}, raw=True)  # type: ignore[no-untyped-call]

    def __repr__(self) -> str:
        return f"Dashboard({'measuring' if self.running else f'{len(self.results.samples)} samples'})"
