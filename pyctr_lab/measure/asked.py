"""What an experiment is told, and what it tells."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Asked:
    """`count` instances at most, None where nothing was said; `seconds` are about what one engine may use in all."""

    count: int | None = None
    seconds: float = 60.0


@dataclass(frozen=True)
class Taken:
    """One value, with how many instances were alive; `of` names another experiment that it belongs to."""

    value: float
    instances: int = 1
    of: str = ""
