"""Namespaces as lists of calls, and what is no such step."""

from __future__ import annotations

import pytest

from pyctr_lab import steps
from pyctr_lab.errors import BadInput
from pyctr_lab.kernel import KINDS

pytestmark = pytest.mark.machine


def spelled(step: steps.Step) -> list[str]:
    return [str(call) for call in step.calls()]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("pid", "time")])
def test_most_kinds_take_one_call(kind: str) -> None:
    flag = "CLONE_NEWNS" if kind == "mnt" else f"CLONE_NEW{kind.upper()}"
    assert spelled(steps.NewNamespace(kind)) == [f"unshare({flag})"]


def test_pid_takes_a_fork_and_time_a_second_call() -> None:
    assert spelled(steps.NewNamespace("pid")) == ["unshare(CLONE_NEWPID)", "fork()"]
    assert spelled(steps.NewNamespace("time")) == [
        "unshare(CLONE_NEWTIME)",
        'openat(AT_FDCWD, "/proc/self/ns/time_for_children", O_RDONLY|O_CLOEXEC) = fd',
        "setns(fd, CLONE_NEWTIME)",
        "close(fd)",
    ]


def test_each_kind_is_told_in_a_sentence() -> None:
    told = {kind: steps.NewNamespace(kind).describe().partition(" namespace")[0] for kind in KINDS}
    assert told["ipc"] == "Give the process an IPC" and told["uts"] == "Give the process a UTS"


@pytest.mark.parametrize("kind", KINDS)
def test_to_join_is_to_open_and_to_enter(kind: str) -> None:
    names = [call.name for call in steps.JoinNamespace(kind, 42).calls()]
    assert names == ["openat", "setns", "close"] + ["fork"] * (kind == "pid")
    assert steps.JoinNamespace(kind, 42).calls()[0].args[1] == f"/proc/42/ns/{kind}"


def test_maps_are_written_from_outside_and_setgroups_denied_first() -> None:
    calls = steps.IdMaps(count=1, setgroups="deny").calls()
    assert all(call.outside for call in calls)
    opened = [call.path for call in calls if call.name == "openat"]
    assert opened == ["/proc/PID/setgroups", "/proc/PID/uid_map", "/proc/PID/gid_map"]
    assert [call.args[1] for call in calls if call.name == "write"] == ["deny", "0 0 1", "0 0 1"]


def test_several_ranges_are_several_lines_of_one_write() -> None:
    step = steps.IdMaps(count=1, more=((1, 1, 65535),))
    assert [call.args[1] for call in step.calls() if call.name == "write"] == ["0 0 1\n1 1 65535"] * 2
    assert "65536 ids" in step.describe()


@pytest.mark.parametrize("kind", ["", "mount", "UTS", "pid ", "../pid", "uts\0", None, 3])
def test_a_kind_that_is_none(kind: str) -> None:
    for make in (steps.NewNamespace, lambda word: steps.JoinNamespace(word, 1)):
        with pytest.raises(BadInput, match="no namespace kind"):
            make(kind)


@pytest.mark.parametrize("pid", [0, -1, 1 << 63, "1", None, 1.5, True])
def test_a_process_that_can_be_none(pid: int) -> None:
    with pytest.raises(BadInput, match="process id"):
        steps.JoinNamespace("uts", pid)


@pytest.mark.parametrize(
    "wrong",
    [{"inside": -1}, {"outside": -1}, {"count": 0}, {"count": -1}, {"count": 1 << 33}, {"inside": (1 << 32) - 1},
     {"count": "1"}, {"setgroups": "perhaps"}, {"more": ((0, 0, 0),)}, {"inside": 1.0}],
    ids=str,
)  # fmt: skip
def test_maps_that_cannot_be(wrong: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        steps.IdMaps(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "x" * 65, "a\0b", "é" * 40, None, 5])
def test_a_host_name_that_cannot_be(name: str) -> None:
    with pytest.raises(BadInput, match="host name"):
        steps.SetHostname(name)


@pytest.mark.parametrize("name", ["x" * 64, "é", "a b", "-n", "$(reboot)", "'"])
def test_a_host_name_that_the_kernel_takes(name: str) -> None:
    assert steps.SetHostname(name).calls()[0].args[0] == name


@pytest.mark.parametrize("seconds", ["1", None, 1.5])
def test_a_clock_offset_that_is_no_number(seconds: int) -> None:
    with pytest.raises(BadInput):
        steps.ClockOffset(seconds)
