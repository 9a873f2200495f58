"""How many can be there at once, how fast they come, and what each of them takes."""

from __future__ import annotations

import time
from collections.abc import Iterator

from ..engines import Engine
from ..engines.engine import processes
from .asked import Asked, Taken
from .density import memory_available
from .memory import MIB, total

SHARE = 0.5  # of the memory that is there: more is not filled


def crowd(engine: Engine, asked: Asked) -> Iterator[Taken]:
    """Milliseconds of each start, with the number that were alive with it.

    One after another, until there are as many as were asked for, until the time is over, or until half of the memory is
    gone. At the end what each of them takes, in MiB: all that belongs to it, the kernel's part, and what whoever was
    there before has grown by: a daemon, or our own runtime with its books.
    """
    before, began = processes(), time.monotonic()
    limit, number = (1 - SHARE) * memory_available(), 0
    empty = total(before)
    try:
        while (asked.count is None or number < asked.count) and time.monotonic() - began < asked.seconds:
            start = time.perf_counter()
            engine.begin()
            number += 1
            yield Taken((time.perf_counter() - start) * 1000, number)
            if number % 16 == 0 and memory_available() < limit:
                break
        taken = total(processes()) - empty
        yield Taken(taken / MIB / number, number, of="each")
    finally:
        engine.end_crowd(before)
