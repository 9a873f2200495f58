"""Print what filters cost: `python tests/kernel/filters/figures.py`. Compile ms, install µs, ns a call; the least."""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import time
from collections.abc import Callable
from statistics import median

from pyctr_lab.kernel.filters import Instruction, compile_policy, docker_policy, encode_program
from pyctr_lab.kernel.syscall_table import SYSCALLS

PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2
ROUNDS, CALLS = 9, 20000
LIBC = ctypes.CDLL(None, use_errno=True)


def seconds(function: Callable[[], object]) -> float:
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def install_us(program: tuple[Instruction, ...]) -> float:
    """Install the filter in this process, for good; microseconds of the call."""
    code = ctypes.create_string_buffer(encode_program(program))
    fprog = struct.pack("HxxxxxxP", len(program), ctypes.addressof(code))
    LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return 1e6 * seconds(lambda: LIBC.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, fprog, 0, 0))


def call_ns(name: str) -> float:
    """Nanoseconds of a call through ctypes, whose own part is in every figure alike."""
    number, call = SYSCALLS[platform.machine()][name], LIBC.syscall

    def many() -> None:
        for _ in range(CALLS):
            call(number, 0xFFFFFFFF)

    return 1e9 * median(seconds(many) for _ in range(ROUNDS)) / CALLS


def in_child(program: tuple[Instruction, ...] | None) -> list[float]:
    """Install µs, then ns of getppid (no argument looked at) and personality (by argument), in a process of its own."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        figures = [install_us(program) if program else 0.0, call_ns("getppid"), call_ns("personality")]
        os.write(writer, " ".join(map(str, figures)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        return [float(word) for word in pipe.read().split()]


if __name__ == "__main__":
    policy = docker_policy()
    compile_ms = 1e3 * median(seconds(lambda: compile_policy(policy)) for _ in range(ROUNDS))
    filtered = compile_policy(policy)
    children = [(in_child(None), in_child(filtered)) for _ in range(3)]
    none, ours = ([min(figures) for figures in zip(*each, strict=True)] for each in zip(*children, strict=True))
    print(f"Docker's: {len(filtered)} instructions, compiled in {compile_ms:.2f} ms, installed in {ours[0]:.0f} µs")
    print(f"getppid: {ours[1]:.0f} ns, without a filter {none[1]:.0f}")
    print(f"personality, by its argument: {ours[2]:.0f} ns, without a filter {none[2]:.0f}")
