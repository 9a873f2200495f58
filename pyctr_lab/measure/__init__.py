"""Experiments that return data."""

from .startup import Startup, measure_startup, table

__all__ = ["Startup", "measure_startup", "table"]
