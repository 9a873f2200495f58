"""A noisy neighbour: what a log aggregator does to the latency of the web server that it logs, and what limits mend.

Three acts: the server alone, with the aggregator loose beside it, and with the aggregator in a control group. Three
real programs, each in a container; they share the lab's loopback, and the log. The load comes at a fixed rate, about
half of what the server can do: a real crowd does not wait for a slow server. Latencies are in milliseconds.
"""

from __future__ import annotations

import csv
import math
import os
import select
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from signal import SIGTERM
from typing import IO, NoReturn

from ..errors import BadInput, LabError, TimeExpired, Unsupported
from ..kernel import proc
from ..kernel.calls import mount, umount2
from ..kernel.checks import check_count, check_function, check_kind, check_seconds
from ..kernel.constants import MNT_DETACH, MS_NODEV, MS_NOSUID
from ..runtime import Lab, Program
from ..runtime.streams import Streams
from ..steps import ENVIRONMENT, ROOT, Bind, Limits, LoopbackUp, ReadOnlyRoot, Recipe
from .samples import least_median_greatest

PROGRAMS = Path(__file__).with_name("programs")
SHARED, DIGESTS = "/srv", "/var/tmp"  # the log is in memory, and goes with the lab; the digests are on a disk
LOG = f"{SHARED}/access.log"
YESTERDAY = 20_000  # lines that the log begins with
LOAD = 0.5  # the part of one processor that the requests keep busy
CLIENTS = 16
PATIENCE = 20.0  # seconds for a program to start, on a slow machine too
LIMITS = Limits(cpus=0.3, memory="256M", pids=32)
ACTS = ("alone", "loose", "limited")


@dataclass(frozen=True)
class Round:
    """One measurement. `latencies` are milliseconds from when each request was due, in that order.

    A request that was not answered at the end counts with its wait so far: a lower bound. `cores`, `memory` (bytes, at
    most), `written` (bytes) and `workers` are the aggregator's; `reached` says which of its limits have acted.
    """

    latencies: tuple[float, ...]
    answered: int
    seconds: float
    cores: float = 0.0
    memory: int = 0
    written: int = 0
    workers: int = 0
    reached: tuple[str, ...] = ()

    @property
    def throughput(self) -> float:
        """Answers a second."""
        return self.answered / self.seconds

    def percentile(self, percent: float) -> float:
        """The latency that so many percent of the requests did not exceed."""
        return percentile(self.latencies, percent)


@dataclass(frozen=True)
class Act:
    """The server alone, with the aggregator loose, or limited. `missing` says why an act could not be played."""

    name: str
    rate: float  # requests a second that were due
    rounds: tuple[Round, ...] = ()
    limits: Limits | None = None
    missing: str = ""

    @property
    def latencies(self) -> tuple[float, ...]:
        """Those of all rounds."""
        return tuple(each for round_ in self.rounds for each in round_.latencies)

    def spread(self, percent: float) -> tuple[float, float, float]:
        """Least, median and greatest of the rounds' percentiles."""
        return least_median_greatest([each.percentile(percent) for each in self.rounds])

    @property
    def p50(self) -> float:
        """Half of the requests were answered within so many milliseconds: the median round."""
        return self.spread(50)[1]

    @property
    def p99(self) -> float:
        """All but one in a hundred were answered within so many milliseconds: the median round."""
        return self.spread(99)[1]

    @property
    def throughput(self) -> float:
        """Answers a second: the median round."""
        return self.spread_of_throughput[1]

    @property
    def spread_of_throughput(self) -> tuple[float, float, float]:
        """Least, median and greatest of the rounds'."""
        return least_median_greatest([each.throughput for each in self.rounds])

    def __repr__(self) -> str:
        if self.missing:
            return f"Act({self.name!r}, missing={self.missing!r})"
        return f"Act({self.name!r}, p50={self.p50:.1f}, p99={self.p99:.1f}, throughput={self.throughput:.0f})"


def percentile(values: Sequence[float], percent: float) -> float:
    """By nearest rank: a value that was measured, none in between."""
    return sorted(values)[max(0, math.ceil(percent / 100 * len(values)) - 1)]


def unsteady(act: Act, alone: Act) -> str:
    """A reason why an act says little: few rounds, far apart, or a server that is late alone; empty where it can tell.

    Alone the server has twice the processor time that it needs. If it cannot keep up then, others have the processor.
    """
    if alone.throughput < 0.9 * alone.rate:
        return f"alone the server gave {alone.throughput:.0f} answers a second of {alone.rate:.0f} that were due"
    if len(act.rounds) < 2:
        return "one round only, so that there is no spread"
    least, _, greatest = act.spread(99)
    return "" if greatest <= 4 * least else f"spread {least:.3g} to {greatest:.3g} ms"


# ------------------------------------------------------------------------------------------------------ the experiment
def measure_neighbour(
    lab: Lab,
    limits: Limits | None = None,
    *,
    seconds: float = 1.0,
    rounds: int = 3,
    budget: float = 12.0,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Act, Act, Act]:
    """Play the acts in turn, up to `rounds` times, `seconds` each; no round is begun that would not end in `budget`.

    Where no control group can be had, the third act is missing, and says why. Raises LabError, with what it complained
    of, when a program does not start.
    """
    check_kind(lab, Lab, "the lab")
    check_seconds(budget, "the budget", most=86_400)
    check_function(progress, "progress")
    if check_seconds(seconds, "a round", most=60) < 0.1:
        raise BadInput(f"a round of {seconds} s is too short", hint="0.1 to 60 s")
    check_count(rounds, "rounds", most=100)
    limits = LIMITS if limits is None else check_kind(limits, Limits, "limits", hint='Limits(memory="64M")')
    missing = why_not_limited(lab, limits)
    names = ACTS[:2] if missing else ACTS
    played: dict[str, list[Round]] = {name: [] for name in ACTS}
    began = time.monotonic()
    with running_server(lab) as server:
        rate = server.rate(min(seconds, 0.5))
        for number in range(1, rounds + 1):
            for name in names[number % len(names) :] + names[: number % len(names)]:  # each comes first once
                played[name].append(server.play(rate, seconds, name, limits))
                if progress:
                    progress(sum(map(len, played.values())), rounds * len(names))
            if (time.monotonic() - began) * (number + 1) / number > budget:
                break
    alone, loose, limited = (Act(name, rate, tuple(played[name])) for name in ACTS)
    return alone, loose, replace(limited, limits=limits, missing=missing)


def why_not_limited(lab: Lab, limits: Limits) -> str:
    """Why no cgroup with these limits can be made here; empty when it can."""
    try:
        lab.cgroup(lab.groups.fresh_name(), limits).remove()
    except Unsupported as why:
        return str(why)
    return ""


@contextmanager
def running_server(lab: Lab) -> Iterator[Server]:
    """A server with its log, in a file system in memory that all three programs see."""
    with ExitStack() as stack:
        lab.host.call(mount("tmpfs", SHARED, "tmpfs", MS_NOSUID | MS_NODEV, "size=64m"))
        stack.callback(lab.host.call, umount2(SHARED, MNT_DETACH))
        server = stack.enter_context(started_program(lab, "server", LOG, YESTERDAY))
        yield Server(lab, server.program, int(server.line()))


@dataclass(frozen=True)
class Server:
    """A server that runs, and what is done beside it."""

    lab: Lab
    program: Program
    port: int

    def rate(self, seconds: float) -> float:
        """Requests a second that would keep it busy for `LOAD` of the time, from what it takes for each."""
        before = self.cpu()
        answered = self.load(0, seconds).answered
        return LOAD * max(1, answered) / max(self.cpu() - before, 0.01)

    def cpu(self) -> float:
        """Seconds of processor time that the server has used."""
        return proc.cpu_seconds(self.program.machine_pid)

    def load(self, rate: float, seconds: float) -> Round:
        """Send requests for `seconds`; the latencies."""
        with started_program(self.lab, "load", self.port, rate, seconds, CLIENTS) as load:
            lines = [line.split() for line in load.rest(seconds + PATIENCE).splitlines()]
        return Round(tuple(float(took) for took, _ in lines), sum(int(done) for _, done in lines), seconds)

    def play(self, rate: float, seconds: float, name: str, limits: Limits) -> Round:
        """One act, once."""
        if name == "alone":
            return self.load(rate, seconds)
        workers = 2 * len(os.sched_getaffinity(0))
        bound = limits if name == "limited" else None
        with started_program(self.lab, "aggregator", LOG, "/digests", workers, limits=bound) as aggregator:
            began, got = time.monotonic(), int(aggregator.line())
            played = self.load(rate, seconds)
            said = aggregator.end()
            lasted = time.monotonic() - began
        reached = tuple(map(str, aggregator.program.wait().reached))
        cpu, memory, blocks = said or (0.0, 0.0, 0.0)
        return replace(
            played, cores=cpu / lasted, memory=int(memory), written=512 * int(blocks), workers=got, reached=reached
        )


# -------------------------------------------------------------------------------------------------------- the programs
@dataclass(frozen=True)
class RunningProgram:
    """A program that runs, and the pipe that it writes into."""

    name: str
    program: Program
    said: IO[bytes]

    def line(self) -> str:
        """Its next line. Raises LabError when it ends or stays silent instead."""
        self._wait(PATIENCE)
        return self.said.readline().decode() or self._fail("ended")

    def rest(self, seconds: float) -> str:
        """Its output until its end. Raises LabError when nothing comes for `seconds`."""
        self._wait(seconds)
        text = self.said.read().decode()
        return text if self.program.wait(PATIENCE).returncode == 0 else self._fail("failed")

    def end(self) -> list[float]:
        """Send SIGTERM; returns the figures of its last line, none when it was killed."""
        self.program.kill(SIGTERM)
        with suppress(TimeExpired):
            self.program.wait(PATIENCE)
        return [float(word) for word in self.said.readline().split()] if self.program.poll() is not None else []

    def _wait(self, seconds: float) -> None:
        if not select.select([self.said], [], [], seconds)[0]:
            self._fail(f"said nothing for {seconds:.0f} s")

    def _fail(self, what: str) -> NoReturn:
        self.program.kill()
        run = self.program.wait()
        raise LabError(f"the {self.name} {what}", hint=run.stderr.strip()[-1000:] or f"its status was {run.returncode}")


@contextmanager
def started_program(lab: Lab, name: str, *words: object, limits: Limits | None = None) -> Iterator[RunningProgram]:
    """One of the programs in a container that shares the lab's network and log; killed when the block ends."""
    with ExitStack() as stack:
        argv, steps = [container_python(), "-I", "-S", "-", *map(str, words)], program_recipe(lab, name)
        text = stack.enter_context((PROGRAMS / f"{name}.py").open("rb"))
        ours, theirs = os.pipe()
        said = stack.enter_context(open(ours, "rb", buffering=0))
        try:
            streams = Streams(text.fileno(), stdout=theirs, collect=False)
        finally:
            os.close(theirs)  # otherwise its output would never end: we would hold the pipe open ourselves
        program = lab.launch(argv, streams, recipe=steps, limits=limits)
        stack.callback(program.wait)
        stack.callback(program.kill)
        yield RunningProgram(name, program, said)


def program_recipe(lab: Lab, name: str) -> Recipe:
    """The default recipe, but on the lab's network, with the log's folder and one on a disk for writing."""
    steps = list(lab.recipe(name).without("net", LoopbackUp))
    place = next(number for number, step in enumerate(steps) if isinstance(step, ReadOnlyRoot))
    shared = [Bind(SHARED, f"{ROOT}/srv", readonly=False), Bind(DIGESTS, f"{ROOT}/digests", readonly=False)]
    return Recipe(steps[:place] + shared + steps[place:])


def container_python() -> str:
    """An interpreter that a container sees. Raises Unsupported where there is none."""
    found = shutil.which("python3", path=ENVIRONMENT["PATH"])
    if not found:
        raise Unsupported("the programs need a python3 that containers see: one in /usr", hint="apt install python3")
    return found


# ------------------------------------------------------------------------------------------------------------- as data
def act_rows(acts: Iterable[Act]) -> list[dict[str, str | int | float]]:
    """A row for each round of each act, fit for a CSV file."""
    return [round_row(act, number, each) for act in acts for number, each in enumerate(act.rounds, 1)]


def round_row(act: Act, number: int, each: Round) -> dict[str, str | int | float]:
    """One round's figures."""
    return {
        "act": act.name,
        "round": number,
        "rate": round(act.rate, 1),
        "requests": len(each.latencies),
        "answered": each.answered,
        "p50_ms": round(each.percentile(50), 3),
        "p99_ms": round(each.percentile(99), 3),
        "throughput": round(each.throughput, 1),
        "cores": round(each.cores, 3),
        "memory": each.memory,
        "written": each.written,
        "workers": each.workers,
    }


def save_acts(acts: Iterable[Act], path: Path) -> Path:
    """Write the rows as CSV, replacing an earlier file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    found = act_rows(acts)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(found[0]) if found else [])
        writer.writeheader()
        writer.writerows(found)
    return path
