from __future__ import annotations

import itertools

from pyctr_lab.course.grading import Requirement, State, Verdict
from pyctr_lab.course.grading.requirements import judge


def requirement(met: bool, *, given: bool = False, near: bool = False) -> Requirement:
    return Requirement(
        name="a name", met=met, observed="seen", expected="wanted", why="reason", look="place", given=given, near=near
    )


def test_states_are_told_apart_without_colour() -> None:
    assert len({state.sign for state in State}) == len({state.value for state in State}) == len(State) == 6


def test_almost_needs_something_that_the_learner_brought_about() -> None:
    earned, missed, kept = requirement(True), requirement(False), requirement(True, given=True)
    assert judge((earned, kept)) is State.PASSED
    assert judge((earned, missed, kept)) is State.ALMOST
    assert judge((missed, kept)) is State.NOT_YET
    assert judge((earned, missed, missed)) is State.NOT_YET
    assert judge((requirement(False, near=True),)) is State.ALMOST


def test_no_longer_is_only_for_what_was_asked_and_failed() -> None:
    for state in State:
        after = Verdict("3.1", "t", state, "h").once_passed().state
        assert after is (State.NO_LONGER if state.failed else state)


def test_text_and_html_carry_the_same_words() -> None:
    verdict = Verdict(
        "3.1", "t", State.ALMOST, "so it is", (requirement(True), requirement(False)), "M1", "a word", "go"
    )
    for text in itertools.chain(*verdict.rows(), ("almost", "so it is", "◐")):
        assert text in str(verdict)
        assert text in verdict._repr_html_()
