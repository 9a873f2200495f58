"""The numbers of system calls, against the headers that this machine has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pyctr_lab.kernel import syscall_numbers

HEADERS = {
    "x86_64": ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h"),
    "aarch64": ("/usr/include/asm-generic/unistd.h",),
}


@pytest.mark.parametrize("architecture", syscall_numbers.ARCHITECTURES)
def test_the_headers_agree(architecture: str) -> None:
    text = next((Path(path).read_text() for path in HEADERS[architecture] if Path(path).exists()), "")
    if not text:
        pytest.skip("the kernel's headers are not installed")
    listed = {name: int(number) for name, number in re.findall(r"#define __NR(?:3264)?_(\w+) (\d+)", text)}
    ours = syscall_numbers.ARCHITECTURES[architecture]
    assert {name: listed.get(name) for name in ours} == ours


def test_both_know_the_same_calls() -> None:
    assert syscall_numbers.X86_64.keys() == syscall_numbers.ARM64.keys()


@pytest.mark.parametrize("name", ["setuid", "mmap", "clone3", "fork", "exit_group"])
def test_what_a_process_with_shared_memory_cannot_do_for_itself_is_not_there(name: str) -> None:
    assert name not in syscall_numbers.X86_64


def test_an_unknown_processor_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert syscall_numbers.numbers_here() == {}
