"""Hints stand only where an errno misleads."""

from __future__ import annotations

import os
from errno import EINVAL, ENOENT, EPERM, errorcode

import pytest

from pyctr_lab import CallError, Container, Lab, kernel, steps
from pyctr_lab.kernel.constants import CLONE_NEWUSER
from pyctr_lab.kernel.errno_hints import HINTS, hint_for


def hint_of(call: kernel.Call, errno: int) -> str:
    return hint_for(call.name, call.args, errno)


def test_each_hint_is_about_a_call_and_an_errno_that_exist() -> None:
    for name, errno in HINTS:
        assert callable(getattr(kernel, name)), name
        assert errno in errorcode, (name, errno)


@pytest.mark.parametrize("hint", HINTS.values())
def test_a_hint_is_one_line_and_no_sentence_of_its_own(hint: str) -> None:
    assert hint and "\n" not in hint and not hint.endswith(".") and hint not in map(os.strerror, errorcode)


def test_where_the_errno_says_it_all_there_is_none() -> None:
    assert hint_of(kernel.chdir("/x"), ENOENT) == ""
    programs = [kernel.execve([name], {}) for name in ("x", "/x")]
    assert hint_of(programs[0], ENOENT) == hint_of(programs[1], ENOENT) != ""
    assert hint_of(kernel.mount("x", "/x"), EPERM) and hint_of(kernel.pivot_root(".", "."), EINVAL)


@pytest.mark.parametrize(
    ("call", "says", "says_not"),
    [
        (kernel.mount("proc", "/p", "proc"), "pid namespace", "/sys"),
        (kernel.mount("sysfs", "/s", "sysfs"), "network namespace", "/proc"),
        (kernel.mount(None, "/x", None, kernel.MS_REMOUNT | kernel.MS_BIND), "cannot be cleared", "/proc"),
        (kernel.mount("/dev/sda", "/x", "ext4"), "disk", "/proc"),
        (kernel.unshare(kernel.CLONE_NEWUTS), "take a user namespace first", "mapped"),
        (kernel.unshare(kernel.CLONE_NEWUSER), "must be mapped", "take a user namespace"),
        (kernel.fork(kernel.CLONE_NEWUSER | kernel.CLONE_NEWPID), "must be mapped", "take a user namespace"),
    ],
    ids=str,
)
def test_what_is_refused_decides_which_hint_fits(call: kernel.Call, says: str, says_not: str) -> None:
    assert says in hint_of(call, EPERM) and says_not not in hint_of(call, EPERM)


def test_a_second_user_namespace_needs_the_ids_of_the_first(box: Container) -> None:
    box.apply(steps.NewNamespace("user"))
    for again in (lambda: box.apply(steps.NewNamespace("user")), lambda: box.call(kernel.unshare(CLONE_NEWUSER))):
        with pytest.raises(CallError) as refused:
            again()
        assert refused.value.errno == EPERM and "must be mapped first" in refused.value.hint


def test_a_namespace_of_the_wrong_kind_is_named(box: Container) -> None:
    wrong = [kernel.openat("/proc/self/ns/net"), kernel.setns(kernel.Ref("fd"), kernel.CLONE_NEWUTS)]
    with pytest.raises(CallError) as refused:
        box.carry(wrong)
    assert refused.value.errno == EINVAL
    assert refused.value.hint == "the descriptor is a net namespace; CLONE_NEWUTS stands for another kind"
    fd = box.call(wrong[0]).result
    with pytest.raises(CallError) as refused:
        box.call(kernel.setns(fd, kernel.CLONE_NEWUTS))
    assert "no namespace of the kind that CLONE_NEWUTS stands for" in refused.value.hint


def test_ones_own_user_namespace_is_named_only_where_it_is_meant(lab: Lab, box: Container) -> None:
    with pytest.raises(CallError) as refused:
        box.apply(steps.JoinNamespace("user", box.pid))
    assert "own user namespace cannot be entered again" in refused.value.hint
    inside = lab.container("inside")
    inside.apply(steps.NewNamespace("pid"))
    with pytest.raises(CallError) as refused:
        inside.carry([kernel.openat(f"/proc/{box.pid}/ns/pid"), kernel.setns(kernel.Ref("fd"), kernel.CLONE_NEWPID)])
    inside.kill()
    assert "below one's own" in refused.value.hint
