"""The standard descriptors: 0, 1 and 2 are open before anything else is.

A process that starts with one of them closed gives its number to the next file or socket it opens, and each program
it starts inherits that: see execve(2). A program's standard input would then be the lab's control socket.
"""

from __future__ import annotations

import os
import resource
from contextlib import ContextDecorator
from errno import EMFILE, ENFILE

from ..errors import LabError, Unsupported

STANDARD = (0, 1, 2)


def open_standard_streams() -> None:
    """Open /dev/null on each standard descriptor that is closed; inherited at exec. Call it before opening anything."""
    fd = os.open(os.devnull, os.O_RDWR)
    while fd in STANDARD:
        os.set_inheritable(fd, True)
        fd = os.open(os.devnull, os.O_RDWR)
    os.close(fd)


class enough_descriptors(ContextDecorator):
    """Decorator and context: turn EMFILE and ENFILE into Unsupported with a hint (RLIMIT_NOFILE is reached)."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, why: BaseException | None, __: object) -> None:
        if isinstance(why, OSError) and why.errno in (EMFILE, ENFILE) and not isinstance(why, LabError):
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            more = f"ulimit -n {hard} in the shell that starts it" if soft < hard else "`pyctr-lab doctor` says more"
            hint = f"wait for programs that have ended, which frees three each; {more}"
            raise Unsupported(f"this process has {soft} files open, and may have no more", hint=hint) from why
