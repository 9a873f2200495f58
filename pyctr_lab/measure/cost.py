"""What it costs while it runs: a computation, system calls, files. The start is not in it: our clock begins inside."""

from __future__ import annotations

from collections.abc import Iterator

from ..engines import Engine
from .asked import Asked, Taken

ADDITIONS = 500_000
CALLS = 20_000
COMPUTE = f"awk 'BEGIN {{ for (i = 0; i < {ADDITIONS}; i++) s += i }}'"
ASK = f"dd if=/dev/zero of=/dev/null bs=1 count={CALLS} 2>/dev/null"
READ = "cat /data/*"


def cpu(engine: Engine, _: Asked) -> Iterator[Taken]:
    """Seconds for half a million additions in awk: no system call in between."""
    yield Taken(engine.clock(COMPUTE))


def syscalls(engine: Engine, _: Asked) -> Iterator[Taken]:
    """System calls a second: dd(1) reads and writes one byte at a time, two calls for each."""
    yield Taken(2 * CALLS / engine.clock(ASK))


def files(engine: Engine, _: Asked) -> Iterator[Taken]:
    """Seconds to read a thousand small files, which are in memory already."""
    yield Taken(engine.clock(READ))
