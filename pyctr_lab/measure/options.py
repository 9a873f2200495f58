"""The options of a measurement and of one turn, and the values that a turn yields."""

from __future__ import annotations

from dataclasses import dataclass

from ..kernel.checks import check_count, check_seconds

BUDGET = 60.0  # seconds for one experiment
MOST = 10_000


@dataclass(frozen=True)
class MeasureOptions:
    """The options of `measure`: turns of each engine (None: what the experiment needs), a budget in seconds for each
    experiment, instances of a crowd at most (None: no limit), and the seed of the order of turns."""

    repetitions: int | None = None
    budget: float = BUDGET
    count: int | None = None
    seed: int = 1

    def checked(self) -> MeasureOptions:
        """The options. Raises BadInput for a wrong one."""
        for what, value in (("repetitions", self.repetitions), ("count", self.count)):
            if value is not None:
                check_count(value, what, most=MOST)
        check_seconds(self.budget, "the budget", most=86_400)
        check_count(self.seed, "the seed", least=0, most=1 << 63)
        return self


@dataclass(frozen=True)
class TurnOptions:
    """The options of one turn: `count` instances at most, None for no limit; `seconds`, the time of one engine."""

    count: int | None = None
    seconds: float = 60.0


@dataclass(frozen=True)
class Measurement:
    """One value, with how many instances were alive; `of` names another experiment that it belongs to."""

    value: float
    instances: int = 1
    of: str = ""
