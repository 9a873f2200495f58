"""What an exercise asks, as data: the question, its variants by seed, hints, and what a learner hands in."""

from __future__ import annotations

from random import Random
from string import Formatter
from typing import Any, ClassVar, Literal

from .submissions import Wants

Values = dict[str, Any]


class Question:
    """The words of an exercise. `question` and `hints` may name values: "Give it the name {hostname}."

    `hints` go from a nudge to nearly the answer; `after` is said when it is passed. A learner's ground has the values
    that the question or `shows` names; all others are the check's own. `hides` names programs of the ground whose
    numbers would be the answer. `asks_about` is the part of the ground that the learner works with: its containers, or
    its programs, what it holds, or its facts.
    """

    id: ClassVar[str]
    title: ClassVar[str]
    question: ClassVar[str]
    wants: ClassVar[Wants] = Wants()
    hints: ClassVar[tuple[str, ...]]
    after: ClassVar[str]
    names: ClassVar[tuple[str, ...]] = ()
    shows: ClassVar[tuple[str, ...]] = ()
    hides: ClassVar[tuple[str, ...]] = ()
    asks_about: ClassVar[Literal["boxes", "programs", "held", "facts"]] = "boxes"

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

    def next_seed(self, seed: int) -> int:
        """Of the next variants the first in which most of what is shown, and then of the rest, is another."""
        now = self.variant(seed)

        def changed(other: int) -> tuple[int, int]:
            then = self.variant(other)
            other_values = {name for name, value in now.items() if then.get(name) != value}
            return len(other_values & self.shown(now).keys()), len(other_values)

        return max(range(seed + 1, seed + 21), key=changed)

    def shown(self, values: Values) -> Values:
        """Those of a variant's values that its learner may know: what the question names is no secret."""
        told = {name for _, name, _, _ in Formatter().parse(self.question) if name}
        return {name: value for name, value in values.items() if name in told or name in self.shows}

    def ask(self, values: Values) -> str:
        """The question, with the values of a variant."""
        return " ".join(self.question.format(**values).split())

    def hint(self, tier: int, values: Values) -> str:
        """A hint, 1 being the first, with the values of a variant."""
        words = " ".join(self.hints[tier - 1].split())
        for name, value in values.items():
            words = words.replace(f"{{{name}}}", str(value))
        return words
