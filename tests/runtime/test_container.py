"""A live process on its way: step by step, seen from inside and from outside."""

from __future__ import annotations

import os
from errno import EEXIST, ENOENT, EPERM

import pytest

from pyctr_lab import Lab, steps
from pyctr_lab.errors import BadInput, Busy, Gone, Harm, TimeExpired
from pyctr_lab.kernel import CLONE_NEWIPC, CLONE_NEWPID, KINDS, Call, mkdirat, openat, proc, sethostname, unshare
from pyctr_lab.kernel.calls import CallError
from pyctr_lab.kernel.constants import O_WRONLY
from pyctr_lab.runtime.carrier import readable
from pyctr_lab.runtime.container import Container

pytestmark = pytest.mark.machine


@pytest.mark.parametrize("kind", KINDS)
def test_one_wall_closes_one_kind_and_no_other(kind: str, lab: Lab, box: Container) -> None:
    assert set(box.view().same(lab.host.view()).values()) == {True}
    box.apply(steps.NewNamespace(kind))
    same = box.view().same(lab.host.view())
    assert same == {other: other != kind for other in KINDS}
    inside = box.run(["sh", "-c", f"readlink /proc/self/ns/{kind}"]).stdout
    assert inside == f"{kind}:[{box.view().namespaces[kind]}]\n"
    assert proc.namespace(box.machine_pid, kind) == box.view().namespaces[kind]


def test_all_eight_one_by_one(lab: Lab, box: Container) -> None:
    for step in lab.recipe()[:2]:
        box.apply(step)
    for kind in KINDS:
        if kind != "user":
            box.apply(steps.NewNamespace(kind))
    assert set(box.view().same(lab.host.view()).values()) == {False}
    assert box.view().processes[0].pid == 1 and len(box.view().interfaces) == 1
    assert box.run(["sh", "-c", "exit 5"]).returncode == 5


def test_a_name_of_its_own(lab: Lab, box: Container) -> None:
    box.apply(steps.NewNamespace("uts"))
    result = box.apply(steps.SetHostname("inner"))
    assert (box.view().hostname, lab.host.view().hostname) == ("inner", "lab")
    assert box.run(["hostname"]).stdout == "inner\n"
    assert str(result).splitlines()[0].startswith('sethostname("inner", 5) = 0 · ')
    assert str(result).splitlines()[-1] == "in the shell: hostname inner" and result.seconds > 0


def test_what_would_change_the_lab_is_refused_and_may_be_meant(box: Container) -> None:
    for step, kind in ((steps.SetHostname("x"), "uts"), (steps.Tmpfs("/mnt"), "mnt"), (steps.LoopbackUp(), "net")):
        with pytest.raises(Harm, match=f'NewNamespace."{kind}"') as refused:
            box.apply(step)
        assert f'shared="{kind}"' in refused.value.hint
    assert box.history == []
    with pytest.raises(Harm):
        box.apply(steps.SetHostname("x"), shared="net")
    assert box.apply(steps.LoopbackUp(), shared="net").calls[0].result >= 0


def test_what_was_done_before_a_failure_stands(box: Container) -> None:
    box.apply(steps.NewNamespace("mnt"))
    with pytest.raises(CallError) as why:
        box.apply(steps.HostTree("/mnt/nowhere"))
    assert why.value.errno == ENOENT and why.value.filename == "/mnt/nowhere"
    box.apply(steps.PrivatePropagation())
    box.apply(steps.Tmpfs("/mnt"))
    box.call(mkdirat("/mnt/etc"))
    with pytest.raises(CallError) as later:
        box.carry([mkdirat("/mnt/a"), mkdirat("/mnt/etc"), mkdirat("/mnt/b")])
    assert [answer.errno for answer in later.value.answers] == [0, EEXIST]
    assert box.run(["ls", "/mnt"]).stdout.split() == ["a", "etc"]


def test_history_has_what_failed_too(box: Container) -> None:
    with pytest.raises(CallError):
        box.apply(steps.IdMaps(count=1))
    assert [result.calls[-1].failed for result in box.history] == [True]
    assert box.history[0].calls[-1].errno == EPERM
    box.apply(steps.NewNamespace("uts"))
    assert len(box.history) == 2 and not box.history[1].calls[-1].failed


def test_a_bare_call_says_what_the_kernel_says(box: Container) -> None:
    assert str(box.call(unshare(CLONE_NEWIPC))) == "unshare(CLONE_NEWIPC) = 0"
    with pytest.raises(OSError) as why:
        box.call(openat("/no/such/file", O_WRONLY))
    assert (why.value.errno, why.value.filename) == (ENOENT, "/no/such/file")
    box.apply(steps.NewNamespace("user"))
    with pytest.raises(CallError) as refused:
        box.call(sethostname("x"))
    assert refused.value.errno == EPERM and "owns this UTS" in refused.value.hint


def test_a_step_out_of_order_says_what_it_needs(box: Container) -> None:
    """Of the guesses that the errno allows, the one that is so."""
    with pytest.raises(CallError) as refused:
        box.apply(steps.IdMaps())
    assert refused.value.errno == EPERM
    assert refused.value.hint.startswith("needs “user namespace” before it: ids are mapped from one")
    box.apply(steps.NewNamespace("user"))
    box.apply(steps.IdMaps(count=1))
    with pytest.raises(CallError) as refused:
        box.apply(steps.IdMaps(count=1))
    assert refused.value.hint == "each map is written once (EPERM)"
    with pytest.raises(CallError) as refused:
        box.apply(steps.Chroot("/no/such/place"))
    assert refused.value.hint == "", "its place in the list is not the reason"


def test_no_call_is_refused_with_a_way_out(box: Container) -> None:
    with pytest.raises(BadInput, match="is no system call"):
        box.call("unshare")  # type: ignore[arg-type]


def test_no_step_is_refused_with_a_way_out(box: Container) -> None:
    with pytest.raises(BadInput, match=r"\.call"):
        box.apply(unshare(CLONE_NEWIPC))  # type: ignore[arg-type]


def test_a_pid_step_makes_it_number_one(lab: Lab, box: Container) -> None:
    before = box.machine_pid
    box.apply(steps.NewNamespace("pid"))
    assert box.machine_pid != before and proc.nspid(box.machine_pid)[-1] == 1
    assert proc.nspid(box.machine_pid)[-2] == box.pid
    assert proc.state(before) == "-", "the one before is gone, and reaped"
    assert box.run(["sh", "-c", "echo $$"]).stdout == "2\n"


def test_two_pid_steps_nest(lab: Lab, box: Container) -> None:
    box.apply(steps.NewNamespace("pid"))
    outer = box.machine_pid
    box.apply(steps.NewNamespace("pid"))
    assert len(proc.nspid(box.machine_pid)) == len(proc.nspid(lab.host.machine_pid)) + 2
    assert proc.state(outer) in "SR", "a PID 1 must stay, or its namespace ends"
    box.kill()
    assert proc.state(outer) == "-"


def test_between_unshare_and_fork_nothing_has_changed(lab: Lab, box: Container) -> None:
    box.call(unshare(CLONE_NEWPID))
    assert proc.namespace(box.machine_pid, "pid") == proc.namespace(lab.host.machine_pid, "pid")
    assert proc.namespace(box.machine_pid, "pid_for_children") is None
    assert box.run(["sh", "-c", "echo $$"]).stdout == "1\n"
    with pytest.raises(CallError, match="ENOMEM"):
        box.run(["true"])


def test_a_clock_of_its_own(lab: Lab, box: Container) -> None:
    box.apply(steps.ClockOffset(86400))
    before = lab.host.view().uptime
    assert before + 86400 <= box.view().uptime <= lab.host.view().uptime + 86400
    assert box.run(["cat", "/proc/self/timens_offsets"]).stdout.split()[3:] == ["boottime", "86400", "0"]


@pytest.mark.parametrize("kind", ["uts", "net", "ipc", "mnt", "time", "cgroup"])
def test_two_share_a_namespace(kind: str, lab: Lab, box: Container) -> None:
    with lab.container("other") as other:
        other.apply(steps.NewNamespace(kind))
        box.apply(steps.JoinNamespace(kind, other.pid))
        assert box.view().namespaces[kind] == other.view().namespaces[kind] != lab.host.view().namespaces[kind]
        if kind == "uts":
            box.apply(steps.SetHostname("both"))
            assert other.view().hostname == "both"


def test_two_share_a_pid_namespace(lab: Lab, box: Container) -> None:
    with lab.container("other") as other:
        other.apply(steps.NewNamespace("pid"))
        box.apply(steps.JoinNamespace("pid", other.pid))
        assert [process.pid for process in other.view().processes] == [1, 2]
        assert box.view().processes == other.view().processes
        other.kill()
        assert not box.alive, "a namespace ends with its PID 1"
        box.kill()


def test_once_it_is_a_program_others_still_run_beside_it(lab: Lab, box: Container) -> None:
    for step in lab.recipe().without(steps.DropCapabilities):
        box.apply(step)
    view = box.view()
    box.apply(steps.Exec(["/bin/sleep", "1000"]))
    assert box.run(["hostname"]).stdout == "demo\n"
    assert box.run(["sh", "-c", "kill -0 1 && ls -d /proc/1 && exit 9"]).returncode == 9
    after = box.view()
    assert (after.hostname, after.namespaces, after.mounts) == (view.hostname, view.namespaces, view.mounts)
    assert [process.name for process in after.processes] == ["sleep"]
    with pytest.raises(Gone, match="become"):
        box.apply(steps.NewNamespace("ipc"))


def test_what_has_ended_says_so_in_one_line(lab: Lab, box: Container) -> None:
    pid = box.machine_pid
    box.kill()
    box.kill()
    assert not box.alive and proc.state(pid) == "-" and "box" not in lab.containers
    for ask in (box.view, lambda: box.run(["true"]), lambda: box.apply(steps.NewNamespace("uts"))):
        with pytest.raises(Gone, match="has ended") as why:
            ask()
        assert "\n" not in str(why.value)
        assert str(why.value) == 'box has ended (box = lab.container("box") makes a fresh one)'


def test_a_number_of_the_machine_is_no_number_of_the_lab(lab: Lab, box: Container) -> None:
    with lab.container("other") as other, pytest.raises(CallError) as why:
        box.apply(steps.JoinNamespace("net", other.machine_pid))
    assert why.value.errno == ENOENT and ".pid is its number there" in why.value.hint


def test_what_is_no_step_is_told_with_what_was_meant(box: Container) -> None:
    with pytest.raises(BadInput, match=r"with brackets: steps\.NewNamespace\(\.\.\.\)"):
        box.apply(steps.NewNamespace)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="steps one by one"):
        box.apply([steps.NewNamespace("uts")])  # type: ignore[arg-type]


def test_a_program_that_is_not_there_leaves_nothing(lab: Lab, box: Container) -> None:
    before = proc.children(box.machine_pid)
    for command in (["/no/such/program"], ["nosuchprogram"], ["/etc"]):
        with pytest.raises(CallError) as why:
            box.run(command)
        assert why.value.filename == command[0]
    assert proc.children(box.machine_pid) == before


def test_a_call_that_blocks_can_be_left_by_killing(lab: Lab, box: Container) -> None:
    with pytest.raises(TimeExpired, match="pause"):
        box.call(Call("pause"), timeout=0.05)
    with pytest.raises(Busy, match="still inside pause"):
        box.call(unshare(CLONE_NEWIPC))
    box.kill()
    assert lab.container("box").run(["true"]).returncode == 0


def test_dropped_powers_stay_dropped_in_programs(box: Container) -> None:
    box.apply(steps.DropCapabilities(("CHOWN",)))
    box.apply(steps.NoNewPrivileges())
    said = box.run(["grep", "-E", "CapEff|CapBnd|NoNew", "/proc/self/status"]).stdout.split()
    assert [int(word, 16) for word in said[1::2]] == [1, 1, 1]


def test_one_that_has_died_behind_a_pid_step_is_not_buried_by_others(lab: Lab, box: Container) -> None:
    box.apply(steps.NewNamespace("pid"))
    os.kill(box.machine_pid, 9)
    os.close(wait_for(box.machine_pid))
    lab.container("another").kill()
    assert box.wait() == -9


def wait_for(pid: int) -> int:
    pidfd = os.pidfd_open(pid)
    readable(pidfd)
    return pidfd


def test_a_program_beside_number_one_does_not_keep_it_from_ending(lab: Lab, box: Container) -> None:
    for step in (*lab.recipe(), steps.Exec(["/bin/sleep", "1000"])):
        box.apply(step)
    program = box.start(["sleep", "1000"])
    box.kill()
    assert program.wait().signal == "SIGKILL"


def test_number_one_is_waited_for_though_others_came_in_from_outside(lab: Lab, box: Container) -> None:
    for step in (*lab.recipe(), steps.Exec(["/bin/sleep", "0.5"])):
        box.apply(step)
    beside = box.start(["sleep", "1000"])
    assert box.wait(20) == 0
    assert beside.wait().signal == "SIGKILL"


def test_a_program_that_is_number_one_too(lab: Lab, box: Container) -> None:
    program = lab.start(["sleep", "0.5"])
    box.apply(steps.JoinNamespace("pid", program.pid))
    assert program.wait(20).returncode == 0
    assert box.wait() == -9


def test_its_repr_has_no_numbers_of_processes(box: Container) -> None:
    box.apply(steps.NewNamespace("uts"))
    assert repr(box) == "Container('box', 1 step)" and str(os.getpid()) not in repr(box.history)


def test_the_old_name_of_a_number_works_and_says_the_new_one(box: Container) -> None:
    program = box.start(["sleep", "60"])
    for process in (box, program):
        with pytest.warns(FutureWarning, match=r"\.host_pid is called \.machine_pid now"):
            assert process.host_pid == process.machine_pid
    program.end()
