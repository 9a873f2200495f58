"""What a process may still do, as lists of calls, and on the kernel."""

from __future__ import annotations

import pytest

from pyctr_lab import Lab, steps
from pyctr_lab.errors import BadInput
from pyctr_lab.kernel import CAPABILITIES
from pyctr_lab.kernel.constants import RLIMITS
from pyctr_lab.runtime.container import Container
from pyctr_lab.steps.privileges import KEPT

pytestmark = pytest.mark.machine


@pytest.mark.parametrize(
    ("name", "soft", "hard"),
    [("", 1, 1), ("NOFILE", 1, 1), ("nofile", -2, 1), ("nofile", 1, -2), ("nofile", 1 << 63, None), ("nofile", "5", 5),
     ("nofile", 5, 4), ("nofile", None, 4), ("nofile", True, 1), (None, 1, 1)],
)  # fmt: skip
def test_a_limit_that_cannot_be(name: str, soft: int, hard: int) -> None:
    with pytest.raises(BadInput):
        steps.ResourceLimit(name, soft, hard)


def test_one_number_is_both() -> None:
    limit = steps.ResourceLimit("nofile", 7)
    assert limit == steps.ResourceLimit("nofile", 7, 7) and limit.shell() == "prlimit --nofile=7:7"
    assert steps.ResourceLimit("core", None, None).shell() == "prlimit --core=unlimited:unlimited"


ROWS = dict(
    zip(
        RLIMITS,
        (
            "Max cpu time",
            "Max file size",
            "Max data size",
            "Max stack size",
            "Max core file size",
            "Max resident set",
            "Max processes",
            "Max open files",
            "Max locked memory",
            "Max address space",
            "Max file locks",
            "Max pending signals",
            "Max msgqueue size",
            "Max nice priority",
            "Max realtime priority",
            "Max realtime timeout",
        ),
        strict=True,
    )
)  # fmt: skip  as /proc/PID/limits names them, in the order of the headers


@pytest.mark.parametrize("name", RLIMITS)
def test_each_limit_is_the_one_that_the_kernel_means(box: Container, name: str) -> None:
    before = box.view().limits
    row = ROWS[name]
    hard = before[row][1]
    value = max(0, (1 << 28 if hard is None else hard) - 1)  # whoever has one id cannot raise a hard limit
    box.apply(steps.ResourceLimit(name, value))
    assert box.view().limits == {**before, row: (value, value)}


def test_capabilities_are_dropped_for_good(box: Container, lab: Lab) -> None:
    box.apply(steps.DropCapabilities(keep=("CHOWN", "KILL")))
    view = box.view()
    assert view.capabilities == view.bounding == {"CAP_CHOWN", "CAP_KILL"}
    status = box.run(["cat", "/proc/self/status"]).stdout
    assert "CapEff:\t0000000000000021" in status and "CapInh:\t0000000000000000" in status


def test_all_can_be_given_up(box: Container) -> None:
    box.apply(steps.DropCapabilities(keep=()))
    assert box.view().capabilities == frozenset()


def test_the_fourteen_that_are_kept() -> None:
    dropped = [call for call in steps.DropCapabilities().calls() if call.name == "prctl"]
    assert len(KEPT) == 14 and len(dropped) == len(CAPABILITIES) - 14


@pytest.mark.parametrize("keep", [("CAP_CHOWN",), ("chown",), ("",), ("FLY",)])
def test_a_capability_that_is_none(keep: tuple[str, ...]) -> None:
    with pytest.raises(BadInput, match="no capability"):
        steps.DropCapabilities(keep)


def test_no_new_privileges(box: Container) -> None:
    assert not box.view().no_new_privs
    box.apply(steps.NoNewPrivileges())
    assert box.view().no_new_privs
    assert "NoNewPrivs:\t1" in box.run(["cat", "/proc/self/status"]).stdout


def test_another_user(box: Container, lab: Lab) -> None:
    if lab.ids == 1:
        pytest.skip("this lab has one id")
    box.apply(steps.SetIds(33, 34))
    assert (box.view().uid, box.view().gid) == (33, 34)
    assert box.run(["sh", "-c", "id -u; id -g"]).stdout.split() == ["33", "34"]


@pytest.mark.parametrize(("uid", "gid"), [(-1, 0), (0, -1), (1 << 32, 0), ("0", 0), (0, None)])
def test_an_id_that_cannot_be(uid: int, gid: int) -> None:
    with pytest.raises(BadInput):
        steps.SetIds(uid, gid)


def test_the_working_directory_stays(box: Container) -> None:
    box.apply(steps.WorkingDirectory("/usr/bin"))
    assert box.run(["pwd"]).stdout == "/usr/bin\n"


@pytest.mark.parametrize("path", ["", "\0", "/" * 5000, None])
def test_a_folder_that_cannot_be(path: str) -> None:
    with pytest.raises(BadInput):
        steps.WorkingDirectory(path)


def test_the_environment_is_all_there_is(box: Container) -> None:
    box.apply(steps.Environment({"A": "1 '2"}, PATH="/usr/bin"))
    assert sorted(box.run(["env"]).stdout.splitlines()) == ["A=1 '2", "PATH=/usr/bin"]


@pytest.mark.parametrize("variables", [{"": "x"}, {"a=b": "x"}, {"a\0": "x"}, {"a": "\0"}, {"a": 5}, {5: "a"}])
def test_a_variable_that_cannot_be(variables: dict[str, str]) -> None:
    with pytest.raises(BadInput):
        steps.Environment(variables)


@pytest.mark.parametrize("argv", ["ls -l", [], [""], ["a\0"], [5]], ids=repr)
def test_a_command_that_cannot_be(argv: list[str]) -> None:
    with pytest.raises(BadInput):
        steps.Exec(argv)


def test_exec_keeps_the_process(box: Container) -> None:
    pid = box.machine_pid
    box.apply(steps.Exec(["sleep", "1000"]))
    assert (box.machine_pid, box.alive) == (pid, True)
    assert [process.name for process in box.view().processes if process.pid == box.pid] == ["sleep"]
