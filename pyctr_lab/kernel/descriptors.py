"""The standard descriptors: 0, 1 and 2 are open before anything else is.

A process that starts with one of them closed gives that number to the next file or socket it opens, and hands it to
each program that it starts: see execve(2). A program's standard input would be the lab's own control socket.
"""

from __future__ import annotations

import os

STANDARD = (0, 1, 2)


def open_standard_streams() -> None:
    """Open /dev/null on each standard descriptor that is closed. Call it before anything else is opened.

    A program that this process starts inherits them, as it would inherit any other standard stream.
    """
    fd = os.open(os.devnull, os.O_RDWR)
    while fd in STANDARD:
        os.set_inheritable(fd, True)
        fd = os.open(os.devnull, os.O_RDWR)
    os.close(fd)
