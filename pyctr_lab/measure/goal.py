"""A figure and what it is to reach."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .samples import Results


@dataclass(frozen=True)
class Goal:
    """A figure, and the most or the least that it should be. `value` is None where it was not measured."""

    figure: str
    unit: str
    value: float | None
    at_most: float | None = None
    at_least: float | None = None

    @property
    def reached(self) -> bool | None:
        """Whether it is reached; None where it was not measured."""
        if self.value is None:
            return None
        return (self.at_most is None or self.value <= self.at_most) and (
            self.at_least is None or self.value >= self.at_least
        )

    @property
    def bound(self) -> str:
        """The most or the least in words."""
        return f"at least {self.at_least:g}" if self.at_least is not None else f"{self.at_most:g}"


def figure_or_none(results: Results, figure_of: Callable[[Results], float]) -> float | None:
    """A figure; None where a part of it was not measured."""
    try:
        return figure_of(results)
    except KeyError:
        return None
