"""The one door of the command line: what any command needs before it begins, and how any failure is told."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from errno import ENOENT
from typing import TextIO

from ..errors import LabError, in_one_line
from ..kernel.calls import CallError
from ..kernel.descriptors import enough_descriptors, open_standard_streams
from ..runtime.carrier import EXECS
from .parser import parsed, parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status. As with `docker run`, 125 means that the lab itself failed."""
    open_standard_streams()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # inherited as ignored: the kernel would reap, and tell no status
    sys.stdout, sys.stderr = writable(sys.stdout), writable(sys.stderr)
    try:
        status = carried_out(argv)
        sys.stdout.flush()  # a full disk is to be told here, not by the interpreter as it ends
        return status
    except BrokenPipeError:  # `| head`: nobody reads on
        forget(1)
        return 128 + signal.SIGPIPE
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except (LabError, OSError) as why:
        return told(why)


def writable(stream: TextIO | None) -> TextIO:
    """A standard stream that takes every character. Python has none (None) where the descriptor was closed."""
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")  # a ? for what its alphabet lacks
    return stream


@enough_descriptors()
def carried_out(argv: Sequence[str] | None) -> int:
    """Run the command that the words name."""
    try:
        words = parsed(argv)
    except SystemExit:  # argparse has shown --help or --version
        return 0
    if not hasattr(words, "command"):
        parser().print_help()
        return 2
    return int(words.command(words))


def told(why: LabError | OSError) -> int:
    """Say what went wrong in one line. As shells have it, 127: no such program, 126: it cannot be started."""
    call, status, line = getattr(why, "call", None), getattr(why, "status", 125), in_one_line(why)
    if isinstance(why, CallError) and call is not None and call.name in EXECS:
        status = 127 if why.errno == ENOENT else 126
        line = in_one_line(LabError(f"{why.filename}: {why.strerror}", hint=why.hint or "in the container"))
    try:
        print(f"pyctr-lab: {line}", file=sys.stderr, flush=True)
    except OSError:  # nobody is left to be told
        forget(2)
    with suppress(OSError):
        sys.stdout.flush()
        return status
    forget(1)
    return status


def forget(fd: int) -> None:
    """What is still to be written to a standard stream goes nowhere: else the interpreter tries again as it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), fd)
