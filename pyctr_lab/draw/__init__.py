"""Data in, pictures out. Imported when used: `from pyctr_lab import draw`.

The convention: a picture module, or a folder where a picture needs more than one file, has a function of its own name,
which returns a `Picture`; `title(data)`, the finding in at most 80 characters; and `alt_text(data)`, all that the
picture shows in reading order. All three take the same data. A live panel (builder, meter, dashboard, live network) is
a folder whose function of its own name imports ipywidgets when it is called; its still is one of the pictures. No
module imports an engine: results carry the names that pictures show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .boot import boot, waterfall
from .builder import builder
from .capability_grid import capability_grid
from .chart import chart
from .comparison.fit import fit
from .comparison.memory import memory
from .comparison.overhead import overhead
from .comparison.startup import startup
from .dashboard import dashboard
from .density import density
from .filter_decisions import filter_decisions
from .growth import MemoryReading, growth
from .hypervisors import Case, hypervisors
from .isolation_map import draw_map, isolation_map
from .isolation_matrix import isolation_matrix
from .layers import layers
from .live_network import live_network
from .meter import meter, usage_chart
from .neighbour import neighbour
from .network import network
from .network.conversation import Said, conversation
from .network.packet_path import Hop, packet_path
from .overlay import overlay
from .picture import Picture
from .registry import registry
from .start_waterfall import start_waterfall
from .story import story
from .worlds import worlds

if TYPE_CHECKING:
    from .builder.panel import Builder
    from .dashboard.panel import Dashboard
    from .live_network.panel import NetworkWidget
    from .meter.panel import Meter

__all__ = [
    "Builder", "Case", "Dashboard", "Hop", "MemoryReading", "Meter", "NetworkWidget", "Picture", "Said", "boot",
    "builder", "capability_grid", "chart", "conversation", "dashboard", "density", "draw_map", "filter_decisions",
    "fit", "growth", "hypervisors", "isolation_map", "isolation_matrix", "layers", "live_network", "memory", "meter",
    "neighbour", "network", "overhead", "overlay", "packet_path", "registry", "start_waterfall", "startup", "story",
    "usage_chart", "waterfall", "worlds",
]  # fmt: skip

PANELS = {"Builder": "builder", "Dashboard": "dashboard", "Meter": "meter", "NetworkWidget": "live_network"}


def __getattr__(name: str) -> Any:
    """Import a live panel's class, and ipywidgets with it, when it is asked for."""
    if name not in PANELS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{PANELS[name]}.panel", __name__), name)
