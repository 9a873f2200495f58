"""What all walls cost: a start beside other engines, a filter, a crowd; and what each of them holds."""

from .goals import wall_goals
from .running import WALL_SUITE, measure_walls
from .sizes import FULL, SMALL, WallSizes

__all__ = ["FULL", "SMALL", "WALL_SUITE", "WallSizes", "measure_walls", "wall_goals"]
