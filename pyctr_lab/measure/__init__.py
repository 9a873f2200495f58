"""Experiments that return data."""

from .neighbour import Act, Round, measure_neighbour
from .samples import Results, Sample

__all__ = ["Act", "Progress", "Results", "Round", "Sample", "live", "measure", "measure_neighbour"]

LATER = ("Progress", "live", "measure")  # they bring all engines with them: imported when they are asked for


def __getattr__(name: str) -> object:
    if name not in LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import experiment

    return getattr(experiment, name)
