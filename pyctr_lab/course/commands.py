"""The command line of the course: plain text on standard output, and an exit status."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .learner import State

#: 0 is "it holds"; the others tell why it does not, so that a script can act on it.
STATUS = {
    State.PASSED: 0,
    State.NOT_YET: 1,
    State.ALMOST: 1,
    State.NO_LONGER: 1,
    State.NOT_STARTED: 3,
    State.CANNOT: 4,
}


def cli_check(exercise: str, answer: Sequence[str] = ()) -> int:
    """`pyctr-lab check 3.1 [ANSWER ...]`: the verdict that the cell gives, on the ground that the notebook has live.

    Without an answer, the one last given in the notebook counts. 0: passed. 1: not yet, almost, or no longer.
    3: not started, or no answer yet. 4: cannot be checked here. Raises BadInput for an unknown exercise.
    """
    from . import exercises

    verdict = exercises.check(exercise, list(answer)) if answer else exercises.check(exercise)
    if verdict.next.startswith("ground ="):  # Python, and here is a shell
        where = f"in a cell of lesson {exercise.partition('.')[0].zfill(2)} (./lab opens the course)"
        verdict = replace(verdict, next=f"{verdict.next}, {where}")
    print(verdict)
    return STATUS[verdict.state]


def cli_progress() -> int:
    """`pyctr-lab progress`: the map of the course as text. 0."""
    from . import progress

    print(progress.show())
    return 0


def cli_doctor() -> int:
    """`pyctr-lab doctor`: what this machine can do. 0: no lesson is blocked. 1: some are."""
    from . import doctor

    examination = doctor.examine()
    print(examination)
    return 1 if examination.blocked else 0


def cli_reset(what: str = "all") -> int:
    """`pyctr-lab reset 3.1|03|all`: takes an exercise, a lesson or all back. What was recorded is kept aside. 0."""
    from . import progress

    print(progress.reset(what))
    return 0
