"""How an experiment is carried out: in a room, the engines in turns, every sample told at once.

    results = measure("startup", engines=["ours", "runc"], budget=20)

Fairness is in the order: each round asks every engine once, in an order shuffled anew, so that a hiccup of the machine
does not hit the same one always. The first round is a warm-up. Time is limited by a budget: an engine whose turn is
dear gets fewer of them, and the results say so. Nothing is thrown away.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..engines import ALL, Engine, Room, rootfs
from ..engines.inside import WORK
from ..engines.survey import known, with_kernel
from ..errors import BadInput, LabError
from . import cost, crowd, memory, start
from .asked import Asked, Taken
from .samples import UNITS, Results, Sample, machine, sample

Turn = Callable[[Engine, Asked], Iterable[Taken]]
"""One turn of an engine: its values."""

BUDGET = 60.0  # seconds for one experiment
REPETITIONS = 20
MOST = 10_000
INTERRUPTED, CUT_SHORT = "interrupted", "cut short"  # how the notes of such results begin
LEAST, LITTLE = 3, 10.0  # turns that count, however dear they are; with a budget below this many seconds only one


@dataclass(frozen=True)
class Experiment:
    """What is done in one turn, and how many turns are enough."""

    turn: Turn
    repetitions: int = REPETITIONS
    warm_up: bool = True
    unless_named: tuple[str, ...] = ()  # engines that are only measured when somebody asks for them


STARTS = ("floor", "ours+fork")  # which differ from others in how they start, and in nothing else
NO_NEWS = (*STARTS, "ours+limits")  # half a core computes half as fast
DENSE = ("ours", "bubblewrap", "runc", "qemu")  # of these a crowd is made: each of them fills its time
EXPERIMENTS = {
    "startup": Experiment(start.startup),
    "first_output": Experiment(start.first_output),
    "memory": Experiment(memory.one_and_tenth, repetitions=3, unless_named=STARTS),
    "disk": Experiment(memory.disk, repetitions=1, warm_up=False, unless_named=STARTS),
    "cpu": Experiment(cost.cpu, repetitions=9, unless_named=NO_NEWS),
    "syscalls": Experiment(cost.syscalls, repetitions=5, unless_named=NO_NEWS),
    "files": Experiment(cost.files, repetitions=5, unless_named=NO_NEWS),
    "density": Experiment(
        crowd.crowd, repetitions=1, warm_up=False, unless_named=tuple(name for name in ALL if name not in DENSE)
    ),
    "empty": Experiment(start.empty),
}


@dataclass(frozen=True)
class Progress:
    """How far it is: `done` of `total` turns, about `left` seconds to go; None while nobody knows."""

    experiment: str
    done: int
    total: int
    left: float | None
    engine: str = ""


# --------------------------------------------------------------------------------------------------------- from outside
def measure(
    experiments: str | Iterable[str],
    *,
    engines: Iterable[str] | None = None,
    repetitions: int | None = None,
    budget: float = BUDGET,
    count: int | None = None,
    seed: int = 1,
    progress: Callable[[Progress], object] | None = None,
) -> Results:
    """Carries out one or several experiments, and returns all samples. See `EXPERIMENTS` for the names.

    `budget` is in seconds, for each experiment; `repetitions` the turns of each engine (default: what the experiment
    needs); `count` how many instances a crowd may have at most; `seed` makes the order of the turns. An interrupt ends
    it, and what was measured until then is returned: `notes` says so. Raises BadInput for what cannot be; LabError when
    a room ends before its work does and there is nothing to keep yet: else `notes` says so, and the rest goes on.
    """
    results = Results(machine=machine())
    moving = live(
        experiments, engines=engines, repetitions=repetitions, budget=budget, count=count, seed=seed, progress=progress
    )
    try:
        for results in moving:  # noqa: B007  the newest is what is wanted
            pass
    except KeyboardInterrupt:
        results.notes.append(f"{INTERRUPTED}: what had been measured by then")
    finally:
        moving.close()
    return results


def live(
    experiments: str | Iterable[str],
    *,
    engines: Iterable[str] | None = None,
    repetitions: int | None = None,
    budget: float = BUDGET,
    count: int | None = None,
    seed: int = 1,
    progress: Callable[[Progress], object] | None = None,
) -> Generator[Results, None, None]:
    """As `measure`, but gives the results so far after each sample: the same object, which grows."""
    wanted = named(experiments)
    order = Order(repetitions, budget, count, seed).checked()
    names = known(engines)
    chosen = {
        name: [each for each in names if engines is not None or each not in EXPERIMENTS[name].unless_named]
        for name in wanted
    }
    with_kernel(name for each in chosen.values() for name in each)
    return _live(chosen, order, progress)


def _live(
    chosen: dict[str, list[str]], order: Order, progress: Callable[[Progress], object] | None
) -> Generator[Results, None, None]:
    results = Results(machine=machine())
    for name, names in chosen.items():
        with closing(told(name, names, order, results.samples)) as rows:
            for row in rows:
                if "sample" in row:
                    results.samples.append(sample(row["sample"]))
                elif "why" in row:
                    results.missing.setdefault(row["engine"], row["why"])
                elif "note" in row:
                    results.notes.append(row["note"])
                else:
                    if progress:
                        progress(Progress(**row["progress"]))
                    continue
                yield results
    yield results


def told(name: str, names: list[str], order: Order, kept: list[Sample]) -> Generator[dict[str, Any], None, None]:
    """What the room of one experiment says. One that ends too early is a note, unless there is nothing to keep."""
    try:
        with Room(f"{__name__}:work", name=name, engines=names, **asdict(order)) as room:
            yield from room
    except LabError as why:
        if not kept:
            raise
        yield {"note": f"{CUT_SHORT}: {name}: {why}"}


@dataclass(frozen=True)
class Order:
    """What somebody asks of an experiment, beyond its name."""

    repetitions: int | None = None
    budget: float = BUDGET
    count: int | None = None
    seed: int = 1

    def checked(self) -> Order:
        """The same. Raises BadInput for what cannot be."""
        for what, value in (("repetitions", self.repetitions), ("count", self.count)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST):
                raise BadInput(f"{what} cannot be {value!r:.40}", hint=f"a whole number from 1 to {MOST}")
        if isinstance(self.budget, bool) or not isinstance(self.budget, int | float) or not 0 < self.budget <= 86_400:
            raise BadInput(f"the budget cannot be {self.budget!r:.40}", hint="it is in seconds, above 0, a day at most")
        return self


def named(experiments: str | Iterable[str]) -> list[str]:
    """The experiments' names. Raises BadInput for one that is none."""
    wanted = [experiments] if isinstance(experiments, str) else list(experiments)
    for name in wanted:
        if name not in EXPERIMENTS:
            raise BadInput(f"there is no experiment {name!r:.40}", hint=f"there are {', '.join(EXPERIMENTS)}")
    if not wanted:
        raise BadInput("no experiment was named", hint=f"there are {', '.join(EXPERIMENTS)}")
    return list(dict.fromkeys(wanted))


# ---------------------------------------------------------------------------------------------------------- in the room
def work(
    name: str, engines: Sequence[str], repetitions: int | None, budget: float, count: int | None, seed: int
) -> Iterator[dict[str, Any]]:
    """Rows: a sample, an engine that is missing, a note, how far it is."""
    experiment, began = EXPERIMENTS[name], time.monotonic()
    tree = make_rootfs()
    with ExitStack() as stack:
        ready: dict[str, Engine] = {}
        for engine in engines:
            yield {"progress": asdict(Progress(name, 0, 0, None, engine))}
            try:
                ready[engine] = stack.enter_context(ALL[engine](Path(WORK) / engine, tree))
            except (LabError, OSError) as why:
                yield {"engine": engine, "why": without_name(str(why), engine)}
        asked = Asked(count, budget / max(1, len(ready)))
        # a machine has no warm-up: it would be the dearest of all, and its kernel's file is in memory at once
        number = {name_: 0 if experiment.warm_up and each.kind != "machine" else 1 for name_, each in ready.items()}
        turns = Turns(number, repetitions or experiment.repetitions, budget, random.Random(seed))
        while engine := turns.next():
            start_of_turn = time.monotonic()
            try:
                for taken in experiment.turn(ready[engine], asked):
                    now, what = round(time.monotonic() - began, 6), taken.of or name
                    row = Sample(what, engine, taken.value, UNITS[what], number[engine], taken.instances, now,
                                 ready[engine].emulated)  # fmt: skip
                    yield {"sample": asdict(row)}
            except (LabError, OSError) as why:
                turns.drop(engine)
                yield {"engine": engine, "why": f"{name}: {without_name(str(why), engine)}"}
            number[engine] += 1
            turns.took(engine, time.monotonic() - start_of_turn)
            yield {"progress": asdict(Progress(name, turns.done, turns.total, turns.left(), engine))}
        yield {"progress": asdict(Progress(name, turns.done, turns.done, 0.0))}
        yield from ({"note": note} for note in turns.notes(name))
        if name == "memory":
            yield from ({"note": note} for engine, each in ready.items() for note in once(engine, each))
        if name in ("memory", "density") and not memory.kernel_memory():
            yield {"note": f"{name}: without what the kernel itself keeps for them: no control group tells it here"}
        if name == "disk":
            yield {"note": f"disk: the root file system takes {memory.blocks(tree) / memory.MIB:.0f} MiB, once for all"}


def make_rootfs() -> Path:
    """The files that all engines get. Raises LabError where there is no room for them."""
    try:
        return rootfs.make(Path(WORK) / "rootfs")
    except OSError as why:
        raise LabError(f"the root file system cannot be made: {why.strerror}", hint="there must be 8 MiB left") from why


def once(name: str, engine: Engine) -> Iterator[str]:
    """What an engine's daemons take, whether a container runs or not."""
    taken = sum(map(memory.proportional, engine.daemons))
    if taken:
        yield f"memory: {name} takes {taken / memory.MIB:.0f} MiB once, for a process that is there in any case"


def without_name(text: str, engine: str) -> str:
    """What an engine complains of, without its name in front."""
    return text.removeprefix(f"{engine}: ").removeprefix(f"{engine} ")


class Turns:
    """Whose turn it is: rounds in shuffled orders, as many as the budget allows.

    Each engine has a share of the budget. One whose turns are dear has fewer of them, `LEAST` all the same; what
    somebody leaves is for the others.
    """

    def __init__(self, first: dict[str, int], repetitions: int, budget: float, order: random.Random) -> None:
        """`first` is the number of each engine's first turn: 0 where that is a warm-up."""
        least = min(repetitions, LEAST if budget >= LITTLE else 1)
        self.wanted = {engine: repetitions + 1 - number for engine, number in first.items()}
        self._least = {engine: least + 1 - number for engine, number in first.items()}
        self.budget, self._order = budget, order
        self.taken: dict[str, list[float]] = {engine: [] for engine in first}
        self._dropped: set[str] = set()
        self._round: list[str] = []

    @property
    def done(self) -> int:
        """Turns that were taken."""
        return sum(map(len, self.taken.values()))

    @property
    def total(self) -> int:
        """Turns that there will be at most."""
        return sum(len(self.taken[each]) if each in self._dropped else self.wanted[each] for each in self.wanted)

    def next(self) -> str:
        """The engine that is next; empty when it is over."""
        self._round = [each for each in self._round if self._may(each)]
        if not self._round:
            self._round = [each for each in self.wanted if self._may(each)]
            self._order.shuffle(self._round)
        return self._round.pop() if self._round else ""

    def _waiting(self) -> list[str]:
        return [each for each in self.wanted if each not in self._dropped and len(self.taken[each]) < self.wanted[each]]

    def _may(self, engine: str) -> bool:
        taken, waiting = self.taken[engine], self._waiting()
        if engine not in waiting:
            return False
        if len(taken) < self._least[engine]:
            return True
        others = sum(sum(seconds) for each, seconds in self.taken.items() if each not in waiting)
        return sum(taken) + statistics.median(taken) <= max(0.0, self.budget - others) / len(waiting)

    def took(self, engine: str, seconds: float) -> None:
        """A turn has been taken."""
        self.taken[engine].append(seconds)

    def drop(self, engine: str) -> None:
        """It failed: it gets no more turns."""
        self._dropped.add(engine)

    def left(self) -> float:
        """About how many seconds are to go: what is wanted, but no more than the budget."""
        needed = sum(
            (self.wanted[each] - len(self.taken[each])) * statistics.median(self.taken[each])
            for each in self._waiting()
            if self.taken[each]
        )
        return max(0.0, min(needed, self.budget - sum(map(sum, self.taken.values()))))

    def notes(self, name: str) -> Iterator[str]:
        """Who got fewer turns than were wanted, in one line."""
        some = [f"{each} had {len(self.taken[each])} of {self.wanted[each]}" for each in self._waiting()]
        if some:
            yield f"{name}: {self.budget:g} s are not enough for all turns: {', '.join(some)}"
