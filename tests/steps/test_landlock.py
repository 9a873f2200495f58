"""Landlock as a step: what a process refuses itself, how strace prints it, and what a kernel without it is told."""

from __future__ import annotations

import errno
import os
import re
import subprocess

import pytest

from pyctr_lab import Lab, steps
from pyctr_lab.errors import BadInput
from pyctr_lab.kernel import CallError, landlock, mkdirat, openat
from pyctr_lab.kernel.constants import LANDLOCK_ACCESS_FS
from pyctr_lab.kernel.landlock import landlock_abi, rights
from pyctr_lab.runtime.container import Container
from pyctr_lab.steps import Landlock, Recipe

WHAT = "mkdir /tmp/new; echo $?; mkdir /root/new; echo $?; cat /etc/passwd > /tmp/copy; echo $?"
here = pytest.mark.skipif(not landlock_abi(), reason="this kernel has no Landlock")


@here
@pytest.mark.parametrize("start", ["auto", "fork"])
def test_what_is_not_named_is_refused(start) -> None:  # type: ignore[no-untyped-def]
    with Lab(start=start, private=True) as lab:
        recipe = lab.recipe().without(steps.ReadOnlyRoot)
        free = lab.run(["sh", "-c", WHAT], recipe=recipe)
        assert free.stdout.split() == ["0", "0", "0"], free.stderr
        fewer = Recipe([*recipe, Landlock(("/usr", "/etc/hosts"), ("/tmp", "/dev/null"))])
        ran = lab.run(["sh", "-c", WHAT], recipe=fewer)
        assert ran.stdout.split() == ["0", "1", "1"] and ran.stderr.count("Permission denied") == 2
        one = lab.run(["sh", "-c", "cat /etc/hosts && ls /etc; echo x > /etc/hosts"], recipe=fewer)
        assert "localhost" in one.stdout and one.stderr.count("Permission denied") == 2, "one file of a folder"


@here
def test_a_live_process_has_it_at_once_and_for_good(box: Container) -> None:
    ids = steps.IdMaps(count=1, setgroups="deny")
    for step in (steps.NewNamespace("user"), ids, steps.NewNamespace("mnt"), steps.PrivatePropagation()):
        box.apply(step)
    box.apply(steps.Tmpfs("/mnt"))
    box.apply(Landlock(("/usr",), ("/mnt",)))
    assert not box.call(mkdirat("/mnt/new")).errno
    for call in (mkdirat("/var/tmp/none"), openat("/etc/passwd")):
        with pytest.raises(CallError) as why:
            box.call(call)
        assert why.value.errno in (errno.EACCES, errno.EROFS)
    box.apply(Landlock(("/usr",), ("/mnt", "/")))  # one more ruleset only takes away
    with pytest.raises(CallError):
        box.call(openat("/etc/passwd"))


@here
def test_it_needs_no_new_privs_or_a_capability(box: Container) -> None:
    for step in (steps.NewNamespace("user"), steps.IdMaps(count=1, setgroups="deny"), steps.DropCapabilities(())):
        box.apply(step)
    before = len(os.listdir(f"/proc/{box.machine_pid}/fd"))
    with pytest.raises(CallError, match="NoNewPrivileges") as why:
        box.apply(Landlock())
    assert why.value.errno == errno.EPERM
    assert len(os.listdir(f"/proc/{box.machine_pid}/fd")) == before, "nothing is left open"


def test_each_version_has_the_rights_that_it_knows() -> None:
    everything = [len(rights(abi, writing=True).parts) for abi in range(1, 8)]
    assert everything == [13, 14, 15, 15, 16, 16, 16] and len(LANDLOCK_ACCESS_FS) == 16
    assert repr(rights(7, writing=False)) == repr(rights(1, writing=False))
    assert int(rights(7, writing=True, file=True)) == 0b1100_0000_0000_0111


@pytest.mark.parametrize(("answer", "line"), [(errno.ENOSYS, "Linux 5.13"), (errno.EOPNOTSUPP, "lsm=")])
def test_a_kernel_without_it_says_what_to_do(answer: int, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyctr_lab.steps.landlock.landlock_abi", lambda: 0)
    step = Landlock()
    assert step.calls()[0].args[0] == (int(rights(1, writing=True)),)
    assert line in step.advice(answer) and "go on without" in step.advice(answer)


@here
def test_a_folder_that_is_not_there_is_named(box: Container) -> None:
    with pytest.raises(CallError, match="/no/such") as why:
        box.apply(Landlock(("/no/such",)))
    assert why.value.errno == errno.ENOENT


@pytest.mark.parametrize(
    "wrong", [{"read": "/usr"}, {"write": ("tmp",)}, {"read": ("",)}, {"read": None}, {"write": (5,)}]
)
def test_what_is_no_place_is_refused_in_one_line(wrong: dict[str, object]) -> None:
    with pytest.raises(BadInput) as why:
        Landlock(**wrong)  # type: ignore[arg-type]
    assert "\n" not in str(why.value)


@here
def test_strace_prints_the_same() -> None:
    script = """import ctypes, struct, os
libc = ctypes.CDLL(None)
fs, folder = 0x1fff, os.open("/usr", os.O_PATH)
ruleset = libc.syscall(444, struct.pack("Q", fs), 8, 0)
libc.syscall(445, ruleset, 1, struct.pack("Qi", 13, folder), 0)
libc.prctl(38, 1, 0, 0, 0)
libc.syscall(446, ruleset, 0)"""
    traced = subprocess.run(["strace", "-v", "-e", "trace=/landlock", "python3", "-c", script], capture_output=True,
                            text=True).stderr  # fmt: skip
    lines = re.findall(r"(landlock_.*\)) += ", traced)
    ruleset, folder = (int(re.findall(pattern, traced)[0]) for pattern in (r"restrict_self\((\d+)", r"parent_fd=(\d+)"))
    made = [
        landlock.landlock_create_ruleset(rights(1, writing=True)),
        landlock.landlock_add_rule(ruleset, rights(1, writing=False), folder),
        landlock.landlock_restrict_self(ruleset),
    ]
    assert lines == [str(made[0]).removesuffix(" = ruleset"), *map(str, made[1:])]
