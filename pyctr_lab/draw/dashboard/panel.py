"""The dashboard's panel: widgets around a generator of results, which a thread reads."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Generator, Sequence
from typing import Any

import ipywidgets as widgets
from IPython.core.getipython import get_ipython
from IPython.display import display

from ...errors import LabError
from ...measure.engine_choices import EngineChoice, engine_choices
from ...measure.measuring import live
from ...measure.options import MeasureOptions
from ...measure.rows import Progress
from ...measure.samples import Results, Sample
from ..comparison.fit import fit
from ..comparison.memory import memory
from ..comparison.overhead import overhead
from ..comparison.startup import startup
from ..panels import box_of, still_html
from ..picture import Picture
from ..svg import escape
from ..theme import STYLE as PICTURES
from .runs import BoardRun, runs_html
from .style import STYLE

Source = Callable[..., Generator[Results, None, None]]
WHAT: dict[str, tuple[tuple[str, ...], Callable[[Results], Picture]]] = {
    "start": (("startup",), startup),
    "memory": (("memory",), memory),
    "cost while running": (("cpu", "syscalls", "files"), overhead),
    "how many fit": (("density",), fit),
}
COUNTS = {"memory": 10, "how many fit": 100}  # experiments with a number of instances, and its default
ONCE = ("how many fit",)  # a crowd is made once
FIRST = ("exec", "ours", "bubblewrap", "runc", "qemu")
LIVE = "Dashboard: live, while the kernel runs."
STILL = "A still: nothing is measured any more. For the live dashboard run the first cell of its lesson (or sitting)."
STOPPED = "Stopped: what had been measured is kept."
SIZES = (5, 10, 20, 40, 60, 120)
PAUSE = 0.4  # seconds between two pictures: drawing all the time disturbs what is measured


class _Stopped(Exception):
    """The learner wants no more samples."""


class Dashboard:
    """The panel. `start` and `stop` are its buttons; `wait` waits for the end of what it measures."""

    def __init__(self, source: Source | None = None, runs: Sequence[BoardRun] = ()) -> None:
        self.runs = list(runs)
        self.results = self.runs[-1].results if self.runs else Results()
        self._source = source or live
        self._thread: threading.Thread | None = None
        self._over = threading.Event()
        self._drawn = -math.inf
        self._handle: Any = None
        # What the results are of; the choice may have moved on.
        self._measured = self.runs[-1].what if self.runs else "start"
        self._how = ""
        self._engines = {each.name: each for each in engine_choices()}
        self._make()
        if self.runs:
            self._show(at_once=True)

    # --- what it is made of
    def _make(self) -> None:
        self._what = widgets.Dropdown(options=list(WHAT), description="measure")
        self._boxes = {name: self._box(each) for name, each in self._engines.items()}
        self._turns = widgets.IntSlider(value=10, min=1, max=100, description="repetitions")
        self._count = widgets.IntSlider(value=100, min=1, max=1000, description="instances", disabled=True)
        self._budget = widgets.SelectionSlider(value=20, options=SIZES, description="seconds")
        self._begin = widgets.Button(description="▶ start", tooltip="measures what is chosen")
        self._end = widgets.Button(description="■ stop", tooltip="keeps what was measured", disabled=True)
        self._bar = widgets.IntProgress(value=0, max=1)
        self._said, self._picture, self._kept = widgets.HTML(), widgets.HTML(), widgets.HTML(runs_html(self.runs))
        self._picture.add_class("map")
        self._what.observe(lambda change: self._choose(change["new"]), "value")
        self._begin.on_click(lambda _: self.start())
        self._end.on_click(lambda _: self._ask_to_stop())
        self.widget = self._arranged()

    def _box(self, engine: EngineChoice) -> widgets.Checkbox:
        box = widgets.Checkbox(
            value=engine.name in FIRST and not engine.absent,
            description=engine.title + " (not here)" * bool(engine.absent),
            indent=False,
            disabled=bool(engine.absent),
            tooltip=engine.absent or engine.about,
        )
        if engine.absent:
            box.add_class("pcd-absent")
        return box

    def _arranged(self) -> widgets.VBox:
        reasons = "; ".join(f"{each.title}: {each.absent}" for each in self._engines.values() if each.absent)
        parts = [
            widgets.HTML(f"<style>{PICTURES}{STYLE}</style>"),
            box_of(widgets.Box, [self._what], "pcd-row"),
            box_of(widgets.Box, list(self._boxes.values()), "pcd-engines"),
            widgets.HTML(f'<p class="note">Not here: {escape(reasons)}.</p>' if reasons else ""),
            box_of(widgets.Box, [self._turns, self._count, self._budget], "pcd-row"),
            box_of(widgets.Box, [self._begin, self._end, self._bar], "pcd-row"),
            self._said,
            self._picture,
            self._kept,
        ]
        widget: widgets.VBox = box_of(widgets.VBox, parts, "pc", "pcd")
        return widget

    def _choose(self, what: str) -> None:
        self._turns.disabled, self._count.disabled = what in ONCE, what not in COUNTS
        self._count.value = COUNTS.get(what, self._count.value)

    # --- what can be done with it
    @property
    def samples(self) -> list[Sample]:
        """All samples of the newest run."""
        return self.results.samples

    @property
    def running(self) -> bool:
        """Whether it measures."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Begin to measure what is chosen. Nothing happens while a measurement runs."""
        if self.running:
            return
        self.results, self._measured, self._drawn = Results(), self._what.value, -math.inf
        self._over.clear()
        self._begin.disabled, self._end.disabled = True, False
        self._bar.value, self._picture.value = 0, ""
        self._say("It begins.")
        engines = [name for name, box in self._boxes.items() if box.value]
        options = MeasureOptions(
            repetitions=1 if self._measured in ONCE else self._turns.value,
            budget=float(self._budget.value),
            count=self._count.value if self._measured in COUNTS else None,
        )
        self._how = f"{options.count} instances" if options.count else f"{options.repetitions} repetitions"
        self._thread = threading.Thread(target=self._measure, args=(engines, options), name="dashboard", daemon=True)
        self._thread.start()

    def _ask_to_stop(self) -> None:
        """The button's way: a click does not wait for the end of the running turn."""
        self._over.set()
        self._end.disabled = True
        if self.running:
            self._say("It stops as soon as this turn is over.")

    def stop(self) -> None:
        """End it, keep what was measured, and join the thread. Twice is fine."""
        self._ask_to_stop()
        self.wait()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the measurement has ended; whether it has."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)
        return not self.running

    def close(self) -> None:
        """Stop it, and close the panel. Twice is fine."""
        self.stop()
        self.widget.close()

    # --- in the thread
    def _measure(self, engines: list[str], options: MeasureOptions) -> None:
        try:
            moving = self._source(WHAT[self._measured][0], options, engines=engines, progress=self._show_progress)
            try:
                for self.results in moving:
                    self._show()
                    self._go_on()
            finally:
                moving.close()
            self._say(f"Done: {len(self.results.samples)} samples. {self._where()}")
        except _Stopped:
            self._say(f"{STOPPED} {self._where()}" if self.results.samples else STOPPED)
        except (LabError, OSError) as why:
            self._say(str(why), wrong=True)
        except Exception as why:  # noqa: BLE001  an error in a thread would be lost
            self._say(f"{type(why).__name__}: {why}", wrong=True)
        finally:
            if self.results.samples:
                self.runs.append(BoardRun(len(self.runs) + 1, self._measured, self._how, self.results))
                self._kept.value = runs_html(self.runs)
            self._show(at_once=True)
            self._begin.disabled, self._end.disabled = False, True
            if self._handle is not None:
                self._handle.update(self._left(), raw=True)

    def _where(self) -> str:
        """How a cell gets at the samples: by the name that the notebook has for this dashboard, if it has one."""
        shell = get_ipython()
        known = dict(shell.user_ns) if shell else {}
        name = next((name for name, value in known.items() if value is self and not name.startswith("_")), "")
        if name:
            return f"They are in {name}.samples, all runs in {name}.runs."
        return "To have them in a cell: board = draw.dashboard(), then board.samples. No run is lost by that."

    def _go_on(self) -> None:
        if self._over.is_set():
            raise _Stopped

    def _show_progress(self, progress: Progress) -> None:
        self._go_on()
        self._bar.max, self._bar.value = max(1, progress.total), progress.done
        engine = f": {self._engines[progress.engine].title}" if progress.engine else ""
        left = "" if progress.left is None else f", about {progress.left:.0f} s to go"
        self._say(f"{progress.experiment}{engine}{left}")

    def _show(self, *, at_once: bool = False) -> None:
        if not at_once and time.monotonic() < self._drawn + PAUSE:
            return
        picture = self.still()
        if picture is not None:
            small = f'<div class="small">{picture.small}</div>' if picture.small else ""
            kind = "wide" if small else "only"
            self._picture.value = f'<div class="{kind}">{picture.svg}</div>{small}'
            self._drawn = time.monotonic()

    def _say(self, words: str, *, wrong: bool = False) -> None:
        role, kind = ("alert", "said why") if wrong else ("status", "said")
        self._said.value = f'<p class="{kind}" role="{role}">{escape(words)}</p>'

    # --- how it shows itself
    def still(self) -> Picture | None:
        """The picture of what was measured last; None while that is too little for one."""
        try:
            return WHAT[self._measured][1](self.results)
        except (LabError, KeyError):
            return None

    def _left(self) -> dict[str, Any]:
        """What stands in the notebook when the kernel has gone."""
        still = self.still()
        words = str(still) if still else "Dashboard: nothing was measured."
        return {"text/html": still_html(still, STILL), "text/plain": words}

    def _ipython_display_(self) -> None:
        live_part: dict[str, Any] = self.widget._repr_mimebundle_()
        display({**live_part, "text/plain": LIVE}, raw=True)  # type: ignore[no-untyped-call]
        self._handle = display(self._left(), raw=True, display_id=True)  # type: ignore[no-untyped-call]

    def __repr__(self) -> str:
        return f"Dashboard({'measuring' if self.running else f'{len(self.results.samples)} samples'})"
