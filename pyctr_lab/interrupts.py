"""Ctrl-C where this process waits, and nowhere else: as with the cancellation points of pthreads(7).

Python raises KeyboardInterrupt between any two instructions, also between an answer that has come and the line that
takes note of it: then a descriptor stays open, a process is never reaped, a control group never removed. So what keeps
books is `uninterrupted`: an interrupt is deferred to the next `waiting` block, or to the end.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ContextDecorator, contextmanager
from types import FrameType
from typing import Any

STUBBORN = 3  # so many interrupts are not deferred any more: the user wants to get out


class _State:
    """Of the main thread, which alone receives interrupts."""

    depth = 0  # of `uninterrupted` blocks
    firm = 0  # how many of them have no waiting inside
    open = False  # whether we are in a `waiting` block
    kept = 0  # interrupts
    handler: Callable[[int, FrameType | None], Any] | None = None  # whose they are


class uninterrupted(ContextDecorator):
    """A block, or a function, that Ctrl-C interrupts only where it is `waiting`; with `firm`, nowhere.

    Nothing else must take long in it. In other threads than the main one it does nothing.
    """

    def __init__(self, *, firm: bool = False) -> None:
        self._firm = firm

    def __enter__(self) -> None:
        if not is_main():
            return
        if not _State.depth:
            handler = signal.getsignal(signal.SIGINT)
            _State.handler, _State.kept = (handler, 0) if callable(handler) else (None, 0)
            if _State.handler is not None:
                signal.signal(signal.SIGINT, _keep)
        _State.depth += 1
        _State.firm += self._firm

    def __exit__(self, *_: object) -> None:
        if not is_main():
            return
        _State.depth -= 1
        _State.firm -= self._firm
        if not _State.depth and _State.handler is not None:
            signal.signal(signal.SIGINT, _State.handler)
            _hand_over()


@contextmanager
def waiting() -> Iterator[None]:
    """A block in which this process does nothing but wait: an interrupt, also one that was kept, is raised here."""
    if not is_main() or not _State.depth or _State.firm:
        yield
        return
    before, _State.open = _State.open, True
    try:
        _hand_over()
        yield
    finally:
        _State.open = before


def interrupted() -> bool:
    """Whether an interrupt is kept: what has just been made is not wanted any more."""
    return is_main() and bool(_State.kept)


def is_main() -> bool:
    """Whether this is the thread that receives interrupts."""
    return threading.current_thread() is threading.main_thread()


def _keep(number: int, frame: FrameType | None) -> None:
    _State.kept += 1
    if _State.open or _State.kept >= STUBBORN:
        _hand_over()


def _hand_over() -> None:
    if _State.kept and _State.handler is not None:
        _State.kept = 0
        _State.handler(signal.SIGINT, None)
