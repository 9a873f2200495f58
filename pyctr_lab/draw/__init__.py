"""Data in, pictures out. Imported when used: `from pyctr_lab import draw`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .boot import boot, waterfall
from .chart import chart
from .density import density
from .fit import fit
from .growth import growth
from .hypervisors import hypervisors
from .isolation_map import draw_map, isolation_map
from .memory import memory
from .meter_strips import usage_chart
from .neighbour import neighbour
from .overhead import overhead
from .picture import Picture
from .startup import startup
from .story import story

if TYPE_CHECKING:
    from .dashboard_panel import Dashboard, dashboard
    from .meter_panel import Meter, meter
    from .panel import Builder, builder

__all__ = [
    "Builder", "Dashboard", "Meter", "Picture", "boot", "builder", "chart", "dashboard", "density", "draw_map", "fit",
    "growth",
    "hypervisors", "isolation_map", "memory", "meter", "neighbour", "overhead", "startup", "story", "usage_chart",
    "waterfall",
]  # fmt: skip


LIVE = {
    "Dashboard": "dashboard_panel",
    "dashboard": "dashboard_panel",
    "Builder": "panel",
    "builder": "panel",
    "Meter": "meter_panel",
    "meter": "meter_panel",
}


def __getattr__(name: str) -> Any:
    """Live panels bring ipywidgets with them, so they are imported when they are asked for."""
    if name not in LIVE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{LIVE[name]}", __name__), name)
