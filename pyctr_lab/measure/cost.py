"""Running cost: a computation, system calls, files. The start is not in it: the clock begins inside."""

from __future__ import annotations

from collections.abc import Iterator

from ..engines import Engine
from .options import Measurement, TurnOptions

ADDITIONS = 500_000
CALLS = 20_000
COMPUTE = f"awk 'BEGIN {{ for (i = 0; i < {ADDITIONS}; i++) s += i }}'"
ASK = f"dd if=/dev/zero of=/dev/null bs=1 count={CALLS} 2>/dev/null"
READ = "cat /data/*"


def cpu_turn(engine: Engine, _: TurnOptions) -> Iterator[Measurement]:
    """Seconds for half a million additions in awk: no system call in between."""
    yield Measurement(engine.time_script(COMPUTE))


def syscalls_turn(engine: Engine, _: TurnOptions) -> Iterator[Measurement]:
    """System calls a second: dd(1) reads and writes one byte at a time, two calls for each."""
    yield Measurement(2 * CALLS / engine.time_script(ASK))


def files_turn(engine: Engine, _: TurnOptions) -> Iterator[Measurement]:
    """Seconds to read a thousand small files, which are in memory already."""
    yield Measurement(engine.time_script(READ))
