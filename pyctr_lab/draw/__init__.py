"""Data in, pictures out. Imported when used: `from pyctr_lab import draw`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .boot import boot
from .chart import chart
from .density import density
from .growth import growth
from .hypervisors import hypervisors
from .isolation_map import draw_map, isolation_map
from .picture import Picture
from .story import story

if TYPE_CHECKING:
    from .panel import Builder, builder

__all__ = [
    "Builder", "Picture", "boot", "builder", "chart", "density", "draw_map", "growth", "hypervisors", "isolation_map",
    "story",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """The builder brings ipywidgets with it, so it is imported when it is asked for."""
    if name not in ("Builder", "builder"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import panel as module

    return getattr(module, name)
