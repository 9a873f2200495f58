"""The network map, live: an HTML widget that a thread redraws from a function that returns a NetworkView."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import ipywidgets as widgets
from IPython.display import display

from ...errors import LabError
from ...kernel.checks import check_seconds
from ...networks.view import NetworkView
from ..network import network
from ..network.words import network_plan, newest_change
from ..panels import box_of, still_html, style_sheet
from ..picture import Picture
from ..svg import escape
from ..theme import STYLE as PICTURES

EVERY = 0.5  # seconds between two looks
RUNNING = "Network: live, while the kernel runs."
STILL = "A still: nothing is read any more. For the live map run its cell again."
# Each layout where it has room; none is shrunk, for its smallest text would fall below 11 px.
STYLE = style_sheet(
    "pcn",
    """
.pc.pcn{padding:0}
.pcn .small{display:none;overflow-x:auto}
.pcn svg{display:block}
.pcn .note{font-size:12px;color:var(--dim);margin:4px 16px 12px}
@container (max-width:899px){.pcn .small{display:block}.pcn .wide{display:none}}
""",
)


class NetworkWidget:
    """The panel. `view` is what it has read last, with what has changed; `still()` the picture of it."""

    def __init__(self, read: Callable[[], NetworkView], *, seconds: float = 60.0) -> None:
        self._read = read
        self.seconds = check_seconds(seconds, "seconds", most=3600)
        self.view: NetworkView | None = None
        self.why = ""
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._handle: Any = None
        self._map, self._said = widgets.HTML(), widgets.HTML()
        sheet = widgets.HTML(f"<style>{PICTURES}{STYLE}</style>")
        self.widget = box_of(widgets.VBox, [sheet, self._map, self._said], "pc", "pcn")

    @property
    def running(self) -> bool:
        """Whether it still reads."""
        return self._thread is not None and self._thread.is_alive()

    def look(self) -> None:
        """Read and draw once. What differs from the look before is emphasized until something else changes."""
        before, now = self.view, self._read()
        network_plan(now)
        if before is not None and not now.changed:
            now = replace(now, changed=newest_change(before, now) or before.changed)
        self.view = now
        picture = network(now)
        self._map.value = f'<div class="wide">{picture.svg}</div><div class="small">{picture.small}</div>'

    def start(self) -> None:
        """Show the map, and begin to read; the cell may return. Nothing happens while it runs."""
        if not self.running:
            self._begin()
            self._handle = display(self._left(), raw=True, display_id=True)  # type: ignore[no-untyped-call]

    def _begin(self) -> None:
        self.look()
        self._over.clear()
        self.why, self._said.value = "", ""
        display(self._shown(), raw=True)  # type: ignore[no-untyped-call]
        self._thread = threading.Thread(target=self._go_on, name="network map", daemon=True)
        self._thread.start()

    def _go_on(self) -> None:
        """In the thread: look until the time is up, it is stopped, or the network is gone."""
        for _ in range(max(1, int(self.seconds / EVERY))):
            if self._over.wait(EVERY):
                break
            try:
                self.look()
            except (LabError, OSError) as why:
                self.why = str(why)
                break
        self.why = self.why or ("stopped" if self._over.is_set() else "the time is up")
        self._said.value = f'<p class="note" role="status">No longer live: {escape(self.why)}.</p>'
        if self._handle is not None:
            self._handle.update(self._left(), raw=True)

    def stop(self) -> None:
        """End it, and join the thread. Twice is fine."""
        self._over.set()
        self.wait()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it has ended; whether it has."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)
        return not self.running

    def close(self) -> None:
        """Stop it, and close the panel. Twice is fine."""
        self.stop()
        self.widget.close()

    def __enter__(self) -> NetworkWidget:
        self._begin()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        try:
            self.look()  # the last moment counts: the block may have ended just after a change
        except (LabError, OSError) as why:
            self.why = str(why)
        display(self._left(), raw=True)  # type: ignore[no-untyped-call]

    def still(self) -> Picture | None:
        """What it has read last, as a picture that stays; None before the first look."""
        return network(self.view) if self.view else None

    def _shown(self) -> dict[str, Any]:
        live: dict[str, Any] = self.widget._repr_mimebundle_()
        return {**live, "text/plain": RUNNING}

    def _left(self) -> dict[str, Any]:
        """What stands in the notebook when the kernel has gone."""
        still = self.still()
        return {"text/html": still_html(still, STILL), "text/plain": str(still) if still else RUNNING}

    def _ipython_display_(self) -> None:
        self.start()

    def __repr__(self) -> str:
        return f"NetworkWidget({'running' if self.running else self.why or 'not started'})"
