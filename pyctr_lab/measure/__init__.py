"""Experiments that return data."""

from typing import Any

from . import density
from .busy import too_busy
from .neighbour import LIMITS, Act, Round, measure_neighbour
from .race import Race, race
from .samples import Results, Sample, joined
from .timeline import phases
from .tracing import traced_calls

__all__ = [
    "LIMITS", "Act", "Progress", "Race", "Results", "Round", "Sample", "density", "joined", "live", "measure",
    "measure_neighbour", "phases", "race", "survey", "too_busy", "traced_calls",
]  # fmt: skip

LATER = {"Progress": "rows", "live": "measuring", "measure": "measuring", "survey": ".engines.survey"}
"""What is imported when it is asked for: `measuring` brings all engines with it."""


def __getattr__(name: str) -> Any:
    if name not in LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{LATER[name]}", __name__), name)
