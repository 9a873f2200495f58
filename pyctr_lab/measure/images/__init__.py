"""What images cost, beside the tools of others: unpacking, a start, memory, push and pull, a rebuild."""

from ..goal import Goal
from .goals import goals
from .running import known_tools, measure_images
from .sizes import FULL, SMALL, ImageSizes

__all__ = ["FULL", "SMALL", "Goal", "ImageSizes", "goals", "known_tools", "measure_images"]
