"""Density: start one after another, and note the memory that all of them take each time."""

from __future__ import annotations

import csv
import os
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ..errors import BadInput
from ..kernel.checks import check_count

MOST = 1000


@dataclass(frozen=True)
class Filled:
    """`count` things of a `kind` were there, `seconds` after the first was begun; all together take `memory` bytes.

    `available` is what the host could still give, in bytes: MemAvailable of /proc/meminfo, proc(5).
    """

    kind: str
    count: int
    seconds: float
    memory: int
    available: int


def fill(
    start: Callable[[], object], taken: Callable[[], int], *, kind: str, most: int, share: float = 0.5
) -> list[Filled]:
    """Start one after another, until there are `most`, or until `share` of the available memory is gone.

    `start` makes one more; `taken` says what all of them take, in bytes. The first row is the one with none of them.
    """
    check_count(most, "most", most=MOST)
    if not 0 < share < 1:
        raise BadInput(f"a share of memory lies between 0 and 1, not {share!r}", hint="0.5 is half of it")
    began, limit = time.monotonic(), share * memory_available()
    rows = [Filled(kind, 0, 0.0, 0, memory_available())]
    while len(rows) <= most and rows[-1].memory < limit:
        start()
        rows.append(Filled(kind, len(rows), time.monotonic() - began, taken(), memory_available()))
    return rows


def memory_available() -> int:
    """MemAvailable: bytes that can be allocated without swapping, by the kernel's estimate."""
    found = re.search(r"^MemAvailable: +(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return int(found[1]) * 1024 if found else os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def each(rows: Sequence[Filled]) -> float:
    """Bytes of one instance, on average."""
    return rows[-1].memory / rows[-1].count if rows[-1].count else 0.0


def room(rows: Sequence[Filled]) -> int:
    """How many of them the memory would hold that was available before the first: a projection, not a measurement."""
    return int(rows[0].available / each(rows)) if each(rows) else 0


def save(rows: Iterable[Filled], path: Path) -> Path:
    """Write the rows as CSV, replacing an earlier file; a later lesson compares them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(Filled.__dataclass_fields__))
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
    return path


def load(path: Path) -> list[Filled]:
    """Read the rows that `save` has written."""
    with path.open(newline="", encoding="utf-8") as file:
        return [
            Filled(row["kind"], int(row["count"]), float(row["seconds"]), int(row["memory"]), int(row["available"]))
            for row in csv.DictReader(file)
        ]
