"""Entry of the command line: set up the process, run one command, print its error in one line."""

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
from .parser import parse_words, parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status. As with `docker run`, 125 means that the lab itself failed."""
    open_standard_streams()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # inherited as ignored, children leave no exit status
    sys.stdout, sys.stderr = tolerant_stream(sys.stdout), tolerant_stream(sys.stderr)
    try:
        status = run_command(argv)
        sys.stdout.flush()  # report a full disk here, not in the exit of the interpreter
        return status
    except BrokenPipeError:  # the reader has closed the pipe (`| head`)
        discard_output(1)
        return 128 + signal.SIGPIPE
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except (LabError, OSError) as why:
        return print_error(why)


def tolerant_stream(stream: TextIO | None) -> TextIO:
    """A standard stream that prints every character. Python has None for a closed descriptor."""
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")  # print ? for characters that the encoding lacks
    return stream


@enough_descriptors()
def run_command(argv: Sequence[str] | None) -> int:
    """Run the command that the words name."""
    try:
        words = parse_words(argv)
    except SystemExit:  # argparse has shown --help or --version
        return 0
    if not hasattr(words, "command"):
        parser().print_help()
        return 2
    return int(words.command(words))


def print_error(why: LabError | OSError) -> int:
    """Print an error in one line; return the exit status, as in a shell 127 for no such program, 126 if exec fails."""
    call, status, line = getattr(why, "call", None), getattr(why, "status", 125), in_one_line(why)
    if isinstance(why, CallError) and call is not None and call.name in EXECS:
        status = 127 if why.errno == ENOENT else 126
        line = in_one_line(LabError(f"{why.filename}: {why.strerror}", hint=why.hint or "in the container"))
    try:
        print(f"pyctr-lab: {line}", file=sys.stderr, flush=True)
    except OSError:  # standard error is closed or full as well
        discard_output(2)
    with suppress(OSError):
        sys.stdout.flush()
        return status
    discard_output(1)
    return status


def discard_output(fd: int) -> None:
    """Point a standard stream to /dev/null; otherwise the interpreter tries to flush it again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), fd)
