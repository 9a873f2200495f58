"""What has to hold for an exercise to pass, and the state that follows from it."""

from __future__ import annotations

from dataclasses import dataclass

from ..learner.states import State


@dataclass(frozen=True, kw_only=True)
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


def judge(requirements: tuple[Requirement, ...]) -> State:
    """Passed when all hold; almost when one is missing and the learner has already brought about another."""
    missed = [each for each in requirements if not each.met]
    if not missed:
        return State.PASSED
    earned = any(each.met and not each.given for each in requirements)
    return State.ALMOST if len(missed) == 1 and (earned or missed[0].near) else State.NOT_YET
