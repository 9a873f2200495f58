"""Filters of system calls as a step: printed as strace does, in force for what the process becomes, in both starts."""

from __future__ import annotations

import errno
import re
import subprocess

import pytest

from pyctr_lab import Lab, steps
from pyctr_lab.errors import BadInput
from pyctr_lab.kernel import CallError, mkdirat, unshare
from pyctr_lab.kernel.constants import CLONE_NEWUTS
from pyctr_lab.kernel.filters import ALLOW, KILL, FilterPolicy, FilterRule, docker_policy, refuse
from pyctr_lab.runtime.container import Container
from pyctr_lab.steps import Recipe, Seccomp

NO_FOLDERS = FilterPolicy(ALLOW, (FilterRule(("mkdir", "mkdirat"), refuse(errno.EROFS)),))
WHAT = "mkdir /tmp/new; echo made=$?; grep Seccomp: /proc/self/status"


def with_filter(lab: Lab, policy: FilterPolicy) -> Recipe:
    return Recipe([*lab.recipe().without(Seccomp), Seccomp(policy)])


@pytest.mark.parametrize("start", ["auto", "fork"])
def test_it_is_in_force_for_the_program(start) -> None:  # type: ignore[no-untyped-def]
    with Lab(start=start, private=True) as lab:
        without = lab.run(["sh", "-c", WHAT], recipe=lab.recipe().without(Seccomp))
        with_one = lab.run(["sh", "-c", WHAT], recipe=with_filter(lab, NO_FOLDERS))
        assert without.stdout.split() == ["made=0", "Seccomp:", "0"]
        assert with_one.stdout.split() == ["made=1", "Seccomp:", "2"] and "Read-only" in with_one.stderr


def test_a_fast_start_stays_fast(lab: Lab) -> None:
    recipe = with_filter(lab, docker_policy())
    program = lab.start(["true"], recipe=recipe)
    assert program.wait().returncode == 0
    assert program.story[0].name == "fork" and lab.starter.why_slow == ""
    assert "PR_SET_SECCOMP, SECCOMP_MODE_FILTER, {len=" in recipe.listing(["true"])


def test_dockers_policy_refuses_what_it_should(lab: Lab) -> None:
    tried = "unshare --user true; echo $?; ls / > /dev/null; echo $?"
    ran = lab.run(["sh", "-c", tried], recipe=with_filter(lab, docker_policy()))
    assert ran.stdout.split() == ["1", "0"] and "Operation not permitted" in ran.stderr


def test_a_live_process_is_filtered_from_the_step_on(box: Container) -> None:
    box.apply(steps.NewNamespace("user"))
    box.apply(Seccomp(NO_FOLDERS))  # it has CAP_SYS_ADMIN: no_new_privs is not needed
    with pytest.raises(CallError) as why:
        box.call(mkdirat("/tmp/none"))
    assert why.value.errno == errno.EROFS
    assert box.call(unshare(CLONE_NEWUTS)).result == 0


def test_without_capabilities_it_needs_no_new_privs(box: Container) -> None:
    for step in (steps.NewNamespace("user"), steps.IdMaps(count=1, setgroups="deny"), steps.DropCapabilities(())):
        box.apply(step)
    with pytest.raises(CallError, match="no_new_privs") as why:
        box.apply(Seccomp(NO_FOLDERS))
    assert why.value.errno == errno.EACCES
    box.apply(steps.NoNewPrivileges())
    box.apply(Seccomp(NO_FOLDERS))


def test_a_program_that_is_killed_for_a_call_says_by_which_signal(lab: Lab) -> None:
    ran = lab.run(["sh", "-c", WHAT], recipe=with_filter(lab, FilterPolicy(ALLOW, (FilterRule(("mkdir",), KILL),))))
    assert "made=159" in ran.stdout  # 128 and SIGSYS


@pytest.mark.parametrize("name", ["execve", "dup3"])
def test_a_policy_under_which_nothing_starts_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match=f"answers {name} with EPERM: no program could start"):
        Seccomp(FilterPolicy(ALLOW, (FilterRule((name,), refuse()),)))


@pytest.mark.parametrize("wrong", [None, "docker", [], (1,), ("",), (None,)])
def test_what_is_no_policy_is_refused(wrong: object) -> None:
    with pytest.raises(BadInput) as why:
        Seccomp(wrong)  # type: ignore[arg-type]
    assert "\n" not in str(why.value)


def test_strace_prints_the_same(lab: Lab) -> None:
    (call,) = Seccomp(NO_FOLDERS).calls()
    script = (
        "import ctypes, struct; libc = ctypes.CDLL(None); libc.prctl(38, 1, 0, 0, 0);"
        f"raw = ctypes.create_string_buffer({bytes(call.args[2][1])!r});"  # type: ignore[index]
        f"libc.prctl(22, 2, struct.pack('HxxxxxxQ', {call.args[2][0]}, ctypes.addressof(raw)))"  # type: ignore[index]
    )
    traced = subprocess.run(
        ["strace", "-v", "-e", "trace=prctl", "/usr/bin/python3", "-c", script], capture_output=True, text=True
    ).stderr
    (line,) = re.findall(r"prctl\(PR_SET_SECCOMP.*\)(?= = 0)", traced)
    assert line == str(call)
