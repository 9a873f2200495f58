"""The table of system calls, against the headers that this machine has: each call of theirs, with its number."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pyctr_lab.kernel import syscall_numbers
from pyctr_lab.kernel.syscall_table import SYSCALLS

X86_HEADERS = ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/x86_64-linux-gnu/include/asm/unistd_64.h")
NEWEST_COMPARED = 450  # of the oldest Debian that the tests run on (Linux 6.1)
# What arm64 asks of the generic header, and the calls that it reserves for processors.
ARM64_WANTS = ["RENAMEAT", "NEW_STAT", "SET_GET_RLIMIT", "TIME32_SYSCALLS", "SYS_CLONE3", "MEMFD_SECRET"]
NO_CALLS = ("arch_specific_syscall", "syscalls")


def x86_64_headers() -> dict[str, int]:
    text = next((Path(path).read_text() for path in X86_HEADERS if Path(path).exists()), "")
    return {name: int(number) for name, number in re.findall(r"#define __NR_(\w+)\s+(\d+)", text)}


def aarch64_headers() -> dict[str, int]:
    if not shutil.which("gcc") or not Path("/usr/include/asm-generic/unistd.h").exists():
        return {}
    wants = "".join(f"#define __ARCH_WANT_{each}\n" for each in ARM64_WANTS)
    source = f"{wants}#undef __BITS_PER_LONG\n#define __BITS_PER_LONG 64\n#include <asm-generic/unistd.h>\n"
    done = subprocess.run(["gcc", "-E", "-dM", "-xc", "-"], input=source, capture_output=True, text=True, check=True)
    words = dict(re.findall(r"#define __NR(3264_\w+|_\w+) (\w+)", done.stdout))
    numbers = {}
    for name in (name for name in words if name.startswith("_")):
        word = words[name]
        while not word.isdigit():
            word = words[word.removeprefix("__NR")]
        numbers[name[1:]] = int(word)
    return {name: number for name, number in numbers.items() if name not in NO_CALLS}


@pytest.mark.parametrize(("processor", "headers"), [("x86_64", x86_64_headers), ("aarch64", aarch64_headers)])
def test_the_headers_agree(processor: str, headers: Callable[[], dict[str, int]]) -> None:
    listed = headers()
    if not listed:
        pytest.skip("the kernel's headers, or gcc to read them, are not installed")
    ours = SYSCALLS[processor]
    assert {name: ours.get(name) for name in listed} == listed
    newest = max(NEWEST_COMPARED, *listed.values())
    uprobes = {"uretprobe", "uprobe"}  # x86-64's newest have numbers in a gap
    assert {name for name, number in ours.items() if number <= newest} - uprobes == set(listed) - uprobes


@pytest.mark.parametrize("processor", SYSCALLS)
def test_each_number_has_one_name(processor: str) -> None:
    assert len(set(SYSCALLS[processor].values())) == len(SYSCALLS[processor])


def test_the_loop_has_its_numbers_from_the_table() -> None:
    for processor, numbers in syscall_numbers.ARCHITECTURES.items():
        assert numbers.items() <= SYSCALLS[processor].items()
