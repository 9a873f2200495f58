"""Instructions of classic BPF: their bytes, their spelling, and what no filter may have."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pyctr_lab import BadInput
from pyctr_lab.kernel.filters import bpf, compile_policy, docker_policy
from pyctr_lab.kernel.filters.bpf import Instruction, decode_program, encode_program, spell_program

EVERY_KIND = (
    bpf.load_word(4), bpf.jump_if(bpf.JEQ, 0xC000003E, 1, 0), bpf.return_value(0x80000000), bpf.load_word(0),
    bpf.jump_if(bpf.JGE, 0x40000000, 0, 1), bpf.jump_always(1), bpf.jump_if(bpf.JGT, 300, 0, 0),
    bpf.jump_if(bpf.JSET, 0x7E020000, 2, 0), bpf.and_word(0xFF), bpf.jump_always(0), bpf.return_value(0x7FFF0000),
    *(bpf.return_value(value | low) for value in bpf.RETURNS for low in (0, 38)), bpf.return_value(0x12340000),
)  # fmt: skip
PROGRAM = Path(__file__).with_name("under_filter.py")


def test_an_instruction_has_eight_bytes() -> None:
    assert encode_program(EVERY_KIND)[:16].hex() == "2000000004000000" + "150001003e0000c0"
    assert decode_program(encode_program(EVERY_KIND)) == EVERY_KIND


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
@pytest.mark.parametrize("program", [EVERY_KIND, compile_policy(docker_policy())], ids=["every kind", "Docker's"])
def test_strace_prints_the_same(program: tuple[Instruction, ...], tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    command = ["strace", "-v", "-e", "trace=prctl", "-o", str(trace), sys.executable, "-I", "-S", str(PROGRAM)]
    subprocess.run(command, input=encode_program(program).hex() + "\n", text=True, stdout=subprocess.DEVNULL)
    found = re.search(r"\{len=(\d+), filter=(\[.*\])\}", trace.read_text())
    assert found
    assert (int(found[1]), found[2]) == (len(program), spell_program(program))


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ((), "a filter has 1 to 4096 instructions, not 0"),
        ((bpf.return_value(0),) * 4097, "a filter has 1 to 4096 instructions, not 4097"),
        ((bpf.load_word(0),), "instruction 0 leads past the end of the program"),
        ((bpf.jump_if(bpf.JEQ, 0, 0, 1), bpf.return_value(0)), "instruction 0 leads past the end of the program"),
        ((bpf.jump_always(1), bpf.return_value(0)), "instruction 0 leads past the end of the program"),
        ((bpf.load_word(2), bpf.return_value(0)), "instruction 0 is none that a seccomp filter may have: .*"),
        ((bpf.load_word(64), bpf.return_value(0)), "instruction 0 is none that a seccomp filter may have: .*"),
        ((Instruction(0x99, 0, 0, 0), bpf.return_value(0)), "instruction 0 is none that a seccomp filter may have: .*"),
        ((bpf.jump_if(bpf.JEQ, 0, 256, 0), bpf.return_value(0)), "instruction 0 does not fit into 8 bytes: .*"),
    ],
)
def test_what_the_kernel_refuses_is_refused_before(program: tuple[Instruction, ...], message: str) -> None:
    with pytest.raises(BadInput) as refused:
        encode_program(program)
    assert re.fullmatch(message, str(refused.value))


def test_half_an_instruction_is_none() -> None:
    with pytest.raises(BadInput, match="12 bytes are not a multiple of 8"):
        decode_program(bytes(12))
