"""How any exercise is graded: its question, its ground, what has to hold, and a verdict from the kernel's own truth.

An exercise of a lesson imports from here, and from nowhere deeper.
"""

from __future__ import annotations

from ..learner.states import State
from .exercise import Exercise, Misconception
from .ground import Ground, whole
from .processes import age, all_below, all_pids, command, end_below, until
from .question import Question, Values
from .registry import own_name, runs
from .requirements import Requirement
from .submissions import Choices, InOrder, Names, Number, Submission, Word
from .verdicts import Verdict
from .view import KernelView, Unreadable, again

__all__ = [
    "Choices", "Exercise", "Ground", "InOrder", "KernelView", "Misconception", "Names", "Number", "Question",
    "Requirement", "State", "Submission", "Unreadable", "Values", "Verdict", "Word", "again", "age", "all_below",
    "all_pids", "command", "end_below", "own_name", "runs", "until", "whole",
]  # fmt: skip
