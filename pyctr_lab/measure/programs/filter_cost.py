"""What a filter of system calls costs its process: prints nanoseconds of the installation, of a call before it, and of
one behind it.

filter_cost.py PROGRAM CALLS: the program of the filter in hexadecimal, and how many calls are made, each time.
"""

import ctypes
import os
import statistics
import sys
import time

PR_SET_SECCOMP, SECCOMP_MODE_FILTER, PR_SET_NO_NEW_PRIVS = 22, 2, 38
TIMES = 5
INSTRUCTION = 8  # bytes


class Filter(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("len", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def per_call(count: int) -> float:
    """Nanoseconds of getppid(2), with the loop around it: the median of some loops."""

    def loop() -> float:
        began = time.perf_counter_ns()
        for _ in range(count):
            os.getppid()
        return (time.perf_counter_ns() - began) / count

    return statistics.median(loop() for _ in range(TIMES))


def install(program: bytes) -> int:
    """Install the filter: nanoseconds."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    buffer = ctypes.create_string_buffer(program, len(program))
    filter = ctypes.byref(Filter(len(program) // INSTRUCTION, ctypes.addressof(buffer)))
    began = time.perf_counter_ns()
    failed = libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter)
    took = time.perf_counter_ns() - began
    if failed:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return took


if __name__ == "__main__":
    program, count = bytes.fromhex(sys.argv[1]), int(sys.argv[2])
    before = per_call(count)
    print(install(program), before, per_call(count))
