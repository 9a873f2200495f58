"""Experiments that return data."""

from .neighbour import Act, Round, measure_neighbour
from .startup import Startup, measure_startup, table

__all__ = ["Act", "Round", "Startup", "measure_neighbour", "measure_startup", "table"]
