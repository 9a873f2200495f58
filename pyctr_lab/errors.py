"""The exceptions of the package: a message of one line, with a hint what to do.

LabError
  BadInput            a wrong argument, refused before any system call
    OrderError        a recipe that cannot work
    Harm              a step that would change the lab's own namespaces
  CallError           a system call failed (an OSError, as the kernel says); see kernel/calls.py
  GroupError          a write to a file of a control group failed (an OSError, too)
  Unsupported         this machine or kernel lacks or refuses a feature
  Gone                the process has ended
  Busy                the process is still inside an earlier call, or what is wanted is in use
  TimeExpired         a program or a call took longer than its timeout
"""

from __future__ import annotations

import os
from errno import errorcode
from typing import Any

NEW_LAB = "lab = Lab() opens a new one"  # the hint after the end of a lab


class LabError(Exception):
    """Base of all errors of the package. `hint` says what to do; it may be empty."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class BadInput(LabError, ValueError):
    """A wrong argument, refused before any system call."""


class OrderError(BadInput):
    """A recipe that cannot work: `step` would fail, for `reason`. Raised before any system call."""

    def __init__(self, message: str, *, step: object = None, reason: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.step = step
        self.reason = reason


class Harm(BadInput):
    """A step that would change the lab's own namespaces. Raised before any system call."""


class GroupError(LabError, OSError):
    """A write to a file of a control group failed. `errno` and `filename` are as in OSError."""

    def __init__(self, path: str, value: str, errno: int, *, hint: str = "") -> None:
        OSError.__init__(self, errno, os.strerror(errno), path)
        self.message = f"writing {value!r} to {path}: {errorcode.get(errno, errno)} ({os.strerror(errno)})"
        self.hint = hint

    __str__ = LabError.__str__


class Unsupported(LabError):
    """This machine or kernel lacks or refuses a feature; `hint` says how to get it."""


class Gone(LabError):
    """The process has ended."""


class Busy(LabError):
    """The process is still inside an earlier call, which only `kill` ends; or another machine has the disk."""


class TimeExpired(LabError, TimeoutError):
    """A program or a call took longer than its timeout, and was killed. `run` has the program's output until then."""

    def __init__(self, message: str, *, run: Any = None, hint: str = "") -> None:
        LabError.__init__(self, message, hint=hint)
        self.run = run

    __str__ = LabError.__str__


LONGEST = 200  # characters of one word of a message; a longer word is cut


def in_one_line(why: LabError | OSError) -> str:
    """An error as one printable line, with its hint; words are cut at LONGEST."""
    if isinstance(why, LabError):
        text = str(why)
    else:
        text = f"{why.filename}: {why.strerror}" if why.filename else why.strerror or str(why)
    words = (f"{word[:LONGEST]}..." if len(word) > LONGEST else word for word in text.split(" "))
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in " ".join(words))
