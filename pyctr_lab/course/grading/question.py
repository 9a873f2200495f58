"""What an exercise asks, as data: the question, its variants by seed, hints, and what a learner hands in."""

from __future__ import annotations

from random import Random
from typing import Any, ClassVar

from .submissions import Wants

Values = dict[str, Any]


class Question:
    """The words of an exercise. `question` and `hints` may name values: "Give it the name {hostname}."

    `hints` go from a nudge to nearly the answer; `after` is said when it is passed.
    """

    id: ClassVar[str]
    title: ClassVar[str]
    question: ClassVar[str]
    wants: ClassVar[Wants] = Wants()
    hints: ClassVar[tuple[str, ...]]
    after: ClassVar[str]
    names: ClassVar[tuple[str, ...]] = ()

    @property
    def lesson(self) -> str:
        """The two digits of its lesson: "03"."""
        return self.id.partition(".")[0].zfill(2)

    def values(self, random: Random) -> Values:
        """The values of a variant, as plain data (they are kept in a file)."""
        return {"names": random.sample(self.names, len(self.names))}

    def variant(self, seed: int) -> Values:
        """The values that belong to a seed: the same on every machine."""
        return self.values(Random(f"{self.id}/{seed}"))

    def ask(self, values: Values) -> str:
        """The question, with the values of a variant."""
        return " ".join(self.question.format(**values).split())

    def hint(self, tier: int, values: Values) -> str:
        """A hint, 1 being the first, with the values of a variant."""
        words = " ".join(self.hints[tier - 1].split())
        for name, value in values.items():
            words = words.replace(f"{{{name}}}", str(value))
        return words
