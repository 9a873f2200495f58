"""Run a filter without the kernel, and decide by a policy without a filter: the two must agree."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from errno import ENOSYS
from typing import NamedTuple

from ...errors import BadInput
from ..syscall_table import SYSCALLS
from .bpf import AND, CONDITIONS, JA, JEQ, JGE, JGT, JSET, LD_ABS, RET, Instruction
from .compiler import AUDIT_ARCHITECTURES, X32_NUMBERS, check_processor
from .policy import ALL_BITS, KILL, FilterAction, FilterPolicy, action_of, refuse


def seccomp_data(architecture: int, number: int, args: Sequence[int] = ()) -> bytes:
    """`struct seccomp_data` of a call (instruction pointer 0), as a filter reads it. Missing arguments are 0."""
    if len(args) > 6:
        raise BadInput(f"a system call has 6 arguments at most, not {len(args)}")
    words = [arg & ALL_BITS for arg in (*args, 0, 0, 0, 0, 0, 0)[:6]]
    return struct.pack("<IIQ6Q", number & 0xFFFFFFFF, architecture, 0, *words)


class FilterStep(NamedTuple):
    """One instruction that a filter ran: what the accumulator held, loaded from which offset of seccomp_data."""

    instruction: Instruction
    accumulator: int
    offset: int
    holds: bool = False  # of a condition


def follow_filter(program: Sequence[Instruction], data: bytes) -> Iterator[FilterStep]:
    """Each instruction that the program runs for this call, from the first to its RET."""
    words = struct.unpack("<16I", data)
    place = accumulator = 0
    offset = -1
    while program[place].code != RET:
        instruction = program[place]
        code, jt, jf, k = instruction
        holds = code in CONDITIONS and _holds(code, accumulator, k)
        place += 1
        if code == LD_ABS:
            accumulator, offset = words[k // 4], k
        elif code == AND:
            accumulator &= k
        elif code == JA:
            place += k
        else:
            place += jt if holds else jf
        yield FilterStep(instruction, accumulator, offset, holds)
    yield FilterStep(program[place], accumulator, offset)


def run_filter(program: Sequence[Instruction], data: bytes) -> FilterAction:
    """What the program answers for this call."""
    *_, last = follow_filter(program, data)
    return action_of(last.instruction.k)


def _holds(code: int, accumulator: int, k: int) -> bool:
    results = {JEQ: accumulator == k, JGT: accumulator > k, JGE: accumulator >= k, JSET: accumulator & k != 0}
    return results[code]


def decide(
    policy: FilterPolicy, call: str | int, args: Sequence[int] = (), *, processor: str = "", architecture: int = 0
) -> FilterAction:
    """What the policy says of a call, by name or number: its first rule that matches, else its default.

    `processor` is the one that the filter is for (default: this machine's), `architecture` the caller's AUDIT_ARCH_...
    if it is another. Raises BadInput for a name that the processor does not have.
    """
    processor = check_processor(policy, processor)
    number = call_number(call, processor)
    if architecture not in (0, AUDIT_ARCHITECTURES[processor]):
        return KILL
    if processor == "x86_64" and number >= X32_NUMBERS:
        return refuse(ENOSYS)
    words = tuple(arg & ALL_BITS for arg in args)
    rules = (rule for rule in policy.rules if number in {SYSCALLS[processor].get(name) for name in rule.names})
    return next((rule.action for rule in rules if rule.matches(words)), policy.default)


def call_number(call: str | int, processor: str) -> int:
    """The number of a call on this processor, as 32 unsigned bits."""
    if isinstance(call, int):
        return call & 0xFFFFFFFF
    if call not in SYSCALLS[processor]:
        raise BadInput(f"{processor} has no system call {call!r}")
    return SYSCALLS[processor][call]
