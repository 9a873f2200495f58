"""Classic BPF, the language of seccomp filters: instructions as data, encoded as <linux/filter.h>, spelled as strace.

A program reads a `struct seccomp_data` of 64 bytes in 32-bit words: the call's number at 0, AUDIT_ARCH_... at 4, the
six arguments from 16 on, each with its low word first. It has one accumulator. Jumps go forward only, and count the
instructions that are skipped. See seccomp(2) and Documentation/networking/filter.rst.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from ...errors import BadInput

MOST_INSTRUCTIONS = 4096  # BPF_MAXINSNS
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
DATA_BYTES = 64

LD_ABS, AND, RET = 0x20, 0x54, 0x06
JA, JEQ, JGT, JGE, JSET = 0x05, 0x15, 0x25, 0x35, 0x45
CONDITIONS = (JEQ, JGT, JGE, JSET)
CODES = {
    LD_ABS: "BPF_LD|BPF_W|BPF_ABS", AND: "BPF_ALU|BPF_K|BPF_AND", RET: "BPF_RET|BPF_K", JA: "BPF_JMP|BPF_K|BPF_JA",
    JEQ: "BPF_JMP|BPF_K|BPF_JEQ", JGT: "BPF_JMP|BPF_K|BPF_JGT", JGE: "BPF_JMP|BPF_K|BPF_JGE",
    JSET: "BPF_JMP|BPF_K|BPF_JSET",
}  # fmt: skip
RETURNS = {
    0x80000000: "SECCOMP_RET_KILL_PROCESS", 0x00000000: "SECCOMP_RET_KILL_THREAD", 0x00030000: "SECCOMP_RET_TRAP",
    0x00050000: "SECCOMP_RET_ERRNO", 0x7FC00000: "SECCOMP_RET_USER_NOTIF", 0x7FF00000: "SECCOMP_RET_TRACE",
    0x7FFC0000: "SECCOMP_RET_LOG", 0x7FFF0000: "SECCOMP_RET_ALLOW",
}  # fmt: skip
LAYOUT = struct.Struct("=HBBI")  # struct sock_filter


class Instruction(NamedTuple):
    """One `struct sock_filter`: a condition that holds skips `jt` instructions, one that does not skips `jf`."""

    code: int
    jt: int
    jf: int
    k: int

    def __str__(self) -> str:
        """The instruction as `strace -v` prints it: BPF_STMT for every one that skips nothing."""
        name = CODES.get(self.code, f"{self.code:#x}")
        k = spell_return(self.k) if self.code == RET else _hexadecimal(self.k)
        if self.jt or self.jf:
            return f"BPF_JUMP({name}, {k}, {_hexadecimal(self.jt)}, {_hexadecimal(self.jf)})"
        return f"BPF_STMT({name}, {k})"


Instructions = tuple[Instruction, ...]


def load_word(offset: int) -> Instruction:
    """Load 32 bits of seccomp_data into the accumulator."""
    return Instruction(LD_ABS, 0, 0, offset)


def and_word(mask: int) -> Instruction:
    """Keep only the accumulator's bits that are in `mask`."""
    return Instruction(AND, 0, 0, mask)


def jump_if(condition: int, k: int, jt: int, jf: int) -> Instruction:
    """Skip `jt` instructions if the accumulator compares with `k` (JEQ, JGT, JGE, JSET; unsigned), else `jf`."""
    return Instruction(condition, jt, jf, k)


def jump_always(count: int) -> Instruction:
    """Skip `count` instructions: conditions reach 255 only."""
    return Instruction(JA, 0, 0, count)


def return_value(value: int) -> Instruction:
    """End the program with this answer to the kernel (SECCOMP_RET_...)."""
    return Instruction(RET, 0, 0, value)


def encode_program(program: Sequence[Instruction]) -> bytes:
    """Eight bytes an instruction, as `struct sock_fprog` points to them."""
    return b"".join(LAYOUT.pack(*instruction) for instruction in check_program(program))


def decode_program(encoded: bytes) -> Instructions:
    """The instructions of an encoded program. Raises BadInput if the kernel would not take it."""
    if len(encoded) % LAYOUT.size:
        raise BadInput(f"a program has 8 bytes an instruction; {len(encoded)} bytes are not a multiple of 8")
    return check_program([Instruction(*fields) for fields in LAYOUT.iter_unpack(encoded)])


def spell_program(program: Sequence[Instruction]) -> str:
    """The program as `strace -v` prints a filter."""
    return f"[{', '.join(map(str, program))}]"


def spell_return(value: int) -> str:
    """The answer to the kernel as strace prints it: SECCOMP_RET_ERRNO|0x1."""
    name = RETURNS.get(value & 0xFFFF0000)
    if not name:
        return f"{value:#x} /* SECCOMP_RET_??? */"
    return f"{name}|{value & 0xFFFF:#x}" if value & 0xFFFF else name


def check_program(program: Sequence[Instruction]) -> Instructions:
    """Check what the kernel checks: known codes, aligned loads, jumps that stay inside, a RET at the end."""
    if not 0 < len(program) <= MOST_INSTRUCTIONS:
        raise BadInput(f"a filter has 1 to {MOST_INSTRUCTIONS} instructions, not {len(program)}")
    for place, (code, jt, jf, k) in enumerate(program):
        reach = k if code == JA else max(jt, jf) if code in CONDITIONS else 0
        if code not in CODES or (code == LD_ABS and (k % 4 or k >= DATA_BYTES)):
            raise BadInput(f"instruction {place} is none that a seccomp filter may have: code {code:#x}, k {k:#x}")
        if not (0 <= jt < 256 and 0 <= jf < 256 and 0 <= k < 1 << 32):
            raise BadInput(f"instruction {place} does not fit into 8 bytes: {jt}, {jf}, {k:#x}")
        if place + 1 + reach >= len(program) and code != RET:
            raise BadInput(f"instruction {place} leads past the end of the program")
    return tuple(program)


def _hexadecimal(number: int) -> str:
    return f"{number:#x}" if number else "0"
