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

from .grading.session import Session
from .lessons import ALL

__all__ = ["ALL", "SESSION", "another", "check", "hint", "named", "reset", "reveal", "start"]

#: The one of this process.
SESSION = Session(ALL)

named, start, check, hint = SESSION.named, SESSION.start, SESSION.check, SESSION.hint
reveal, another, reset = SESSION.reveal, SESSION.another, SESSION.reset
