"""What one notebook has open: the ground of each exercise, and how far its hints were read.

The truth is in the kernel, never in a variable: the same check runs in a terminal, `pyctr-lab check 3.1`.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from ...errors import BadInput, Gone, Unsupported
from ..learner import records
from ..learner.page import Page
from .exercise import Exercise
from .grade import BEFORE, grade, without_ground
from .ground import Ground, Shown
from .question import Values
from .registry import Entry, entry, find, keep, moved, own_name
from .submissions import PROGRAM_NAMES
from .verdicts import Verdict
from .view import Unreadable

if TYPE_CHECKING:
    from ...runtime import Lab

#: Seconds until a check says that it is under way. A slow machine whose outputs are compared sets more.
PATIENCE = float(os.environ.get("PYCTR_LAB_PATIENCE", "1"))


class Session:
    """The exercises as one notebook uses them. A variable of the learner's is never asked: the kernel is."""

    def __init__(self, exercises: Mapping[str, Exercise]) -> None:
        self.exercises = exercises
        self.grounds: dict[str, Ground] = {}
        self.shown: dict[str, Shown] = {}  # what the learner holds of them
        self.entries: dict[str, Entry] = {}  # what a terminal reads of them
        self.tiers: dict[str, int] = {}  # the hint last read
        self.watched: object = None  # the notebook's shell, once it reports the end of each cell

    def named(self, exercise: str) -> Exercise:
        """The exercise with this id. Raises BadInput that lists all ids."""
        found = self.exercises.get(str(exercise))
        if found is None:
            known = ", ".join(self.exercises)
            raise BadInput(f"there is no exercise {str(exercise)[:40]!r}", hint=f"there are {known}")
        return found

    def start(self, exercise: str, lab: Lab | None = None, *, seed: int | None = None) -> Ground:
        """Make the ground of an exercise in a lab (the newest open one, if none is named). The earlier ground ends.

        Each learner has variants of their own; `seed` or `another` give more. A variable that holds the earlier
        ground holds the new one from now on. Raises Unsupported where this machine lacks what the exercise
        needs.
        """
        found = self.named(exercise)
        if missing_here := found.unavailable_reason():
            raise Unsupported(missing_here)
        lab = current_lab() if lab is None else _a_lab(lab)
        earlier = self.shown.get(found.id)
        self.end(found.id)
        seed = records.seed(found.id) if seed is None else seed
        ground = Ground(found, lab, seed, found.variant(seed))
        found.setup(ground)
        PROGRAM_NAMES.update({program: name for name, program in ground.programs.items()})
        self.grounds[found.id] = ground
        shown = self.shown[found.id] = earlier.become(ground) if earlier else ground.shown()
        self.entries[found.id] = entry(ground)
        self.tiers[found.id] = 0
        records.started(found.id, seed, own_name())
        self._watch_cells()
        keep(self.entries)
        return shown

    def check(self, exercise: str, answer: object = BEFORE, *more: object) -> Verdict:
        """Ask the kernel how an exercise stands. An answer is needed only where the question asks for one.

        Without it, the one given before counts; several are one answer of many parts. A notebook checks its own ground,
        a terminal that of any notebook.
        """
        if more:
            answer = (answer, *more)
        found = self.named(exercise)
        with _patience(found.id):
            self._follow(found.id)
            live = self.entries.get(found.id) or (find(found) if notebook_shell() is None else None)
            if live is None:
                return without_ground(found)
            if found.id in self.grounds and self.grounds[found.id].lab.closed:
                return without_ground(found, closed=True)
            verdict, live = grade(found, live, answer)
            if found.id in self.entries:
                self.entries[found.id] = live
                keep(self.entries)
            return verdict

    def hint(self, exercise: str, tier: int | None = None, *, back: bool = False) -> Page:
        """The next hint of an exercise, the one before (`back=True`), or the one with a number."""
        found = self.named(exercise)
        if tier is not None and not 1 <= tier <= len(found.hints):
            raise BadInput(f"exercise {found.id} has hints 1 to {len(found.hints)}")
        now = tier or min(max(self.tiers.get(found.id, 0) + (-1 if back else 1), 1), len(found.hints))
        self.tiers[found.id] = now
        records.hinted(found.id, now)
        words = found.hint(now, self._values(found))
        page = Page(f"Hint {now} of {len(found.hints)}, exercise {found.id}").line(words)
        ways = [("back", f'exercises.hint("{found.id}", back=True)')] if now > 1 else []
        last = now == len(found.hints)
        way, word = ("a solution", "reveal") if last else ("more", "hint")
        ways.append((way, f'exercises.{word}("{found.id}")'))
        return page.rows(ways)

    def reveal(self, exercise: str) -> Page:
        """A solution: the lines that the course's own tests run, and what they show."""
        found = self.named(exercise)
        records.revealed(found.id)
        return Page(f"A solution of exercise {found.id} “{found.title}”").code(found.source()).line(found.after)

    def another(self, exercise: str, lab: Lab | None = None) -> Ground:
        """The same question with other names and values, on fresh ground."""
        found = self.named(exercise)
        if lab is None and found.id in self.grounds and not self.grounds[found.id].lab.closed:
            lab = self.grounds[found.id].lab
        return self.start(found.id, lab, seed=found.next_seed(records.seed(found.id)))

    def reset(self, exercise: str) -> Page:
        """Take one exercise back to "not started", its ground away with it. What was recorded is kept aside."""
        found = self.named(exercise)
        self.end(found.id)
        keep(self.entries)
        kept = records.forget([found.id])
        where = f"What was recorded before is kept as {kept.name}." if kept else "Nothing had been recorded."
        page = Page(f"Exercise {found.id} is as if never touched").line(where)
        return page.rows([("next", f'ground = exercises.start("{found.id}", lab)')])

    def end(self, exercise: str) -> None:
        """End the ground that an exercise has in this notebook, if any."""
        ground = self.grounds.pop(exercise, None)
        self.entries.pop(exercise, None)
        if ground and not ground.lab.closed:
            for end in (self.exercises[exercise].teardown, Ground.end):
                with suppress(Unreadable, Gone):  # its lab was killed: nothing is left to be ended
                    end(ground)

    def _values(self, exercise: Exercise) -> Values:
        """Those of the ground that is open, else of the variant that the learner is at."""
        ground = self.grounds.get(exercise.id)
        return ground.values if ground else exercise.variant(records.seed(exercise.id))

    def _follow(self, exercise: str) -> None:
        """Ask for the process numbers again: after a pid step a container goes on as its own child."""
        ground = self.grounds.get(exercise)
        if ground is not None and not ground.lab.closed:
            self.entries[exercise] = moved(self.entries[exercise], ground.pids())

    def _after_cell(self, _result: object = None) -> None:
        """Bring up to date what a terminal reads."""
        before = dict(self.entries)
        for exercise in before:
            self._follow(exercise)
        if self.entries != before:
            keep(self.entries)

    def _watch_cells(self) -> None:
        """Register `_after_cell` with IPython. Outside of IPython, a check brings the registry up to date."""
        shell = notebook_shell()
        if shell is not None and shell is not self.watched:
            self.watched = shell
            shell.events.register("post_run_cell", self._after_cell)  # type: ignore[attr-defined]


def current_lab() -> Lab:
    """The newest open lab. Raises BadInput where there is none."""
    from ...runtime import Lab

    lab = Lab.current()
    if lab is None:
        raise BadInput("there is no open lab", hint="make one: lab = Lab(); a restart of the notebook's kernel ends it")
    return lab


def _a_lab(lab: object) -> Lab:
    """Return the argument if it is a lab. Raises BadInput: the name may have become something else meanwhile."""
    from ...runtime import Lab

    if not isinstance(lab, Lab):
        raise BadInput(f"{str(lab)[:40]!r} is no lab", hint="lab = Lab() opens one")
    return lab


def notebook_shell() -> object | None:
    """IPython's shell, if IPython has been imported."""
    module = sys.modules.get("IPython")
    return module.get_ipython() if module else None


@contextmanager
def _patience(exercise: str) -> Iterator[None]:
    """Print that a check is under way when it takes longer than PATIENCE seconds."""
    timer = threading.Timer(PATIENCE, print, [f"checking {exercise} ..."], {"file": sys.stderr})
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
