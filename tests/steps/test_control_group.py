"""Limits in words, what is refused before anything has happened, and the step as calls, as text and as shell."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyctr_lab.cgroups import Tree
from pyctr_lab.cgroups.places import LIMITED, Delegation, Place
from pyctr_lab.errors import Unsupported
from pyctr_lab.steps import ControlGroup, Limits

pytestmark = pytest.mark.machine

TWO = Place(Tree(2, LIMITED, "/cg", "/"), "/cg/me", LIMITED)
V2 = Delegation("v2", (TWO,), None, frozenset(LIMITED))
ONES = tuple(Place(Tree(1, (name,), f"/cg/{name}", "/"), f"/cg/{name}", (name,)) for name in ("memory", "cpu", "pids"))
V1 = Delegation("v1", ONES, None, frozenset(LIMITED))
NONE = Delegation("v2", (), None, frozenset(LIMITED))


ALL_ONES = ("memory", "cpu", "pids", "blkio")
V1_WHOLE = Delegation(
    "v1",
    tuple(Place(Tree(1, (name,), f"/cg/{name}", "/"), f"/cg/{name}", (name,)) for name in ALL_ONES),
    Place(Tree(1, ("cpuset",), "/cg/cpuset", "/"), "/cg/cpuset", ("cpuset",), "0-1", "0"),
    frozenset(LIMITED),
)


def test_its_calls_are_made_from_outside() -> None:
    calls = ControlGroup(Limits(pids=5), "web", V2).all_calls()
    assert all(call.outside for call in calls)
    assert [call.bare() for call in calls] == [
        'mkdirat(AT_FDCWD, "/cg/me/LAB/web", 0755)',
        'openat(AT_FDCWD, "/cg/me/LAB/web/pids.max", O_WRONLY|O_CLOEXEC)',
        'write(fd, "5", 1)',
        "close(fd)",
        'openat(AT_FDCWD, "/cg/me/LAB/web/cgroup.procs", O_WRONLY|O_CLOEXEC)',
        'write(fd, "PID", 3)',
        "close(fd)",
    ]


def test_on_version_1_it_enters_each_tree() -> None:
    calls = [call.bare() for call in ControlGroup(Limits(), "web", V1).all_calls()]
    for tree in ("memory", "cpu", "pids"):
        assert f'mkdirat(AT_FDCWD, "/cg/{tree}/LAB/web", 0755)' in calls
        assert f'openat(AT_FDCWD, "/cg/{tree}/LAB/web/cgroup.procs", O_WRONLY|O_CLOEXEC)' in calls


def test_it_is_told_in_one_sentence() -> None:
    step = ControlGroup(Limits(memory="64M", pids=5), "web")
    assert step.describe() == 'Put it into the control group web, with memory="64M", pids=5. Done from outside.'
    assert ControlGroup().describe() == "Put it into the control group demo. Done from outside."
    assert step.title == "control group web"


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "LAB").mkdir()
    yield tmp_path


def test_its_shell_form_does_the_same_with_files(folders: Path) -> None:
    place = Place(Tree(2, LIMITED, str(folders), "/"), str(folders), LIMITED)
    where = Delegation("v2", (place,), None, frozenset(LIMITED))
    script = ControlGroup(Limits(memory="1M", cpus=0.5, pids=5), "web", where).shell()
    assert subprocess.run(["sh", "-euc", f"{script}; echo $$"], capture_output=True, text=True, check=True).stdout
    said = {file.name: file.read_text() for file in (folders / "LAB/web").iterdir()}
    assert said.pop("cgroup.procs").strip().isdigit()
    assert said == {"memory.max": "1048576\n", "cpu.max": "50000 100000\n", "pids.max": "5\n"}
    assert "+cpu +memory +pids" in (folders / "LAB/cgroup.subtree_control").read_text()


def test_where_nothing_is_delegated_the_step_says_so() -> None:
    step = ControlGroup(Limits(pids=5), "web", NONE)
    for ask in (step.calls, step.all_calls, step.shell):
        with pytest.raises(Unsupported, match="none is delegated"):
            ask()
    assert step.describe(), "but it can be described"


def test_its_calls_ask_the_machine_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    step = ControlGroup(Limits(memory="1M", io_read=1, disk="8:0", cpuset="0"), "web", V1_WHOLE)
    monkeypatch.setattr("builtins.open", lambda *_: pytest.fail("a file is opened"))
    monkeypatch.setattr("os.stat", lambda *_: pytest.fail("a file is looked at"))
    assert len(step.all_calls()) > 20 and step.at_birth().joining
