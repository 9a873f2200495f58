"""What the course keeps of a learner: records of exercises, predictions, copies of the lessons, and where they are."""

from __future__ import annotations

from .page import Page
from .places import state_dir
from .predictions import compare, predict, recall, recall_number
from .progress_map import ProgressMap, Row
from .states import State

__all__ = ["Page", "ProgressMap", "Row", "State", "compare", "predict", "recall", "recall_number", "state_dir"]
