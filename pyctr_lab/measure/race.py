"""Two programs that compute, on one core: how the kernel shares it out, by the kernel's own books."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from ..kernel import proc
from .busy import too_busy

#: A spinner ends by itself, should its parent be killed.
SPIN = """
import time
end = time.monotonic() + 6
while time.monotonic() < end:
    pass
"""
ENOUGH, LONGEST, PAUSE = 0.6, 4.0, 0.03  # seconds: of the core, for both; of a race; between two looks
PARTS = 6


@dataclass(frozen=True)
class Race:
    """What two programs A and B had of one core.

    `seen` has a row for each look: seconds since the start, A's and B's processor time until then. `preempted` is how
    often the kernel took the core away from them (nonvoluntary_ctxt_switches of /proc/PID/status).
    """

    seen: tuple[tuple[float, float, float], ...]
    preempted: int

    @property
    def share(self) -> float:
        """B's part of what both have had, 0 to 1."""
        _, a, b = self.seen[-1]
        return b / (a + b)

    @property
    def busy(self) -> str:
        """Why this race cannot tell how a core is shared; empty where it can. See `too_busy`."""
        return too_busy([b / (a + b) for a, b in self._parts()], unit="of the core")

    def _parts(self) -> Iterator[tuple[float, float]]:
        """What A and B had in each part of the race, in which both together had the same."""
        step = sum(self.seen[-1][1:]) / PARTS
        ends = [next(row for row in self.seen if sum(row[1:]) >= step * part * 0.999) for part in range(PARTS + 1)]
        for (_, a, b), (_, later_a, later_b) in pairwise(ends):
            if later_a + later_b > a + b:
                yield later_a - a, later_b - b

    def __repr__(self) -> str:
        _, a, b = self.seen[-1]
        return f"Race(A {a:.2f} s, B {b:.2f} s)"


def race(nice: int = 0) -> Race:
    """Let A and B compute on one core until both together had 0.6 s of it; B is nicer than A by `nice`.

    In a notebook two bars grow meanwhile.
    """
    seen, began, show = [(0.0, 0.0, 0.0)], time.monotonic(), _bars()
    base = min(os.nice(0), 19 - nice) if os.geteuid() == 0 else os.nice(0)  # 19 is the most; only root goes down
    with spinner(base) as a, spinner(base + nice) as b:
        while sum(seen[-1][1:]) < ENOUGH and seen[-1][0] < LONGEST:
            time.sleep(PAUSE)
            seen.append((time.monotonic() - began, scheduled_seconds(a.pid), scheduled_seconds(b.pid)))
            show(*seen[-1][1:])
        preempted = sum(int(proc.status(each.pid)["nonvoluntary_ctxt_switches"]) for each in (a, b))
    return Race(tuple(seen), preempted)


@contextmanager
def spinner(nice: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process that computes, on the first core that this one may use, until the block ends."""
    with subprocess.Popen([sys.executable, "-S", "-c", SPIN]) as process:
        try:
            os.sched_setaffinity(process.pid, {min(os.sched_getaffinity(0))})
            os.setpriority(os.PRIO_PROCESS, process.pid, nice)
            yield process
        finally:
            process.kill()


def scheduled_seconds(pid: int) -> float:
    """Seconds that a process has had of a processor: the first number of /proc/PID/schedstat is nanoseconds."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def _bars() -> Callable[[float, float], None]:
    """A display that is updated in place, in a notebook; elsewhere nothing."""
    shell: Any = sys.modules.get("IPython")
    if shell is None or shell.get_ipython() is None:
        return lambda a, b: None
    from IPython.display import display

    show: Any = display
    live = show({"text/plain": ""}, raw=True, display_id=True)
    return lambda a, b: live.update({"text/plain": f"{_bar('A', a)}\n{_bar('B', b)}"}, raw=True)


def _bar(name: str, had: float) -> str:
    return f"{name} {'█' * round(80 * had)} {had:.2f} s"
