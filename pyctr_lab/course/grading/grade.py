"""From live ground and an answer to a verdict: one way, walked by the notebook and by the terminal."""

from __future__ import annotations

from dataclasses import replace

from ..learner import records
from ..learner.states import State
from .exercise import Exercise
from .registry import Entry, own_name, runs
from .requirements import Requirement, judge
from .submissions import Submission, UnreadableSubmission
from .verdicts import Verdict
from .view import Unreadable, again

BEFORE = object()  # in place of an answer: the one that was given before


def grade(exercise: Exercise, live: Entry, given: object) -> tuple[Verdict, Entry]:
    """The verdict, recorded, and the ground's entry with the answer in it."""
    given = live.answer if given is BEFORE else given
    try:
        answer = exercise.wants.read(given)
    except UnreadableSubmission as why:
        return _recorded(exercise, live, _unreadable_answer(exercise, str(why))), live
    live = replace(live, answer=answer)
    return _recorded(exercise, live, _verdict(exercise, live, answer)), live


def without_ground(exercise: Exercise, *, closed: bool = False) -> Verdict:
    """The verdict where there is nothing to look at: never started, or its lab has gone."""
    if missing_here := exercise.unavailable_reason():
        return _plain(exercise, State.CANNOT, f"Something is missing here: {missing_here}.", _start(exercise))
    touched = records.record(exercise.id)
    by = str(touched.get("by", ""))
    why = "Its lab is closed" if closed else "What it had made has ended"
    if by and by != own_name() and not closed:
        open_still = "Another notebook has what the exercise has made: check it there"
        why = open_still if runs(by) else "A restart of its notebook, or closing it, has ended its lab"
    if "seed" not in touched:  # a hint, at most, was read
        return _plain(exercise, State.NOT_STARTED, "Nothing has been made for it yet.", _start(exercise))
    way = f"lab = Lab(); {_start(exercise)}" if closed else _start(exercise)
    return _plain(exercise, State.CANNOT, f"{why}. Recorded so far: {touched['state']}.", way)


def _verdict(exercise: Exercise, live: Entry, answer: Submission) -> Verdict:
    if exercise.wants.example and answer is None:
        said = "No answer has been given yet."
        if records.record(exercise.id).get("state") == State.PASSED.value:
            said = "This check got no answer. The exercise is recorded as passed, and stays so."
        return replace(_plain(exercise, State.NOT_STARTED, said, _give(exercise)), words="no answer yet")
    view = live.view()
    try:
        _all_there(exercise, live)
        requirements = tuple(exercise.check(view, answer))
        state = judge(requirements)
        known = None if state is State.PASSED else exercise.recognise(view, answer, requirements)
    except Unreadable as why:
        return _plain(exercise, State.CANNOT, f"{why.reason[:1].upper()}{why.reason[1:]}.", why.way_out)
    if state is State.PASSED:
        other = f'other values: exercises.another("{exercise.id}")'
        return _plain(exercise, state, exercise.after, other, requirements)
    verdict = _plain(exercise, state, _headline(requirements), f'exercises.hint("{exercise.id}")', requirements)
    return replace(verdict, misconception=known.code, message=known.message) if known else verdict


def _all_there(exercise: Exercise, live: Entry) -> None:
    """A container that has ended cannot be looked at; where the host is gone, nothing can."""
    if not live.alive:
        raise Unreadable("its lab has ended: its launcher does not run any more", f"lab = Lab(); {_start(exercise)}")
    if not live.intact:
        why = "the set-up has changed: the file of live exercises is not as its notebook wrote it"
        raise Unreadable(why, f'exercises.reset("{exercise.id}"), and start it again')
    if kind := live.changed():
        why = f"the set-up has changed: the lab's host is in another {kind} namespace than at the start"
        raise Unreadable(why, f'exercises.reset("{exercise.id}"), and start it again in a new lab')
    for name in live.lost():
        raise Unreadable(f"{_kind(exercise, live, name)} of its ground has ended", again(exercise.id))
    for name in live.stopped():
        way = f"let it go on: os.kill({live.boxes[name]}, signal.SIGCONT)"
        raise Unreadable(f"{_kind(exercise, live, name)} of its ground is stopped (state T)", way)


def _kind(exercise: Exercise, live: Entry, name: str) -> str:
    """A part of the ground in words; a program whose name would give the answer away stays without it."""
    if name in exercise.hides:
        return "a program"
    return f"the {'program' if name in live.programs else 'container'} {name!r}"


def _headline(requirements: tuple[Requirement, ...]) -> str:
    missed = [each.name for each in requirements if not each.met]
    return f"What does not hold yet: {'; '.join(missed)}."


def _unreadable_answer(exercise: Exercise, reason: str) -> Verdict:
    return _plain(exercise, State.NOT_YET, f"The answer cannot be read: {reason}.", _give(exercise))


def _plain(
    exercise: Exercise, state: State, headline: str, way: str, requirements: tuple[Requirement, ...] = ()
) -> Verdict:
    return Verdict(exercise.id, exercise.title, state, headline, requirements, next=way)


def _start(exercise: Exercise) -> str:
    return f'ground = exercises.start("{exercise.id}", lab)'


def _give(exercise: Exercise) -> str:
    return f'exercises.check("{exercise.id}", {exercise.wants.example})  # {exercise.wants.words}'


def _recorded(exercise: Exercise, live: Entry, verdict: Verdict) -> Verdict:
    """The verdict as it goes into the learner's progress: a deed that passed on this very ground may hold no longer."""
    if not exercise.wants.example and records.record(exercise.id).get("passed_on") == live.started:
        verdict = verdict.once_passed()
    records.checked(exercise.id, verdict.state, verdict.misconception, ground=live.started)
    return verdict
