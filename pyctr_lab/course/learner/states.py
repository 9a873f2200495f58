"""The states of an exercise, for one learner."""

from __future__ import annotations

from enum import Enum


class State(Enum):
    """How it stands with an exercise. A word and a sign each, so that colour is never needed to tell them apart."""

    NOT_STARTED = "not started"
    CANNOT = "cannot be checked here"
    NOT_YET = "not yet"
    ALMOST = "almost"
    PASSED = "passed"
    NO_LONGER = "passed once, but no longer"

    @property
    def sign(self) -> str:
        """One character that reads without colour."""
        return _SIGNS[self]

    @property
    def failed(self) -> bool:
        """Whether the kernel was asked, and said no."""
        return self in (State.NOT_YET, State.ALMOST, State.NO_LONGER)


_SIGNS = {
    State.NOT_STARTED: "·",
    State.CANNOT: "–",
    State.NOT_YET: "✗",
    State.ALMOST: "◐",
    State.PASSED: "✓",
    State.NO_LONGER: "↺",
}
