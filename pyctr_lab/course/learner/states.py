"""The states of an exercise, for one learner."""

from __future__ import annotations

from enum import Enum


class State(Enum):
    """The state of an exercise: words, and a sign that reads without colour."""

    NOT_STARTED = "not started", "·"
    CANNOT = "cannot be checked here", "–"
    NOT_YET = "not yet", "✗"
    ALMOST = "almost", "◐"
    PASSED = "passed", "✓"
    NO_LONGER = "passed once, but no longer", "↺"

    sign: str

    def __new__(cls, words: str, sign: str = "") -> State:
        """A member whose value is its words alone: progress is kept by them."""
        made = object.__new__(cls)
        made._value_, made.sign = words, sign
        return made

    @property
    def failed(self) -> bool:
        """Whether the kernel was asked, and said no."""
        return self in (State.NOT_YET, State.ALMOST, State.NO_LONGER)
