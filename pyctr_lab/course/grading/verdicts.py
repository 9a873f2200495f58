"""The verdict of a check: a state, and in words what was seen, what was expected, why it matters and where to look."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..learner.page import Page
from ..learner.states import State
from .requirements import Requirement


@dataclass(frozen=True)
class Verdict:
    """The outcome of one check. `str()` and the notebook's picture of it say the same.

    `words` stand in place of the state's own, where they say it more exactly.
    """

    exercise: str
    title: str
    state: State
    headline: str
    requirements: tuple[Requirement, ...] = ()
    misconception: str = ""
    message: str = ""
    next: str = ""
    words: str = ""

    @property
    def passed(self) -> bool:
        """Whether all that was asked holds now."""
        return self.state is State.PASSED

    @property
    def missed(self) -> Requirement | None:
        """The first requirement that does not hold: the one to look at next."""
        return next((each for each in self.requirements if not each.met), None)

    def rows(self) -> list[tuple[str, str]]:
        """The verdict as named lines, in reading order."""
        rows = []
        if self.missed:
            rows += [("observed", self.missed.observed), ("expected", self.missed.expected)]
            rows += [("why", self.missed.why), ("look at", self.missed.look)]
        if self.misconception:
            rows.append(("perhaps", self.message))
        if self.next:
            rows.append(("next", self.next))
        return rows

    def marks(self) -> list[tuple[str, str]]:
        """A sign and a name for each requirement; none where there is only one."""
        if len(self.requirements) < 2:
            return []
        return [("✓" if each.met else "✗", each.name) for each in self.requirements]

    def once_passed(self) -> Verdict:
        """The same verdict, for ground on which the exercise had been passed before."""
        if not self.state.failed:
            return self
        return replace(self, state=State.NO_LONGER, headline=f"It was passed on this ground. {self.headline}")

    def page(self) -> Page:
        """The verdict as a page: the one source of its text and of its HTML."""
        title = f"{self.state.sign} Exercise {self.exercise} “{self.title}”: {self.words or self.state.value}"
        kind = "wall" if self.passed else "news" if self.state.failed else "idle"
        page = Page(title, kind=kind).line(self.headline)
        return page.marks(self.marks()).rows(self.rows())

    def __str__(self) -> str:
        return self.page().text()

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return self.page().html()
