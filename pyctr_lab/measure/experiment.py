"""The experiments: what each does in one turn of an engine, how many turns are enough, what must be said with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..engines import ALL, Engine
from ..errors import BadInput
from ..kernel.checks import check_list
from .cost import cpu_turn, files_turn, syscalls_turn
from .crowd import crowd_notes, crowd_turn
from .memory import disk_notes, disk_turn, memory_notes, memory_turn
from .options import Measurement, TurnOptions
from .rows import Note, PaidOnce
from .start import empty_turn, first_output_turn, startup_turn

Turn = Callable[[Engine, TurnOptions], Iterable[Measurement]]
"""One turn of an engine: its values."""
Notes = Callable[[Mapping[str, Engine], Path], Iterator[Note | PaidOnce]]
"""What must be said with the samples of these engines, which share a root file system."""

REPETITIONS = 20


def no_notes(_engines: Mapping[str, Engine], _rootfs: Path) -> Iterator[Note]:
    """Nothing."""
    yield from ()


@dataclass(frozen=True)
class Experiment:
    """What is done in one turn, how many turns are enough, and the notes at the end."""

    turn: Turn
    repetitions: int = REPETITIONS
    warm_up: bool = True
    unless_named: tuple[str, ...] = ()  # engines that are only measured when they are asked for by name
    notes: Notes = no_notes


STARTS = ("floor", "ours+fork")  # which differ from others in how they start, and in nothing else
NO_NEWS = (*STARTS, "ours+limits")  # half a core computes half as fast
DENSE = ("ours", "bubblewrap", "runc", "qemu")  # of these a crowd is made: each of them fills its time
EXPERIMENTS = {
    "startup": Experiment(startup_turn),
    "first_output": Experiment(first_output_turn),
    "memory": Experiment(memory_turn, repetitions=3, unless_named=STARTS, notes=memory_notes),
    "disk": Experiment(disk_turn, repetitions=1, warm_up=False, unless_named=STARTS, notes=disk_notes),
    "cpu": Experiment(cpu_turn, repetitions=9, unless_named=NO_NEWS),
    "syscalls": Experiment(syscalls_turn, repetitions=5, unless_named=NO_NEWS),
    "files": Experiment(files_turn, repetitions=5, unless_named=NO_NEWS),
    "density": Experiment(
        crowd_turn,
        repetitions=1,
        warm_up=False,
        unless_named=tuple(name for name in ALL if name not in DENSE),
        notes=crowd_notes,
    ),
    "empty": Experiment(empty_turn),
}


def known_experiments(experiments: str | Iterable[str]) -> list[str]:
    """The experiments' names. Raises BadInput for one that is none."""
    wanted = [experiments] if isinstance(experiments, str) else check_list(experiments, "experiments")
    for name in wanted:
        if not isinstance(name, str) or name not in EXPERIMENTS:
            raise BadInput(f"there is no experiment {name!r:.40}", hint=f"there are {', '.join(EXPERIMENTS)}")
    if not wanted:
        raise BadInput("no experiment was named", hint=f"there are {', '.join(EXPERIMENTS)}")
    return list(dict.fromkeys(wanted))
