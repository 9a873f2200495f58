"""The filter of a watch: what it passes to a listener, and what it never touches."""

from __future__ import annotations

import pytest

from pyctr_lab.errors import BadInput
from pyctr_lab.kernel.filters import ALLOW, AUDIT_ARCHITECTURES, NOTIFY, notify_program, run_filter, seccomp_data
from pyctr_lab.kernel.syscall_table import SYSCALLS

I386 = 0x40000003


@pytest.mark.parametrize("processor", SYSCALLS)
def test_named_calls_are_passed_on_and_no_others(processor: str) -> None:
    program = notify_program(("openat", "mkdirat", "setns"), processor=processor)
    found = {
        name: run_filter(program, seccomp_data(AUDIT_ARCHITECTURES[processor], number))
        for name, number in SYSCALLS[processor].items()
    }
    assert {name for name, action in found.items() if action == NOTIFY} == {"openat", "mkdirat", "setns"}
    assert set(found.values()) == {NOTIFY, ALLOW}


def test_calls_of_another_architecture_go_on() -> None:
    """Their numbers are others' there: 257 is openat on x86-64, and remap_file_pages in i386."""
    program = notify_program(("openat",), processor="x86_64")
    assert run_filter(program, seccomp_data(I386, SYSCALLS["x86_64"]["openat"])) == ALLOW


@pytest.mark.parametrize(("name", "hint"), [("opnat", "openat"), ("xyzzy", "names as in strace"), (5, "strace")])
def test_unknown_names_are_refused(name: str, hint: str) -> None:
    with pytest.raises(BadInput, match="no system call is called") as why:
        notify_program((name,), processor="x86_64")
    assert hint in why.value.hint


def test_a_name_of_the_other_processor_is_unknown() -> None:
    with pytest.raises(BadInput, match="'open'"):
        notify_program(("open",), processor="aarch64")
