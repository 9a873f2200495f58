"""What instances take: memory, shared pages counted once, and room on disk."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ..cgroups.places import delegation
from ..engines import Engine, Instance
from ..kernel import proc
from .options import Measurement, TurnOptions
from .rows import Note, PaidOnce

MIB = 1 << 20
TENTH = 10


def memory_turn(engine: Engine, options: TurnOptions) -> Iterator[Measurement]:
    """MiB of the first instance, and what the tenth adds; fewer than ten where they are dear.

    All processes that belong to an instance are counted, the engine's helpers too, by their proportional set size: a
    page that n processes share counts an n-th for each (smaps_rollup in proc(5)). To it comes what the kernel itself
    keeps for them, where a control group counts it. What an engine needs once, its daemon, is not in it.
    """
    most, began = options.count or TENTH, time.monotonic()
    instances: list[Instance] = []

    def taken() -> int:
        return total_memory(pid for instance in instances for pid in instance.pids)

    try:
        none = taken()
        instances.append(engine.start())
        one = before = taken()
        while len(instances) + 1 < most and time.monotonic() - began < options.seconds:
            instances.append(engine.start())
        if len(instances) > 1:
            before = taken()
        if len(instances) < most:
            instances.append(engine.start())
            last = taken()
    finally:
        for instance in instances:
            instance.stop()
    yield Measurement((one - none) / MIB)
    if len(instances) > 1:
        yield Measurement((last - before) / MIB, len(instances))


def total_memory(pids: Iterable[int]) -> int:
    """Bytes that processes take together, and what the kernel keeps for all of the sandbox."""
    wait_until_settled()
    return sum(map(pss_or_zero, pids)) + kernel_memory()


def pss_or_zero(pid: int) -> int:
    """Bytes of a process, each page divided by how many share it; 0 for one that has ended."""
    try:
        return proc.pss(pid)
    except OSError:
        return 0


def wait_until_settled(patience: float = 1.0) -> None:
    """Wait until kernel memory stays the same: the kernel frees it later, and piece by piece."""
    before, until = kernel_memory(), time.monotonic() + patience
    while time.monotonic() < until:
        time.sleep(0.03)
        now = kernel_memory()
        if abs(now - before) < 32 << 10:
            return
        before = now


def kernel_memory() -> int:
    """Bytes that the kernel keeps for the sandbox's processes: stacks, tables, namespaces. 0 if no cgroup counts it."""
    for place in delegation().places:
        plain = Path(f"{place.tree.mount}/memory.kmem.usage_in_bytes")
        if plain.exists():
            return int(plain.read_text())
        stat = Path(f"{place.tree.mount}/memory.stat")
        if place.tree.version == 2 and stat.exists():
            found = re.search(r"^kernel (\d+)$", stat.read_text(), re.MULTILINE)
            return int(found[1]) if found else 0
    return 0


def memory_notes(engines: Mapping[str, Engine], _rootfs: Path) -> Iterator[Note | PaidOnce]:
    """What daemons take, and whether the kernel's own part is counted."""
    for name, engine in engines.items():
        taken = sum(map(pss_or_zero, engine.daemons))
        if taken:
            yield PaidOnce(name, taken / MIB)
    yield from kernel_memory_note("memory")


def kernel_memory_note(experiment: str) -> Iterator[Note]:
    """A note where no cgroup counts the kernel's own memory."""
    if not kernel_memory():
        yield Note(f"{experiment}: without what the kernel itself keeps for them: no control group tells it here")


def disk_notes(_engines: Mapping[str, Engine], rootfs: Path) -> Iterator[Note]:
    """What all engines share."""
    yield Note(f"disk: the root file system takes {disk_usage(rootfs) / MIB:.0f} MiB, once for all")


def disk_turn(engine: Engine, _: TurnOptions) -> Iterator[Measurement]:
    """MiB on disk that an instance adds to what the engine has once: layers, configurations, books."""
    before = disk_usage(engine.place)
    instance = engine.start()
    try:
        yield Measurement(max(0, disk_usage(engine.place) - before) / MIB)
    finally:
        instance.stop()


def disk_usage(place: Path) -> int:
    """Bytes that are in use below a folder, as du(1) counts; what is mounted there is another file system's."""
    device, found = place.stat().st_dev, 0
    for folder, names, files in os.walk(place):
        names[:] = [name for name in names if os.lstat(os.path.join(folder, name)).st_dev == device]
        for name in (*names, *files):
            try:
                found += os.lstat(os.path.join(folder, name)).st_blocks * 512
            except FileNotFoundError:
                continue
    return found
