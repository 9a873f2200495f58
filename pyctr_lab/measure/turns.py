"""Whose turn it is: rounds in shuffled orders, as many as a budget allows."""

from __future__ import annotations

import random
import statistics
from collections.abc import Iterator

LEAST, LITTLE = 3, 10.0  # turns that count, however dear they are; with a budget below this many seconds only one


class Turns:
    """The turns of all engines.

    Each engine has a share of the budget. An engine whose turns are dear has fewer of them, but at least `LEAST`; what
    one engine leaves of its share is for the others.
    """

    def __init__(self, first: dict[str, int], repetitions: int, budget: float, order: random.Random) -> None:
        """`first` is the number of each engine's first turn: 0 where that is a warm-up."""
        least = min(repetitions, LEAST if budget >= LITTLE else 1)
        self._first = dict(first)
        self.wanted = {engine: repetitions + 1 - number for engine, number in first.items()}
        self._least = {engine: least + 1 - number for engine, number in first.items()}
        self.budget, self._order = budget, order
        self.taken: dict[str, list[float]] = {engine: [] for engine in first}
        self._dropped: set[str] = set()
        self._round: list[str] = []

    @property
    def done(self) -> int:
        """Turns that were taken."""
        return sum(map(len, self.taken.values()))

    @property
    def total(self) -> int:
        """Turns that there will be at most."""
        return sum(len(self.taken[each]) if each in self._dropped else self.wanted[each] for each in self.wanted)

    def next(self) -> str:
        """The engine that is next; empty when it is over."""
        self._round = [each for each in self._round if self._may(each)]
        if not self._round:
            self._round = [each for each in self.wanted if self._may(each)]
            self._order.shuffle(self._round)
        return self._round.pop() if self._round else ""

    def _waiting(self) -> list[str]:
        return [each for each in self.wanted if each not in self._dropped and len(self.taken[each]) < self.wanted[each]]

    def _may(self, engine: str) -> bool:
        taken, waiting = self.taken[engine], self._waiting()
        if engine not in waiting:
            return False
        if len(taken) < self._least[engine]:
            return True
        others = sum(sum(seconds) for each, seconds in self.taken.items() if each not in waiting)
        return sum(taken) + statistics.median(taken) <= max(0.0, self.budget - others) / len(waiting)

    def number(self, engine: str) -> int:
        """The number of an engine's next turn, which its samples have."""
        return self._first[engine] + len(self.taken[engine])

    def took(self, engine: str, seconds: float) -> None:
        """Count a turn that took so many seconds."""
        self.taken[engine].append(seconds)

    def drop(self, engine: str) -> None:
        """Give an engine that failed no more turns."""
        self._dropped.add(engine)

    def left(self) -> float:
        """About how many seconds are to go: what is wanted, but no more than the budget."""
        needed = sum(
            (self.wanted[each] - len(self.taken[each])) * statistics.median(self.taken[each])
            for each in self._waiting()
            if self.taken[each]
        )
        return max(0.0, min(needed, self.budget - sum(map(sum, self.taken.values()))))

    def notes(self, name: str) -> Iterator[str]:
        """The engines that got fewer turns than were wanted, in one line."""
        some = [f"{each} had {len(self.taken[each])} of {self.wanted[each]}" for each in self._waiting()]
        if some:
            yield f"{name}: {self.budget:g} s are not enough for all turns: {', '.join(some)}"
