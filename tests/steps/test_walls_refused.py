"""Capabilities, filters and masks that cannot be: one clear line from each way of starting, and nothing left behind."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Iterator
from errno import ENOSYS, EPERM, errorcode
from pathlib import Path
from signal import SIGSYS

import pytest

from pyctr_lab import Lab, steps
from pyctr_lab.errors import Gone, LabError
from pyctr_lab.kernel import Call, getpid
from pyctr_lab.kernel.capabilities import capability_sets
from pyctr_lab.kernel.filters import ALLOW, KILL, Comparison, FilterAction, FilterPolicy, FilterRule, bpf, refuse
from pyctr_lab.kernel.syscall_table import SYSCALLS
from pyctr_lab.runtime.container import Container
from pyctr_lab.steps import BoundingSet, MaskPaths, RaiseAmbient, ReadOnlyPaths, Recipe, Seccomp, SetCapabilities
from pyctr_lab.steps.masks import LINKS

TOO_LONG = FilterPolicy(ALLOW, tuple(
    FilterRule(("socket",), refuse(1), (Comparison(0, "EQ", family),)) for family in range(1100)
))  # fmt: skip


@pytest.fixture(params=["auto", "fork"])
def untouched(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A lab that has afterwards no process, descriptor or child of ours more than before, and starts programs."""
    with Lab(start=request.param, private=True) as lab:
        assert lab.run(["true"]).returncode == lab.start(["true"]).wait().returncode == 0  # what is opened once
        before = lab.processes(), sorted(os.listdir("/proc/self/fd"))
        yield lab
        assert (lab.processes(), sorted(os.listdir("/proc/self/fd"))) == before
        assert lab.run(["echo", "on"]).stdout == "on\n"


def said_by(start: Callable[[], object]) -> str:
    """The one line of a start that is refused."""
    with pytest.raises(LabError) as why:
        start()
    assert "\n" not in str(why.value)
    return str(why.value)


@pytest.mark.parametrize(("words", "line"), [
    ({"cap_add": ["FLY"]}, "there is no capability 'FLY'"),
    ({"cap_drop": ["KILL", "CAP_"]}, "there is no capability 'CAP_'"),
    ({"seccomp": TOO_LONG}, "needs more than 4096 instructions"),
    ({"seccomp": FilterPolicy(ALLOW, (FilterRule(("mkdri",), KILL),))}, "there is no system call 'mkdri' (as mkdir)"),
    ({"seccomp": FilterPolicy(refuse())}, "answers execve with EPERM: no program could start"),
    ({"seccomp": (bpf.return_value(0),)}, "answers execve with kill_thread: no program could start"),
    ({"seccomp": (bpf.load_word(0),)}, "instruction 0 leads past the end of the program"),
    ({"seccomp": (bpf.return_value(0x7FFF0000),) * 4097}, "a filter has 1 to 4096 instructions, not 4097"),
])  # fmt: skip
def test_a_start_is_refused_before_anything_is_made(untouched: Lab, words: dict[str, object], line: str) -> None:
    assert line in said_by(lambda: untouched.run(["true"], **words))  # type: ignore[arg-type]
    assert line in said_by(lambda: untouched.start(["true"], **words))  # type: ignore[arg-type]


@pytest.mark.parametrize(("content", "line"), [
    ({"defaultAction": "SCMP_ACT_ALLOW", "syscall": []}, "a policy has no field 'syscall'"),
    ({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_KILL", "arg": []}]},
     "a rule has no field 'arg'"),
    ({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["read"], "action": "SCMP_ACT_KILL"}, {"names": ["read"], "action": "SCMP_ACT_LOG"},
    ]}, "two rules for read contradict each other: kill_thread and log"),
    ({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": []}, "answers execve with EPERM"),
])  # fmt: skip
def test_a_file_of_a_policy(untouched: Lab, content: object, line: str, tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(content))
    assert line in said_by(lambda: untouched.run(["true"], seccomp=file))


def without_exec(value: int) -> tuple[bpf.Instruction, ...]:
    """A filter by hand that refuses execve for what it is given: the check, which gives zeros, passes it."""
    number = SYSCALLS[platform.machine()]["execve"]
    return (
        bpf.load_word(0), bpf.jump_if(bpf.JEQ, number, 0, 2), bpf.load_word(24), bpf.jump_if(bpf.JEQ, 0, 0, 1),
        bpf.return_value(ALLOW.value), bpf.return_value(value),
    )  # fmt: skip


@pytest.mark.parametrize(("action", "errno"), [(refuse(), EPERM), (FilterAction("notify"), ENOSYS), (KILL, 0)])
def test_a_filter_that_forbids_the_exec_after_all(untouched: Lab, action: FilterAction, errno: int) -> None:
    recipe = Recipe([*untouched.recipe(), Seccomp(without_exec(action.value))])
    if errno:
        assert f"execvpe(\"true\", [\"true\"], /* 4 vars */) = -1 {errorcode[errno]}" in said_by(
            lambda: untouched.run(["true"], recipe=recipe)
        )
        return
    try:  # the slower start has handed the process over before its exec
        assert untouched.run(["true"], recipe=recipe).returncode == -SIGSYS
    except Gone as why:
        assert str(why).startswith("the process ended inside execvpe(")


def test_a_live_process_that_its_filter_kills_has_ended_and_says_so(lab: Lab) -> None:
    box = lab.container("filtered")
    box.apply(steps.NoNewPrivileges())
    number = SYSCALLS[platform.machine()]["getppid"]
    program = (bpf.load_word(0), bpf.jump_if(bpf.JEQ, number, 0, 1), bpf.return_value(KILL.value),
               bpf.return_value(ALLOW.value))  # fmt: skip
    box.apply(Seccomp(program))
    assert "the process ended inside getppid()" in said_by(lambda: box.call(Call("getppid")))
    assert "has ended" in said_by(lambda: box.call(getpid()))
    assert lab.run(["echo", "on"]).stdout == "on\n"


# --- capabilities
@pytest.mark.parametrize(("step", "line"), [
    (SetCapabilities(("CHOWN",), inheritable=("KILL",)), "inheritable is only what the bounding set has"),
    (RaiseAmbient(("KILL",)), "first permitted and inheritable"),
])  # fmt: skip
def test_what_the_bounding_set_lacks_cannot_be_raised(box: Container, step: steps.Step, line: str) -> None:
    kept = SetCapabilities(("CHOWN",), inheritable=("CHOWN",))
    for before in (steps.NewNamespace("user"), steps.IdMaps(count=1, setgroups="deny"), BoundingSet(("CHOWN",)), kept):
        box.apply(before)
    assert line in said_by(lambda: box.apply(step))
    assert capability_sets(box.machine_pid).inheritable == ("CHOWN",), "and nothing was changed"


# --- masks
@pytest.mark.parametrize("kind", [MaskPaths, ReadOnlyPaths])
@pytest.mark.parametrize(("path", "line"), [
    ("/", "cannot be masked"), ("/proc", "cannot be masked"), ("/etc/passwd", "cannot be masked"),
    ("/proc/mounts", "/proc/mounts is a link"), ("/proc/self/environ", "/proc/self is a link"),
    ("/proc/net/tcp", "/proc/net is a link"), ("/proc/../proc/keys", "cannot be masked"),
])  # fmt: skip
def test_a_mask_on_the_root_or_a_link(kind: type[steps.Step], path: str, line: str) -> None:
    assert line in said_by(lambda: kind((path,)))  # type: ignore[call-arg]


def test_the_links_are_the_ones_that_this_kernel_has() -> None:
    links = {each.name for each in Path("/proc").iterdir() if each.is_symlink()}
    assert links <= {name for _, name in LINKS}


def test_a_mask_on_a_path_that_is_not_there_is_passed_over(untouched: Lab) -> None:
    base = list(untouched.recipe().without(MaskPaths, ReadOnlyPaths))
    place = base.index(steps.PivotRoot())
    nowhere = ("/proc/none", "/proc/uptime/none", "/sys/none")
    recipe = Recipe([*base[:place], MaskPaths(nowhere), ReadOnlyPaths(nowhere), *base[place:]])
    assert untouched.run(["true"], recipe=recipe).returncode == 0
