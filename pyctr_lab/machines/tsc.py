"""The rate of the processor's time-stamp counter (TSC), measured here and passed to the guest.

Otherwise a guest measures it against an emulated timer. On a busy machine, or inside another guest, that fails, and a
board without a PC's other clocks then hangs.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import time
from collections.abc import Callable
from functools import cache

RDTSC = bytes.fromhex("0f31 48c1e220 4809d0 c3")  # rdtsc; shl rdx, 32; or rax, rdx; ret
SECONDS = 0.02


@cache
def khz() -> int | None:
    """The rate in kHz; None without a TSC, or if no page may be writable and executable."""
    if os.uname().machine != "x86_64":
        return None
    try:
        page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    except OSError:
        return None
    page.write(RDTSC)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    return round(rate(ctypes.CFUNCTYPE(ctypes.c_uint64)(address)) / 1000)


def rate(counter: Callable[[], int]) -> float:
    """Counts per second: of three measurements the one with the shortest reads of the clock."""
    return min((_measured(counter) for _ in range(3)), key=lambda found: found[0])[1]


def _measured(counter: Callable[[], int]) -> tuple[int, float]:
    first_before, first, first_after = time.monotonic_ns(), counter(), time.monotonic_ns()
    time.sleep(SECONDS)
    last_before, last, last_after = time.monotonic_ns(), counter(), time.monotonic_ns()
    doubt = (first_after - first_before) + (last_after - last_before)
    seconds = (last_before + last_after - first_before - first_after) / 2e9
    return doubt, (last - first) / seconds
