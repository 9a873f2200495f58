"""A control group against the real kernel: by version 2's meaning, whatever version this machine has."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from errno import EBUSY, EINVAL, ENODEV

import pytest

import pyctr_lab.cgroups.group as module
from pyctr_lab import Cgroup, Container, Lab, Limits, Program, steps
from pyctr_lab.cgroups import files
from pyctr_lab.cgroups.places import delegation
from pyctr_lab.errors import BadInput, Busy, Gone, GroupError, Harm, Unsupported
from pyctr_lab.kernel import getpid, proc
from pyctr_lab.kernel.calls import CallError

pytestmark = pytest.mark.machine

HOLD = "held = b'x' * ({} << 20); print('held', flush=True); import signal; signal.pause()"
BOMB = ["python3", "-c", "x = b'x' * (200 << 20)"]
FORKS = ["python3", "-c", "import os\nwhile True:\n    try: os.fork()\n    except OSError: os.sched_yield()"]
SPIN = ["sh", "-c", "while :; do :; done"]


def until(program: Program, word: str) -> None:
    """Waits until a program that was started has said a word."""
    while word not in program.stdout:
        assert program.poll() is None, program.stderr


# --- limits
def test_what_is_written_is_what_the_kernel_has(group: Cgroup) -> None:
    made = group.limit(memory="64M", cpus=0.5, pids=32)
    assert group.limits == Limits(memory="64M", cpus=0.5, pids=32)
    assert (group.memory_max, group.cpu_max, group.pids_max) == (64 << 20, 0.5, 32)
    assert made == tuple(group.written[-len(made) :]) and all(each.seconds > 0 for each in made)
    for each in made:
        assert each.shell == f"echo '{each.value}' > {each.path}".replace("'", "'" if " " in each.value else "")
        assert "in the shell: echo" in str(each)
    assert repr(group) == "Cgroup('tested', Limits(memory=\"64M\", cpus=0.5, pids=32))"


def test_a_limit_is_an_attribute(group: Cgroup) -> None:
    group.memory_max, group.cpu_max, group.pids_max = "16M", "150%", 7
    assert (group.memory_max, group.cpu_max, group.pids_max) == (16 << 20, 1.5, 7)
    group.memory_max = group.cpu_max = group.pids_max = None
    assert group.limits == Limits()
    group.cpu_weight = 50
    assert group.cpu_weight == 50 and group.limits == Limits(cpu_weight=50)
    group.cpu_weight = None
    assert group.cpu_weight == 100


@pytest.mark.parametrize("words", [{"ram": "1M"}, {"memory": 0}, {"pids": -1}, {"cpus": "much"}, {"memory_max": "1M"}])
def test_bad_input_changes_nothing(words: dict[str, object], lab: Lab, group: Cgroup) -> None:
    written = list(group.written)
    for ask in (group.limit, lambda **words: lab.cgroup("tested", **words)):
        with pytest.raises(BadInput) as refused:
            ask(**words)
        assert "\n" not in str(refused.value) and len(str(refused.value)) < 250
    with pytest.raises(BadInput):
        lab.cgroup("tested", 64)  # type: ignore[arg-type]
    assert group.written == written and lab.groups.made["tested"] is group and group.is_there


def test_what_may_not_be_limited_here_is_said_with_the_command(lab: Lab, group: Cgroup) -> None:
    if not delegation().missing:
        pytest.skip("everything may be limited here")
    words = {"io": {"io_read": "1M"}, "cpuset": {"cpuset": "0"}}.get(delegation().missing[0], {})
    with pytest.raises(Unsupported) as refused:
        group.limit(**words)
    assert refused.value.hint and "\n" not in str(refused.value)


def test_what_the_kernel_refuses_is_one_line_and_leaves_no_group(lab: Lab, delegated: None) -> None:
    if "io" in delegation().missing:
        pytest.skip(delegation().why("io"))
    with pytest.raises(GroupError, match="no such disk") as refused:
        lab.cgroup("refused", io_read="1M", disk="4095:77")
    assert refused.value.filename and "\n" not in str(refused.value)
    assert "refused" not in lab.groups.made
    assert lab.cgroup("refused").limits == Limits()
    lab.groups.made["refused"].remove()


def test_rates_of_a_disk(group: Cgroup) -> None:
    if "io" in delegation().missing:
        pytest.skip(delegation().why("io"))
    try:
        group.limit(io_read="2M", io_write="1M")
    except BadInput as why:
        pytest.skip(str(why))
    (rates,) = group.io_max.values()
    assert rates == {"rbps": 2 << 20, "wbps": 1 << 20}
    group.limit(io_write="max")
    assert [rates.get("wbps") for rates in group.io_max.values()] == [None]


def test_processors(lab: Lab, group: Cgroup) -> None:
    if "cpuset" in delegation().missing:
        pytest.skip(delegation().why("cpuset"))
    with lab.container("pinned") as box:
        group.add(box)
        group.cpuset = "0"
        assert group.cpuset == "0" and os.sched_getaffinity(box.machine_pid) == {0}
        group.cpuset = None
        assert os.sched_getaffinity(box.machine_pid) == os.sched_getaffinity(0)


def test_a_share_above_that_of_the_group_outside(lab: Lab, group: Cgroup) -> None:
    """Version 2 takes it, and the smaller one acts; version 1 refuses."""
    group.limit(cpus=0.5)
    with group.child("inner", cpus=0.25) as inner:
        try:
            inner.limit(cpus=0.75)
        except GroupError as why:
            assert why.errno == EINVAL and "than the one above it" in why.hint and "\n" not in str(why)
            assert inner.cpu_max == 0.25
        else:
            assert inner.cpu_max == 0.75


def test_a_limit_below_what_is_in_use(lab: Lab, group: Cgroup, box: Container) -> None:
    """Version 2 takes the memory, and kills if need be; version 1 refuses."""
    group.add(box)
    program = box.start(["python3", "-c", HOLD.format(40)])
    until(program, "held")
    try:
        group.limit(memory="8M")
    except GroupError as why:
        assert why.errno == EBUSY and "use more than that" in why.hint and "\n" not in str(why)
        assert program.poll() is None and group.memory_max is None
        program.kill()
        program.wait()
    else:
        assert group.memory_max == 8 << 20
        assert program.wait(30).signal == "SIGKILL" or group.stat().memory <= 8 << 20


def test_memory_is_never_above_its_limit(lab: Lab, delegated: None) -> None:
    with lab.cgroup("bounded", memory="64M") as group, lab.container("bounded") as box:
        group.add(box)
        assert box.run(BOMB).signal == "SIGKILL"
        peak = group.stat().memory_peak
        assert peak is None or 32 << 20 < peak <= 64 << 20


def test_swap(group: Cgroup) -> None:
    if "memory.swap.max" not in os.listdir(group.folder("memory")) and delegation().style == "v2":
        pytest.skip("this kernel does not count swap")
    group.limit(memory="16M", memory_swap="0")
    assert (group.memory_max, group.memory_swap_max) == (16 << 20, 0)
    if delegation().style != "v2":
        with pytest.raises(GroupError, match="cannot be less") as refused:
            group.limit(memory="32M")
        assert refused.value.errno == EINVAL


# --- processes
def test_processes_enter_and_their_children_follow(lab: Lab, group: Cgroup, box: Container) -> None:
    assert group.pids == ()
    group.add(box)
    program = box.start(["sleep", "1000"])
    assert set(group.pids) == {box.machine_pid, program.machine_pid} and box.cgroup is group
    with lab.container("number") as other:
        group.add(other.machine_pid)
        assert other.machine_pid in group.pids
    program.kill()
    program.wait()


def test_one_that_has_ended_cannot_enter(lab: Lab, group: Cgroup) -> None:
    ended = lab.start(["true"])
    ended.wait()
    with pytest.raises(Gone, match="has ended") as why:
        group.add(ended)
    assert "\n" not in str(why.value)
    gone = lab.container("gone")
    gone.kill()
    with pytest.raises(Gone):
        group.add(gone)


@pytest.mark.parametrize("who", [0, -1, True, 1 << 31, "5", None, 5.0, [5], object()])
def test_what_is_no_process_is_refused(who: object, group: Cgroup) -> None:
    with pytest.raises(BadInput, match="is no process"):
        group.add(who)
    assert group.pids == ()


def test_a_process_that_is_not_of_the_lab_is_refused(lab: Lab, group: Cgroup) -> None:
    """It would be killed with the group."""
    with subprocess.Popen(["sleep", "1000"]) as stranger, Lab() as other:
        for who in (stranger.pid, 1, other.container("theirs")):
            with pytest.raises(Harm, match="not of this lab"):
                group.add(who)
        stranger.kill()
    assert group.pids == ()


def test_who_must_not_end_with_a_group_is_refused(lab: Lab, group: Cgroup) -> None:
    for who in (os.getpid(), os.getppid(), lab.host, lab.host.machine_pid):
        with pytest.raises(Harm) as refused:
            group.add(who)
        assert "\n" not in str(refused.value)
    with pytest.raises(Harm):
        lab.host.apply(steps.ControlGroup(Limits(), "tested"))
    assert group.pids == ()


def test_a_program_beside_an_exec_is_in_the_group_too(lab: Lab, group: Cgroup, box: Container) -> None:
    group.add(box)
    box.apply(steps.Exec(["/bin/sleep", "1000"]))
    program = box.start(["sleep", "1000"])
    assert program.machine_pid in group.pids
    program.kill()
    program.wait()


def test_freeze_and_thaw(lab: Lab, group: Cgroup, box: Container) -> None:
    group.add(box)
    program = box.start(SPIN)
    group.freeze()
    used = group.stat().cpu
    assert group.frozen
    with pytest.raises(Busy, match="frozen") as why:
        box.run(["true"])
    assert "thaw" in why.value.hint
    assert lab.run(["echo", "on"]).stdout == "on\n", "others go on"
    assert group.stat().cpu == used
    group.thaw()
    assert not group.frozen
    while group.stat().cpu <= used:
        assert program.poll() is None
    assert box.run(["echo", "on"]).stdout == "on\n"
    group.freeze()
    group.kill()
    assert program.wait(10).signal == "SIGKILL", "who stands still can be killed all the same"


def test_who_is_below_a_frozen_group_stands_still_too(lab: Lab, group: Cgroup, box: Container) -> None:
    with group.child("below") as below:
        below.add(box)
        group.freeze()
        with pytest.raises(Busy, match="frozen"):
            box.call(getpid())
        group.thaw()
        assert box.call(getpid()).result == box.pid


def test_memory_is_raised_together_with_swap(lab: Lab, delegated: None) -> None:
    """Version 1 never lets memory be more than the sum, not for a moment between two writes."""
    with lab.cgroup("raised", memory="64M", memory_swap="0") as group:
        for size, bytes_ in (("128M", 128 << 20), ("32M", 32 << 20), ("64M", 64 << 20)):
            group.limit(memory=size, memory_swap="0")
            assert (group.memory_max, group.memory_swap_max) == (bytes_, 0)


def test_one_that_vanishes_while_it_is_asked(lab: Lab, delegated: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard of a lab that was killed removes it between two looks: ENOENT, or ENODEV for a file that is open."""
    group = lab.cgroup("vanishing", memory="64M")
    real = files.read_file

    def removed(folder: str, file: str) -> str:
        for each in group.folders:
            with suppress(FileNotFoundError):
                os.rmdir(each)
        with pytest.raises(FileNotFoundError):
            real(folder, file)
        raise OSError(ENODEV, os.strerror(ENODEV))

    with monkeypatch.context() as patch:
        patch.setattr(module, "read_file", removed)
        with pytest.raises(Gone, match="the control group vanishing is no more"):
            print(group.frozen)
    with pytest.raises(Gone, match="no more"):
        group.kill()
    group.remove()
    assert not group.is_there


def test_a_frozen_container_can_be_killed(lab: Lab, group: Cgroup) -> None:
    box = lab.container("cold")
    group.add(box)
    group.freeze()
    box.kill()
    assert not box.alive and group.pids == ()


def test_who_was_born_while_the_dead_were_looked_at_is_waited_for(
    group: Cgroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, killed = iter([[], [4711], [4711], [], []]), []
    monkeypatch.setattr(Cgroup, "all_pids", lambda _: next(looks))
    group._until_empty(killed.append)
    assert not list(looks), "one empty list proves nothing"
    assert killed == [[4711], [4711]], "who is still there is killed again"
    monkeypatch.undo()


@pytest.mark.parametrize("way", ["kill", "remove"])
def test_a_tree_that_forks_all_the_time_is_killed_as_a_whole(way: str, lab: Lab, group: Cgroup, box: Container) -> None:
    group.limit(pids=40, cpus=1)
    group.add(box)
    program = box.start(FORKS)
    with group.watch() as watch:
        while not group.events.pids_max:
            watch.wait(10)
    folders = group.folders
    getattr(group, way)()
    assert program.wait(10).signal == "SIGKILL"
    assert [folder for folder in folders if os.path.exists(folder)] == list(folders if way == "kill" else ())
    assert way == "remove" or (group.pids, group.pids_max) == ((), 40)
    assert not box.alive
    with pytest.raises(Gone):
        box.run(["true"])


# --- groups below
def test_a_child_has_the_limits_of_both(lab: Lab, group: Cgroup, box: Container) -> None:
    group.limit(pids=8)
    inner = group.child("inner", memory="16M")
    assert (inner.path, inner.name, inner.limits) == ("tested/inner", "inner", Limits(memory="16M"))
    inner.add(box)
    assert box.run(BOMB).signal == "SIGKILL" and inner.events.oom_kill >= 1
    assert inner.reached()[0].file == "memory.max"
    refused = box.run(["python3", "-c", "import os\nfor _ in range(9): os.fork() or os.read(0, 1)"], stdin=None)
    assert "BlockingIOError" in refused.stderr, "the parent's limit is its own, too"
    group.remove()
    for ask in (lambda: inner.pids, inner.stat, lambda: inner.limits, lambda: group.child("x"), group.kill):
        with pytest.raises(Gone, match="is no more") as why:
            ask()
        assert "\n" not in str(why.value)
    inner.remove()


def test_a_child_is_asked_for_once(group: Cgroup) -> None:
    group.child("one")
    with pytest.raises(BadInput, match="already"):
        group.child("one")
    with pytest.raises(BadInput):
        group.child("a/b")


def test_a_child_may_be_limited_later(group: Cgroup) -> None:
    inner = group.child("inner")
    assert inner.limits == Limits()
    inner.limit(pids=5, cpus=0.25)
    assert inner.limits == Limits(pids=5, cpus=0.25)


def test_no_internal_processes(group: Cgroup, box: Container) -> None:
    """Version 2 only: a group that passes controllers on has no processes of its own."""
    group.add(box)
    if delegation().style == "v2":
        with pytest.raises(GroupError, match="EBUSY") as refused:
            group.child("limited", memory="16M")
        assert "move them to a child first" in refused.value.hint
    inner = group.child("inner")
    inner.add(*group.pids)
    assert group.pids == () and inner.pids == (box.machine_pid,)
    assert group.child("limited", memory="16M").memory_max == 16 << 20
    assert box.run(["echo", "on"]).stdout == "on\n"


# --- its end
def test_a_fresh_one_of_the_same_name_ends_the_old(lab: Lab, group: Cgroup) -> None:
    box = lab.container("old")
    group.add(box)
    fresh = lab.cgroup("tested", pids=9)
    assert group.removed and not box.alive and fresh.pids == () and fresh.pids_max == 9
    with pytest.raises(Gone, match="has ended"):
        box.run(["true"])
    with pytest.raises(Gone, match="is no more"):
        group.pids  # noqa: B018
    group.remove()
    assert fresh.is_there, "removing the old one again is no harm to the new"
    fresh.remove()


def test_a_step_makes_a_group_that_goes_with_its_container(lab: Lab, delegated: None) -> None:
    box = lab.container("stepped")
    result = box.apply(steps.ControlGroup(Limits(memory="32M", pids=9), "stepped"))
    group = box.cgroup
    assert group is not None and group.pids == (box.machine_pid,) and group.limits == Limits(memory="32M", pids=9)
    assert all(not answer.failed for answer in result.calls) and "cgroup.procs" in str(result)
    folders = group.folders
    box.kill()
    assert not any(map(os.path.exists, folders)) and "stepped" not in lab.groups.made


def test_a_step_into_a_group_that_is_there_leaves_it_there(lab: Lab, group: Cgroup) -> None:
    with lab.container("guest") as box:
        box.apply(steps.ControlGroup(Limits(pids=9), "tested"))
        assert box.cgroup is group and group.pids == (box.machine_pid,) and group.pids_max == 9
    assert group.is_there and group.pids == () and all(map(os.path.exists, group.folders))


def test_a_step_that_is_refused_leaves_no_group(lab: Lab, delegated: None) -> None:
    if "io" in delegation().missing:
        pytest.skip(delegation().why("io"))
    box = lab.container("refused")
    with pytest.raises(CallError):
        box.apply(steps.ControlGroup(Limits(io_read=1, disk="4095:77"), "refused"))
    folders = box.cgroup.folders if box.cgroup else ()
    box.kill()
    assert folders and not any(map(os.path.exists, folders))


def test_its_own_cgroup_namespace_shows_it_as_the_root(lab: Lab, delegated: None) -> None:
    said = lab.run(["cat", "/proc/self/cgroup"], limits=Limits(pids=9)).stdout
    assert {line.split(":", 2)[2] for line in said.splitlines()} == {"/"}


def test_another_containers_view_shows_where_it_is(lab: Lab, group: Cgroup, box: Container) -> None:
    group.add(box)
    box.apply(steps.NewNamespace("cgroup"))
    if delegation().places[0].tree.version == 2:
        assert proc.cgroup(box.machine_pid).endswith("/tested")
    assert box.run(["sh", "-c", "grep ^0:: /proc/self/cgroup"]).stdout in ("0::/\n", "")
