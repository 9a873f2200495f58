"""A crowd: how many instances can be alive at once, how fast they start, and what each takes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from ..engines import Engine
from ..engines.engine import processes
from .density import memory_available
from .memory import MIB, kernel_memory_note, total_memory
from .options import Measurement, TurnOptions
from .rows import Note

SHARE = 0.5  # of the available memory: more is not filled


def crowd_turn(engine: Engine, options: TurnOptions) -> Iterator[Measurement]:
    """Milliseconds of each start, with the number that were alive with it.

    One after another, until there are as many as were asked for, until the time is over, or until half of the memory is
    gone. At the end what each of them takes, in MiB: all that belongs to it, the kernel's part, and the growth of
    processes that were there before: a daemon, or our own runtime with its books.
    """
    before, began = processes(), time.monotonic()
    limit, number = (1 - SHARE) * memory_available(), 0
    empty = total_memory(before)
    try:
        while (options.count is None or number < options.count) and time.monotonic() - began < options.seconds:
            start = time.perf_counter()
            engine.add_to_crowd()
            number += 1
            yield Measurement((time.perf_counter() - start) * 1000, number)
            if number % 16 == 0 and memory_available() < limit:
                break
        if number:  # none where the time is over before the first, on a busy machine
            taken = total_memory(processes()) - empty
            yield Measurement(taken / MIB / number, number, of="each")
    finally:
        engine.end_crowd(before)


def crowd_notes(_engines: Mapping[str, Engine], _rootfs: Path) -> Iterator[Note]:
    """Whether the kernel's own part is counted."""
    yield from kernel_memory_note("density")
