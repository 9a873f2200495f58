"""The exercises of the course, as a notebook uses them.

    from pyctr_lab.course import exercises

    ground = exercises.start("3.1", lab)     # live containers of its own; `ground` shows the question
    answer = (..., ...)                      # yours
    exercises.check("3.1", answer)           # asks the kernel; says what it saw
    exercises.hint("3.1")                    # the next hint; hint("3.1", back=True), hint("3.1", 2)
    exercises.another("3.1")                 # the same question with other values
    exercises.reveal("3.1")                  # a solution
    exercises.reset("3.1")                   # as if never touched

Each exercise makes its own ground, so any order works. The truth is in the kernel, never in a variable: the same
check runs in a terminal, `pyctr-lab check 3.1`.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..errors import BadInput, Unsupported
from . import progress
from .grading.exercise import Exercise, Ground, Values
from .grading.grade import BEFORE, grade, without_ground
from .grading.registry import Entry, entry, find, keep, moved
from .grading.verdicts import Verdict
from .grading.view import end_below
from .learner.page import Page
from .lessons.lesson_00 import two_numbers
from .lessons.lesson_01 import zombie_of_your_own
from .lessons.lesson_02 import machine_to_order, promised_not_taken, pull_the_plug
from .lessons.lesson_03 import first_and_root, one_network_for_two, two_in_one_room, who_sees_it
from .lessons.lesson_04 import (
    part_of_one_core,
    room_and_no_more,
    tree_that_will_not_end,
    two_share_a_number,
    which_limit,
)
from .lessons.lesson_09 import beyond_doubt, which_fits

if TYPE_CHECKING:
    from ..runtime import Lab

__all__ = ["ALL", "another", "check", "hint", "named", "reset", "reveal", "start"]

_LESSONS = (
    two_numbers,
    zombie_of_your_own,
    promised_not_taken,
    pull_the_plug,
    machine_to_order,
    two_in_one_room,
    first_and_root,
    who_sees_it,
    one_network_for_two,
    which_limit,
    room_and_no_more,
    tree_that_will_not_end,
    part_of_one_core,
    two_share_a_number,
    beyond_doubt,
    which_fits,
)

#: Every exercise by its id, in the order of the course.
ALL: dict[str, Exercise] = {each.id: each for lesson in _LESSONS for each in lesson.EXERCISES}

#: Seconds until a check says that it is under way. A slow machine whose outputs are compared sets more.
PATIENCE = float(os.environ.get("PYCTR_LAB_PATIENCE", "1"))

_open: dict[str, Ground] = {}
_entries: dict[str, Entry] = {}
_tier: dict[str, int] = {}


def named(exercise: str) -> Exercise:
    """The exercise with this id. Raises BadInput, with those that there are."""
    found = ALL.get(str(exercise))
    if found is None:
        raise BadInput(f"there is no exercise {str(exercise)[:40]!r}", hint=f"there are {', '.join(ALL)}")
    return found


def start(exercise: str, lab: Lab | None = None, *, seed: int | None = None) -> Ground:
    """Makes the ground of an exercise in a lab (the newest open one, if none is named). What was there of it ends.

    The first variant is the same for everybody; `seed` or `another` give more. A variable that holds the earlier
    ground holds the new one from now on. Raises Unsupported where this machine lacks what the exercise needs.
    """
    found = named(exercise)
    if missing_here := found.hindrance():
        raise Unsupported(missing_here)
    lab = _current_lab() if lab is None else _a_lab(lab)
    earlier = _open.get(found.id)
    _end(found.id)
    seed = progress.seed(found.id) if seed is None else seed
    ground = Ground(found, lab, seed, found.variant(seed))
    found.setup(ground)
    ground = earlier.become(ground) if earlier else ground
    _open[found.id] = ground
    _entries[found.id] = entry(ground)
    _tier[found.id] = 0
    progress.started(found.id, seed)
    _watch_cells()
    keep(_entries)
    return ground


def check(exercise: str, answer: object = BEFORE) -> Verdict:
    """Asks the kernel how it stands with an exercise. An answer is needed only where the question asks for one.

    Without it, the one given before counts. In a notebook the ground is its own; a terminal looks into all of them.
    """
    found = named(exercise)
    with _patience(found.id):
        _follow(found.id)
        live = _entries.get(found.id) or (find(found.id) if _shell() is None else None)
        if live is None:
            return without_ground(found)
        if found.id in _open and _open[found.id].lab.closed:
            return without_ground(found, closed=True)
        verdict, live = grade(found, live, answer)
        if found.id in _entries:
            _entries[found.id] = live
            keep(_entries)
        return verdict


def hint(exercise: str, tier: int | None = None, *, back: bool = False) -> Page:
    """The next hint of an exercise, the one before (`back=True`), or the one with a number."""
    found = named(exercise)
    if tier is not None and not 1 <= tier <= len(found.hints):
        raise BadInput(f"exercise {found.id} has hints 1 to {len(found.hints)}")
    now = tier or min(max(_tier.get(found.id, 0) + (-1 if back else 1), 1), len(found.hints))
    _tier[found.id] = now
    progress.hinted(found.id, now)
    page = Page(f"Hint {now} of {len(found.hints)}, exercise {found.id}").line(found.hint(now, _values(found)))
    ways = [("back", f'exercises.hint("{found.id}", back=True)')] if now > 1 else []
    last = now == len(found.hints)
    way, word = ("a solution", "reveal") if last else ("more", "hint")
    ways.append((way, f'exercises.{word}("{found.id}")'))
    return page.rows(ways)


def reveal(exercise: str) -> Page:
    """A solution: the lines that the course's own tests run, and what they show."""
    found = named(exercise)
    progress.revealed(found.id)
    return Page(f"A solution of exercise {found.id} “{found.title}”").code(found.source()).line(found.after)


def another(exercise: str, lab: Lab | None = None) -> Ground:
    """The same question with other names and values, on fresh ground."""
    found = named(exercise)
    if lab is None and found.id in _open and not _open[found.id].lab.closed:
        lab = _open[found.id].lab
    return start(found.id, lab, seed=progress.seed(found.id) + 1)


def reset(exercise: str) -> Page:
    """Takes one exercise back to "not started", its ground away with it. What was recorded is kept aside."""
    found = named(exercise)
    _end(found.id)
    keep(_entries)
    kept = progress.forget([found.id])
    where = f"What was recorded before is kept as {kept.name}." if kept else "Nothing had been recorded."
    return Page(f"Exercise {found.id} is as if never touched").line(where)


def _current_lab() -> Lab:
    from ..runtime import Lab

    lab = Lab.current()
    if lab is None:
        raise BadInput("there is no open lab", hint="make one: lab = Lab(); a restart of the notebook's kernel ends it")
    return lab


def _a_lab(lab: object) -> Lab:
    """What was given, if it is a lab. Raises BadInput for a name that has become something else meanwhile."""
    from ..runtime import Lab

    if not isinstance(lab, Lab):
        raise BadInput(f"{str(lab)[:40]!r} is no lab", hint="lab = Lab() opens one")
    return lab


def _end(exercise: str) -> None:
    """Ends the ground that an exercise has in this notebook, if any."""
    ground = _open.pop(exercise, None)
    _entries.pop(exercise, None)
    if ground is None or ground.lab.closed:
        return
    ground.exercise.dissolve(ground)
    for box in ground.boxes.values():
        if box.alive:
            _end_below(ground.lab, box.host_pid)
            box.kill()
    for program in ground.programs.values():  # those of a container that was killed have outlived it
        if program.alive:
            _end_below(ground.lab, program.host_pid)
            program.kill()
        ground.lab.reaper.forget(program.host_pid)
    for group in ground.groups.values():
        group.remove()


def _end_below(lab: Lab, top: int) -> None:
    for pid in end_below(top):
        lab.reaper.forget(pid)  # so that the lab reaps it


def _values(exercise: Exercise) -> Values:
    """Those of the ground that is open, else of the variant that the learner is at."""
    ground = _open.get(exercise.id)
    return ground.values if ground else exercise.variant(progress.seed(exercise.id))


def _follow(exercise: str) -> None:
    """A pid step makes a container go on as its own child: its number is asked for again."""
    ground = _open.get(exercise)
    if ground is not None and not ground.lab.closed:
        _entries[exercise] = moved(_entries[exercise], ground.pids())


def _after_cell(_result: object = None) -> None:
    """After each cell, what the terminal reads is brought up to date."""
    before = dict(_entries)
    for exercise in before:
        _follow(exercise)
    if _entries != before:
        keep(_entries)


_watched: list[object] = []


def _watch_cells() -> None:
    """Inside IPython only. Outside, a check brings the registry up to date."""
    shell = _shell()
    if shell is not None and shell not in _watched:
        _watched.append(shell)
        shell.events.register("post_run_cell", _after_cell)  # type: ignore[attr-defined]


def _shell() -> object | None:
    """The notebook's shell, without importing IPython where nobody else has."""
    module = sys.modules.get("IPython")
    return module.get_ipython() if module else None


@contextmanager
def _patience(exercise: str) -> Iterator[None]:
    """Says that a check is under way when it takes longer than a blink."""
    timer = threading.Timer(PATIENCE, print, [f"checking {exercise} ..."], {"file": sys.stderr})
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
