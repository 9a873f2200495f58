"""What a group uses, and which limits have acted: the cause is named, and a neighbour goes on meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

import pyctr_lab.cgroups.usage as module
from pyctr_lab import Cgroup, Container, Lab, Limits
from pyctr_lab.cgroups.places import delegation
from pyctr_lab.cgroups.usage import cpu_time
from pyctr_lab.cgroups.v1 import count_v1_io
from pyctr_lab.cgroups.v2 import count_v2_io
from pyctr_lab.runtime import Events, Reached, Usage

pytestmark = [pytest.mark.machine, pytest.mark.usefixtures("each_way")]

HOLD = ["python3", "-c", "held = b'x' * (20 << 20); print('held', flush=True); import signal; signal.pause()"]
BOMB = ["python3", "-c", "x = b'x' * (200 << 20)"]
FORKS = ["python3", "-c", "import os\nwhile True:\n    try: os.fork()\n    except OSError: os.sched_yield()"]
SPIN = ["sh", "-c", "while :; do :; done"]


def test_a_fresh_group_uses_nothing(group: Cgroup) -> None:
    seen = group.stat()
    assert (seen.cpu, seen.throttled, seen.memory, seen.pids) == (0, 0, 0, 0)
    assert (seen.io_read, seen.io_written, seen.events) == (0, 0, Events())
    assert seen.memory_peak in (0, None) and seen.pids_peak in (0, None), "older kernels do not tell"


def test_what_is_used_is_seen(group: Cgroup, box: Container) -> None:
    group.add(box)
    program = box.start(HOLD)
    while "held" not in program.stdout:
        assert program.poll() is None
    seen = group.stat()
    assert seen.memory is not None and 20 << 20 < seen.memory < 100 << 20
    assert seen.memory_peak is None or seen.memory_peak >= seen.memory
    assert seen.pids == len(group.pids) == 2 and seen.pids_peak in (None, 2, 3)
    assert seen.cpu > 0
    assert set(seen.pressure) <= {"cpu", "memory", "io"}
    assert all(0 <= each.some <= 100 and each.total >= 0 for each in seen.pressure.values())
    program.kill()
    program.wait()
    after = group.stat()
    assert after.cpu >= seen.cpu and after.memory is not None and after.memory < seen.memory


def test_what_is_not_told_is_not_shown() -> None:
    said = repr(Usage(0.5, 0.0, None, None, 3, None, 0, 0))
    assert said.startswith("Usage(cpu=0.5, throttled=0.0, pids=3, io_read=0") and "memory=" not in said


def test_version_1_and_2_say_the_same(tmp_path: Path) -> None:
    """The two spellings of the same facts; a pretended folder, as no machine has both for one controller."""
    (tmp_path / "io.stat").write_text("254:0 rbytes=100 wbytes=7 rios=1\n8:0 rbytes=1 wbytes=2\n")
    (tmp_path / "cpu.stat").write_text("usage_usec 1500000\nnr_throttled 3\nthrottled_usec 250000\n")

    class Group:
        folders = (str(tmp_path),)

        def counted_in(self, controller: str) -> str:
            return str(tmp_path)

    group: Cgroup = Group()  # type: ignore[assignment]
    assert count_v2_io(str(tmp_path)) == (101, 9) and cpu_time(group) == (1.5, 0.25)
    (tmp_path / "io.stat").unlink()
    lines = ["254:0 Read 100", "254:0 Write 7", "254:0 Sync 107", "8:0 Read 1", "8:0 Write 2", "Total 110"]
    (tmp_path / "blkio.throttle.io_service_bytes").write_text("\n".join(lines))
    (tmp_path / "cpu.stat").write_text("nr_throttled 3\nthrottled_time 250000000\n")
    (tmp_path / "cpuacct.usage").write_text("1500000000\n")
    assert count_v1_io(str(tmp_path)) == (101, 9) and cpu_time(group) == (1.5, 0.25)


# --- a cause has a name
def test_a_limit_that_did_not_act_is_not_named(lab: Lab, delegated: None) -> None:
    assert lab.run(["true"], limits=Limits(memory="64M", pids=20)).reached == ()
    assert lab.run(["true"]).reached == ()


def test_a_memory_bomb(lab: Lab, box: Container, delegated: None) -> None:
    program = lab.start(BOMB, limits=Limits(memory="32M"))
    assert box.run(["echo", "on"]).stdout == "on\n", "a neighbour goes on"
    run = program.wait(30)
    assert run.signal == "SIGKILL"
    (cause,) = (each for each in run.reached if each.file == "memory.max")
    assert str(cause).startswith("memory.max 32M: the kernel killed ") and cause.times >= 1
    assert "python3" in str(cause), "by its name, also where the kernel's log may not be read"
    assert "memory.max 32M" in repr(run)


def test_a_fork_bomb(lab: Lab, box: Container, delegated: None) -> None:
    program = lab.start(FORKS, limits=Limits(pids=20, cpus=1))
    assert program.cgroup
    with program.cgroup.watch() as watch:
        while not program.cgroup.events.pids_max:
            watch.wait(20)
    assert box.run(["echo", "on"]).stdout == "on\n", "a neighbour goes on"
    program.cgroup.kill()
    run = program.wait(20)
    assert run.signal == "SIGKILL"
    (cause,) = (each for each in run.reached if each.file == "pids.max")
    assert cause.value == "20" and cause.times >= 1 and str(cause).endswith("a new process was refused")
    assert not any(each.file == "memory.max" for each in run.reached), "killed, but not for memory"


def test_a_spinner(lab: Lab, box: Container, delegated: None) -> None:
    program = lab.start(SPIN, limits=Limits(cpus=0.1))
    assert program.cgroup
    while program.cgroup.stat().throttled < 0.2:  # nobody is woken for it
        assert program.poll() is None
    assert box.run(["echo", "on"]).stdout == "on\n", "a neighbour goes on"
    program.kill()
    (cause,) = program.wait(20).reached
    assert (cause.file, cause.value) == ("cpu.max", "0.1 cores") and "had to wait" in cause.what


def test_causes_are_counted_in_words(monkeypatch: pytest.MonkeyPatch, group: Cgroup) -> None:
    assert [module._times(count) for count in (1, 2, 12_000)] == ["once", "twice", "12,000 times"]
    assert str(Reached("pids.max", "5", 1, "once a new process was refused")).startswith("pids.max 5: once")
    assert group.reached() == ()


def test_the_kernels_log_names_who_was_killed_here_and_nobody_else(
    monkeypatch: pytest.MonkeyPatch, group: Cgroup
) -> None:
    ours = f"/x/{group.groups.name}/tested"
    lines = [
        f"6,1,2,-;oom-kill:constraint=CONSTRAINT_MEMCG,task_memcg={path},task={task},pid=5,uid=0\n"
        for path, task in ((ours, "a"), (f"{ours}/inner", "b"), (f"{ours}-2", "c"), ("/other/tested", "d"))
    ]
    monkeypatch.setattr(module, "kernel_log", lambda: ["noise\n", *lines])
    assert module.killed(group) == ["a", "b"]
    monkeypatch.setattr(module, "kernel_log", list)
    assert module.killed(group) == []


def test_the_kernels_log_is_read_without_waiting() -> None:
    assert isinstance(module.kernel_log(), list)


def test_pressure_is_told_where_the_kernel_counts_it(group: Cgroup) -> None:
    expected = {"cpu", "memory", "io"} if delegation().places[0].tree.version == 2 else set()
    assert set(group.stat().pressure) <= expected
