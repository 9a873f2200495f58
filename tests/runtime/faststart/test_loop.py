"""The loop of machine code: its bytes are what an assembler makes of its source, and each processor runs them."""

from __future__ import annotations

import platform
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from pyctr_lab.kernel.syscall_numbers import ARCHITECTURES
from pyctr_lab.runtime.faststart import loop

TOOLS = {"x86_64": ("x86_64-linux-gnu", "qemu-x86_64-static"), "aarch64": ("aarch64-linux-gnu", "qemu-aarch64-static")}
EXIT = {"x86_64": 231, "aarch64": 94}  # exit_group
ENTRY = {"x86_64": "lea entries(%rip), %rdx\n jmp child", "aarch64": "adr x2, entries\n b child"}
EACH = pytest.mark.parametrize("architecture", loop.ARCHITECTURES)


def tool(architecture: str, name: str) -> str:
    found = shutil.which(f"{TOOLS[architecture][0]}-{name}")
    if not found:
        pytest.skip(f"no {name} for {architecture} is installed")
    return found


def assembled(source: str, architecture: str, place: Path) -> Path:
    (place / "source.s").write_text(source)
    made = place / "made.o"
    subprocess.run([tool(architecture, "as"), place / "source.s", "-o", made], check=True)
    return made


@EACH
def test_the_bytes_are_those_of_the_source(architecture: str, tmp_path: Path) -> None:
    listing = loop.ARCHITECTURES[architecture]
    made = assembled(loop.source(listing), architecture, tmp_path)
    subprocess.run([tool(architecture, "objcopy"), "-O", "binary", "-j", ".text", made, tmp_path / "bytes"], check=True)
    assert (tmp_path / "bytes").read_bytes() == loop.code(listing)


@EACH
def test_each_line_has_its_own_bytes(architecture: str) -> None:
    """What a reader sees beside an instruction is that instruction's, and every jump has its reason or goes on."""
    for line in loop.ARCHITECTURES[architecture].strip().splitlines():
        bytes_, instruction = loop._columns(line)
        assert bool(bytes_) != instruction.endswith(":")


def entry(number: int, *places: str, errnos: int = 0, own: str = "zero") -> str:
    words = [str(number), *places, *(["zero"] * (6 - len(places))), "0", str(errnos), "0", "0", own]
    return "\n".join(f" .quad {word}" for word in words)


def program(architecture: str, entries: list[str], constants: str) -> str:
    """A program of nothing but the loop; it begins where a child does."""
    text = f".globl _start\n_start:\n {ENTRY[architecture]}\n" + loop.source(loop.ARCHITECTURES[architecture])
    data = "\n".join([".balign 8", "entries:", *entries, "zero: .quad 0", constants])
    # in one piece: an address that the instruction can reach
    return f".section .text, \"awx\"\n{text}\n{data}\n"


def ran(architecture: str, source: str, place: Path) -> subprocess.CompletedProcess[bytes]:
    made = assembled(source, architecture, place)
    subprocess.run([tool(architecture, "ld"), "--no-warn-rwx-segments", "-N", made, "-o", place / "made"], check=True)
    return subprocess.run([*emulator(architecture), place / "made"], capture_output=True, timeout=60)


def emulator(architecture: str) -> list[str]:
    if architecture == platform.machine():
        return []
    found = shutil.which(TOOLS[architecture][1])
    if not found:
        pytest.skip(f"no user-mode emulator for {architecture} is installed")
    return [found]


CONSTANTS = """
here: .quad -100
missing: .quad text
text: .asciz "/no/such/file"
.balign 8
greeting: .quad hello
hello: .ascii "hello"
.balign 8
size: .quad 5
one: .quad 1
status: .quad 7
"""


@EACH
def test_a_list_is_carried_out_to_its_end(architecture: str, tmp_path: Path) -> None:
    """An errno that is fine; a result of an earlier call as an argument; the clock; and the end."""
    calls = ARCHITECTURES[architecture]
    entries = [
        entry(0),  # clone3's own
        entry(calls["openat"], "here", "missing", errnos=1 << 2),
        entry(calls["dup3"], "one", "status"),
        entry(calls["write"], "entries + 2 * 96 + 56", "greeting", "size"),
        entry(calls["write"], "one", "clock", "word"),
        entry(EXIT[architecture], "status"),
    ]
    constants = CONSTANTS + "clock: .quad entries + 96 + 56\nword: .quad 32\n"
    done = ran(architecture, program(architecture, entries, constants), tmp_path)
    assert (done.returncode, done.stdout[:5]) == (7, b"hello")
    result, fine, _, clock = struct.unpack("<qqqQ", done.stdout[5:])
    assert (result, fine) == (-2, 4) and clock > 0


@EACH
@pytest.mark.parametrize("errnos", [0, 1 << 13, 1 << 3])
def test_at_a_failure_that_is_not_fine_it_ends(architecture: str, errnos: int, tmp_path: Path) -> None:
    calls = ARCHITECTURES[architecture]
    entries = [
        entry(0),
        entry(calls["openat"], "here", "missing", errnos=errnos),
        entry(calls["write"], "one", "greeting", "size"),
        entry(EXIT[architecture], "status"),
    ]
    done = ran(architecture, program(architecture, entries, CONSTANTS), tmp_path)
    assert (done.returncode, done.stdout) == (127, b"")


@EACH
@pytest.mark.parametrize(("errnos", "outcome"), [(0, (127, b"hello")), (1 << 17, (7, b"hellohello"))])
def test_an_errno_in_the_bytes_of_an_answer_is_the_calls(
    architecture: str, errnos: int, outcome: tuple[int, bytes], tmp_path: Path
) -> None:
    """As netlink answers: the call itself succeeds. -17 is EEXIST."""
    calls = ARCHITECTURES[architecture]
    entries = [
        entry(0),
        entry(calls["write"], "one", "greeting", "size", errnos=errnos, own="answer + 4"),
        entry(calls["write"], "one", "greeting", "size", own="answer"),
        entry(EXIT[architecture], "status"),
    ]
    done = ran(architecture, program(architecture, entries, CONSTANTS + "answer: .long 36, -17\n"), tmp_path)
    assert (done.returncode, done.stdout) == outcome


def test_an_unknown_processor_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert loop.code_here() == b""
