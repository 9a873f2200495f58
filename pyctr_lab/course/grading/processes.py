"""Processes by their numbers on this machine: when they began, what they run, what is below them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from ...kernel import proc


def all_pids() -> list[int]:
    """Every process that this machine's /proc shows."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def all_below(top: int) -> list[int]:
    """Children, their children and so on, zombies included."""
    return sorted(proc.descendants(top))


def end_below(top: int) -> list[int]:
    """Kill what was started in a container, which would outlive it as orphans of the lab. Returns the numbers."""
    ended = all_below(top)
    for pid in ended:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return ended


def until(true: Callable[[], object], seconds: float = 20.0) -> None:
    """Poll until something is true of the kernel that no event announces (a zombie). Raises TimeoutError."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds} s")
        time.sleep(0.002)


def command(pid: int) -> str:
    """The command line of a process, or its name in brackets where it has none (a zombie)."""
    try:
        words = proc.text_of(pid, "cmdline").split("\0")
        return " ".join(words).strip() or f"[{proc.status(pid)['Name']}]"
    except (ProcessLookupError, PermissionError):
        return ""


def age(pid: int) -> float:
    """Seconds since a process started; infinite for one that has gone."""
    started = proc.start_time(pid)
    if not started:
        return float("inf")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(started) / os.sysconf("SC_CLK_TCK")
