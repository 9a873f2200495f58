"""What images cost, beside the tools of others: unpacking, a start, memory, push and pull, a rebuild."""

from ..goal import Goal
from .goals import goals
from .running import IMAGE_SUITE, measure_images
from .sizes import FULL, SMALL, ImageSizes

__all__ = ["FULL", "IMAGE_SUITE", "SMALL", "Goal", "ImageSizes", "goals", "measure_images"]
