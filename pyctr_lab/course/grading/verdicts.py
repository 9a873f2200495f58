"""What a check says: a state, and in words what was seen, what was expected, why it matters and where to look."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from ..learner.page import Page


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


@dataclass(frozen=True)
class Requirement:
    """One thing that has to hold. `given` ones hold from the beginning and must only be kept.

    `observed` names the file and its value; `expected`, `why` and `look` are sentences for the learner. `near` marks
    a miss that is nearly right, whatever the other requirements say.
    """

    name: str
    met: bool
    observed: str
    expected: str
    why: str
    look: str
    given: bool = False
    near: bool = False


@dataclass(frozen=True)
class Verdict:
    """The outcome of one check. `str()` and the notebook's picture of it say the same."""

    exercise: str
    title: str
    state: State
    headline: str
    requirements: tuple[Requirement, ...] = ()
    misconception: str = ""
    message: str = ""
    next: str = ""

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
        title = f"{self.state.sign} Exercise {self.exercise} “{self.title}”: {self.state.value}"
        page = Page(title, kind=_KINDS[self.state]).line(self.headline)
        return page.marks(self.marks()).rows(self.rows())

    def __str__(self) -> str:
        return self.page().text()

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return self.page().html()


_KINDS = {
    State.NOT_STARTED: "idle",
    State.CANNOT: "idle",
    State.NOT_YET: "news",
    State.ALMOST: "news",
    State.PASSED: "wall",
    State.NO_LONGER: "news",
}


def judge(requirements: tuple[Requirement, ...]) -> State:
    """Passed when all hold; almost when one is missing and the learner has already brought about another."""
    missed = [each for each in requirements if not each.met]
    if not missed:
        return State.PASSED
    earned = any(each.met and not each.given for each in requirements)
    return State.ALMOST if len(missed) == 1 and (earned or missed[0].near) else State.NOT_YET
