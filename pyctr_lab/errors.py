"""The exceptions of the course: one clear line each, with the way out.

LabError
  BadInput            refused before anything has happened
    OrderError        a recipe that cannot work
    Harm              a step that would change the lab's own world
  CallError           a system call failed (an OSError, as the kernel says); see kernel/calls.py
  GroupError          a control group refused what was written to it (an OSError, too)
  Unsupported         this machine or kernel refuses what the lab needs
  Gone                the process has ended
  Busy                the process is still inside an earlier call
  TimeExpired         a program or a call took longer than was allowed
"""

from __future__ import annotations

import os
from errno import errorcode
from typing import Any

NEW_LAB = "lab = Lab() opens a new one"  # the hint where something has ended with its lab


class LabError(Exception):
    """Base of all errors of the package. `hint` says what to do; it may be empty."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class BadInput(LabError, ValueError):
    """An argument that cannot be right. Nothing has happened."""


class OrderError(BadInput):
    """A recipe that cannot work: `step` would fail, for `reason`. Nothing has happened."""

    def __init__(self, message: str, *, step: object = None, reason: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.step = step
        self.reason = reason


class Harm(BadInput):
    """A step that would not fail, but change the lab's own world. Nothing has happened."""


class GroupError(LabError, OSError):
    """A control group refused what was written to one of its files. `errno` and `filename` are as in OSError."""

    def __init__(self, path: str, value: str, errno: int, *, hint: str = "") -> None:
        OSError.__init__(self, errno, os.strerror(errno), path)
        self.message = f"writing {value!r} to {path}: {errorcode.get(errno, errno)} ({os.strerror(errno)})"
        self.hint = hint

    __str__ = LabError.__str__


class Unsupported(LabError):
    """This machine or kernel refuses what the lab needs; `hint` says what mends it."""


class Gone(LabError):
    """The process has ended: nothing can be asked of it any more."""


class Busy(LabError):
    """The process is still inside an earlier call. Ending it (`kill`) is the only way out."""


class TimeExpired(LabError, TimeoutError):
    """A program or a call took longer than was allowed, and was ended. `run` is what a program had said until then."""

    def __init__(self, message: str, *, run: Any = None, hint: str = "") -> None:
        LabError.__init__(self, message, hint=hint)
        self.run = run

    __str__ = LabError.__str__


LONGEST = 200  # characters of one word in a complaint: a longer one is cut


def in_one_line(why: LabError | OSError) -> str:
    """An error as one line that can be printed, with the way out; a word of endless length is cut."""
    if isinstance(why, LabError):
        text = str(why)
    else:
        text = f"{why.filename}: {why.strerror}" if why.filename else why.strerror or str(why)
    words = (f"{word[:LONGEST]}..." if len(word) > LONGEST else word for word in text.split(" "))
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in " ".join(words))
