"""How long a start takes: to the end of a program that does nothing, and to the first word of one."""

from __future__ import annotations

import time
from collections.abc import Iterator

from ..engines import Engine
from ..errors import LabError
from .options import Measurement, TurnOptions

COMMAND = ("/bin/true",)


def startup_turn(engine: Engine, _: TurnOptions) -> Iterator[Measurement]:
    """Milliseconds from the call to the reaped process of /bin/true: a whole life, with all that the engine does."""
    began = time.perf_counter()
    run = engine.run(COMMAND)
    took = time.perf_counter() - began
    if run.returncode:
        said = " ".join(run.stderr.split())[-200:]
        raise LabError(f"{engine.name} ended with status {run.returncode}: {said}")
    yield Measurement(took * 1000)


def first_output_turn(engine: Engine, _: TurnOptions) -> Iterator[Measurement]:
    """Milliseconds from the call to the first line of output of a program in the container."""
    instance = engine.start()
    instance.stop()
    yield Measurement(instance.seconds * 1000)


def empty_turn(_engine: Engine, _: TurnOptions) -> Iterator[Measurement]:
    """Milliseconds of nothing: what measuring itself costs."""
    began = time.perf_counter()
    took = time.perf_counter() - began
    yield Measurement(took * 1000)
