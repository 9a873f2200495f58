"""What lesson 04 uses beside the lab: waiting, this machine's names of files, and whether samples can tell.

A busy machine changes what a cell measures. The functions `not_throttled`, `crowded`, `uneven` and `unexplained` judge
the samples by what the kernel has counted; each returns the reason for `compare(..., busy=...)`, or an empty text.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ..cgroups import V1_NAMES, delegation, trees
from ..cgroups.files import MAX, parse_number, read_file
from ..errors import Unsupported
from ..kernel.proc import has_ended as has_ended
from ..measure.neighbour import Act, percentile
from ..measure.neighbour import unsteady as unsteady
from ..runtime import Lab

FILL = "data = b'x' * ({0} << 20); print('{0} MiB', flush=True)"  # << 20 makes MiB of it
CONTROLLERS = ("memory", "cpu", "pids", "io")  # that the lesson limits


# --- plumbing of the cells
def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> bool:
    """Look again and again until a condition holds. Returns whether it does."""
    until = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < until:
        time.sleep(0.01)
    return bool(met)


def fill_memory(mebibytes: int, *, first: str = "", then: str = "") -> list[str]:
    """A program that fills so much memory with the letter x, as a list of words. `first`, `then`: Python around it."""
    return ["python3", "-c", "; ".join(filter(None, [first, FILL.format(mebibytes), then]))]


def one_processor() -> int:
    """The processor for programs that are to share one: the first on which the notebook may run."""
    return min(os.sched_getaffinity(0))


def said_of_limits() -> str:
    """Which controllers this notebook may use, and the command that delegates what is missing."""
    where = delegation()
    missing = [name for name in CONTROLLERS if name not in where.controllers]
    if not missing:
        return f"delegated here: {', '.join(CONTROLLERS[:-1])} and {CONTROLLERS[-1]}"
    return f"missing here: {', '.join(missing)}\nthis delegates them: {where.grant}"


# --- this machine's control groups
def name_here(file: str) -> str:
    """The name that this machine has for a file of control groups: `name_here("memory.max")`."""
    place = delegation().place(file.partition(".")[0])
    return V1_NAMES.get(file, file) if place is not None and place.tree.version == 1 else file


def new_folder(lab: Lab, name: str) -> Path:
    """Where `mkdir` makes a group with the memory controller: in the lab's own one. It is not made yet."""
    place = delegation().place("memory")
    if place is None:
        raise Unsupported("no cgroup with the memory controller is delegated to this user", hint=delegation().grant)
    return Path(lab.groups.folder(place), name)


def forbid_swap(group: Path) -> None:
    """Keep the kernel from moving a group's memory to a disk. v1 counts memory and swap together."""
    for file, value in (("memory.swap.max", "0"), ("memory.memsw.limit_in_bytes", None)):
        if (group / file).exists():
            (group / file).write_text(value or (group / "memory.limit_in_bytes").read_text())


def memory_limits(pid: int) -> tuple[int | None, ...]:
    """The memory limits of a process, in bytes: of its group, then of each one around it. None: no limit."""
    tree = next((each for each in trees(pid) if "memory" in each.controllers), None)
    folder, found = tree.folder if tree else "", []
    while tree and folder.startswith(tree.mount):
        files = [name for name in ("memory.max", "memory.limit_in_bytes") if os.path.exists(f"{folder}/{name}")]
        found.append(parse_number(read_file(folder, files[0]) if files else MAX))  # the root of version 2 has no file
        folder = os.path.dirname(folder)
    return tuple(found)


# --- whether samples can tell
def p99(times: Sequence[float]) -> float:
    """What 99 of 100 do not exceed: a value that was measured."""
    return percentile(times, 99)


def not_throttled(times: int, *, least: int = 3) -> str:
    """A reason where a quota has hardly acted: then other programs, not the quota, have kept this one waiting."""
    return "" if times >= least else f"the quota acted {times} times; other programs had the processor"


def crowded(waited: float, *, most: float = 0.25) -> str:
    """A reason where a program that is alone in its group has waited for a processor for this share of the time."""
    return "" if waited <= most else f"alone in its group it waited {waited:.0%} of the time: others want the processor"


def uneven(samples: Sequence[float], unit: str, *, most: float = 3.0) -> str:
    """A reason where repetitions of one measurement are further apart than by this factor."""
    least, greatest = min(samples), max(samples)
    return "" if greatest <= most * least else f"spread {least:.3g} to {greatest:.3g} {unit}"


def unexplained(late: float, throttled: float) -> str:
    """A reason where requests were late by more seconds than the quota has throttled them."""
    return "" if late <= 1.5 * throttled + 0.1 else f"late by {late:.1f} s in all, the quota explains {throttled:.1f} s"


def change_of(held: Sequence[float], free: Sequence[float]) -> str:
    """What a limit has done to the times of requests, by their median and their p99."""
    median, tail = statistics.median(held) / statistics.median(free), p99(held) / p99(free)
    if median > 1.5:
        return "all are slower"
    return "most are as before, a few very much slower" if tail > 2 else "nothing"


def said_of_limit(alone: Act, loose: Act, limited: Act) -> str:
    """What a limit on the neighbour has done to a server's p99, with the spread of the rounds."""
    acts = [(act.name, act.spread(99)) for act in (loose, limited)]
    words = ", ".join(f"{name} {middle:.1f} ms ({least:.1f} to {most:.1f})" for name, (least, middle, most) in acts)
    if why := unsteady(alone, alone) or ("" if len(limited.rounds) > 1 else unsteady(limited, alone)):
        return f"p99 {words}: too busy to tell ({why})"
    (_, (least, _, most)), (_, (least_limited, _, most_limited)) = acts
    if most_limited < least:
        return f"p99 {words}: the limit has helped"
    if most < least_limited:
        return f"p99 {words}: the limit has done harm"
    return f"p99 {words}: the rounds overlap, so they cannot tell; run it again, or take a stricter limit"
