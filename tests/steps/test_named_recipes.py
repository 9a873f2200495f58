"""The recipes that have a name, confirmed from outside: each call of a start by strace, each wall by /proc."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pyctr_lab import Lab, steps
from pyctr_lab.kernel import proc
from pyctr_lab.kernel.capabilities import capability_sets
from pyctr_lab.runtime import Program
from pyctr_lab.steps.masks import MASKED, READ_ONLY
from pyctr_lab.steps.privileges import KEPT

WITHOUT_RAW = {*KEPT} - {"NET_RAW"}
ALL_BUT_TIME = {"user", "mnt", "uts", "ipc", "net", "cgroup", "pid"}


@dataclass(frozen=True)
class Expected:
    """What /proc shows of one recipe's container: kinds of namespaces of its own; capabilities, None for all; whether
    /proc has masks, the root is read only and no exec gives anything back; its filters; whether its root is an id that
    owns nothing of the lab's."""

    own: set[str] = field(default_factory=lambda: ALL_BUT_TIME)
    capabilities: set[str] | None = field(default_factory=lambda: {*KEPT})
    masks: bool = True
    read_only: bool = True
    no_new_privs: bool = True
    filters: int = 1
    own_ids: bool = True


EXPECTED = {
    "default": Expected(),
    "docker_like": Expected(own=ALL_BUT_TIME | {"time"}, capabilities=WITHOUT_RAW),
    "rootless_like": Expected(
        capabilities=WITHOUT_RAW - {"MKNOD", "AUDIT_WRITE"}, read_only=False, own_ids=False
    ),
    "bare": Expected(
        capabilities=None, masks=False, read_only=False, no_new_privs=False, filters=0, own_ids=False
    ),
    "lmctfy_like": Expected(own=set(), masks=False, read_only=False, filters=0, own_ids=False),
    "pod": Expected(),
}  # fmt: skip
CHANGING = ("mount", "umount2", "unshare", "setns", "pivot_root", "mkdirat", "symlinkat", "chdir", "setres",
            "prlimit64(0, ", "capset", "prctl(PR_CAPBSET", "prctl(PR_SET_NO", "prctl(PR_SET_SECCOMP")  # fmt: skip
SLEEP = ["/bin/sleep", "60"]


def test_each_recipe_is_looked_at() -> None:
    assert {*EXPECTED} == {*steps.RECIPES, "pod"}


@contextmanager
def running(lab: Lab, kind: str) -> Iterator[Program]:
    """A container by this recipe; that of a pod has another one beside it."""
    first = lab.start(SLEEP) if kind == "pod" else None
    recipe = lab.recipe(kind=kind) if first is None else steps.pod(first.pid)
    made = lab.start(SLEEP, recipe=recipe)
    try:
        yield made
    finally:
        for program in filter(None, (made, first)):
            program.kill()
            program.wait()


@pytest.mark.machine
@pytest.mark.parametrize("kind", EXPECTED)
def test_proc_confirms_it(lab: Lab, kind: str) -> None:
    expected = EXPECTED[kind]
    with running(lab, kind) as program:
        pid = program.machine_pid
        here, there = proc.namespaces(lab.host.machine_pid), proc.namespaces(pid)
        assert {name for name in there if there[name] != here[name]} - {"pid_for_children"} == expected.own
        sets, status = capability_sets(pid), proc.status(pid)
        if expected.capabilities is not None:
            assert {*sets.effective} == {*sets.permitted} == {*sets.bounding} == expected.capabilities
        else:
            assert len(sets.effective) == len(capability_sets(lab.host.machine_pid).effective) > 30
        assert not sets.inheritable and not sets.ambient
        assert status["NoNewPrivs"] == str(int(expected.no_new_privs))
        assert status["Seccomp"] == str(2 * expected.filters)
        assert status.get("Seccomp_filters", str(expected.filters)) == str(expected.filters)
        over = {mount.target: mount for mount in proc.mountinfo(pid) if mount.target.startswith("/proc/")}
        wanted = {path for path in (*MASKED, *READ_ONLY) if os.path.exists(path)} if expected.masks else set()
        assert {*over} & {*MASKED, *READ_ONLY} == wanted
        assert all(over[path].readonly for path in wanted if path in READ_ONLY)
        if kind != "lmctfy_like":
            assert next(m for m in proc.mountinfo(pid) if m.target == "/").readonly == expected.read_only
        assert proc.limits(pid)["Max open files"] == (min(1024, proc.limits("self")["Max open files"][1] or 1024),) * 2
        own_id = proc.uid_map(pid)[0].outside != proc.uid_map(lab.host.machine_pid)[0].outside
        assert own_id == (expected.own_ids and lab.ids > 1)


def test_one_of_a_pod_shares_with_the_other_what_a_pod_shares(lab: Lab) -> None:
    first = lab.start(SLEEP)
    second = lab.start(SLEEP, recipe=steps.pod(first.pid))
    one, other = (proc.namespaces(each.machine_pid) for each in (first, second))
    assert {kind for kind in one if one[kind] != other[kind]} - {"pid_for_children"} == {"mnt", "cgroup", "pid"}
    for program in (second, first):
        program.kill()
        program.wait()


# --- strace
CODE = """if True:
    import json, os, sys
    from pyctr_lab import Lab, steps
    with Lab(private=True) as lab:
        listings = {}
        for kind in json.loads(sys.argv[1]):
            first = lab.start(["/bin/sleep", "60"])
            recipe = steps.pod(first.pid) if kind == "pod" else lab.recipe(kind=kind)
            argv = ["/bin/true", kind]
            listings[kind] = recipe.listing(argv)  # of this very lab: under strace newuidmap has no privilege
            for _ in range(2):
                assert not lab.run(argv, recipe=recipe).signal
            first.kill()
        assert lab.starter.why_slow == "", lab.starter.why_slow
        print(json.dumps(listings))
    """


def normal(line: str) -> str:
    """Without what is known only at run time: results, and numbers of descriptors."""
    line = re.sub(r"^\w+: +", "", line)
    line = re.sub(r"\)\s+= .*$|\) = \w+$", ")", line)
    line = re.sub(r"0x[0-9a-f]+ (/\* \d+ vars)", r"\1", line)
    line = line.replace("propagation=0 /* MS_??? */", "propagation=0")  # some versions of strace look for a name
    return re.sub(r"^(write|close|ioctl|setns)\(\w+", r"\1(FD", line)


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_strace_confirms_each_listing_on_real_starts(tmp_path: Path) -> None:
    options = ["-ff", "-e", "abbrev=!prctl", "-s", "4096", "-o", str(tmp_path / "trace")]
    argv = ["strace", *options, sys.executable, "-c", CODE, json.dumps([*EXPECTED])]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=240)
    if "PTRACE" in done.stderr:
        pytest.skip("this machine refuses ptrace")
    assert done.returncode == 0, done.stderr
    traces = [list(map(normal, path.read_text().splitlines())) for path in tmp_path.glob("trace.*")]
    launcher = max(traces, key=lambda trace: sum("clone3({flags=CLONE_VM" in line for line in trace))
    by_loop = 2 * (len(EXPECTED) - 1) + len(EXPECTED)  # all but a pod's, and those beside which pods are
    made = sum(line.startswith("clone3({flags=CLONE_VM") for line in launcher)
    assert made >= by_loop, "more where the end of another child interrupts one, which the kernel then makes again"
    for kind, listing in json.loads(done.stdout).items():
        wanted = [normal(line) for line in listing.splitlines() if line.startswith("process")]
        starts = [trace for trace in traces if wanted[-1] in trace]
        assert len(starts) == 2, kind
        for trace in starts:
            made = trace[: trace.index(wanted[-1]) + 1]
            (confirm_in_a_child if "fork()" in wanted else confirm)(kind, wanted, made, traces)
        everywhere = [line for trace in traces for line in trace]
        for call in (normal(line) for line in listing.splitlines() if line.startswith("outside")):
            pattern = re.escape(call).replace("/proc/PID", r"/proc/\d+")
            assert sum(bool(re.fullmatch(pattern, line)) for line in everywhere) >= 2, (kind, call)


def confirm(kind: str, wanted: list[str], made: list[str], _: list[list[str]]) -> None:
    """That the loop of machine code made this list, the streams before its last call, and no other call."""
    if made[0].startswith("futex("):
        made = made[1:]  # its id maps are written meanwhile
    streams = [call for call in made if call.startswith(("dup3", "dup2"))]
    assert len(streams) == 3 and made[-4:-1] == streams, kind
    assert made[:-4] + made[-1:] == wanted, f"{kind}: from its first call to its execve exactly the list"


def confirm_in_a_child(kind: str, wanted: list[str], made: list[str], traces: list[list[str]]) -> None:
    """That a carrier made the list up to a fork in its midst, and its child the rest, as calls that carriers do not
    make of their own accord."""
    middle = wanted.index("fork()")
    before, after = wanted[:middle], wanted[middle + 1 :]
    assert changing(made) == changing(after), kind
    assert any(changing(trace) == changing(before) for trace in traces), kind


def changing(calls: list[str]) -> list[str]:
    """The calls that change a process's world: by their names these are a recipe's and no program's."""
    return [call for call in calls if call.startswith(CHANGING)]
