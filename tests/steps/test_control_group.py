"""Limits in words, what is refused before anything has happened, and the step as calls, as text and as shell."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyctr_lab import steps
from pyctr_lab.errors import BadInput, Unsupported
from pyctr_lab.kernel.cgroup import Setting, Tree
from pyctr_lab.kernel.delegation import LIMITED, Delegation, Place
from pyctr_lab.steps import ControlGroup, Limits, control_group
from pyctr_lab.steps.control_group import homes, written

pytestmark = pytest.mark.machine

TWO = Place(Tree(2, LIMITED, "/cg", "/"), "/cg/me", LIMITED)
V2 = Delegation("v2", (TWO,), None, frozenset(LIMITED))
ONES = tuple(Place(Tree(1, (name,), f"/cg/{name}", "/"), f"/cg/{name}", (name,)) for name in ("memory", "cpu", "pids"))
V1 = Delegation("v1", ONES, None, frozenset(LIMITED))
NONE = Delegation("v2", (), None, frozenset(LIMITED))


def pretend(monkeypatch: pytest.MonkeyPatch, where: Delegation) -> None:
    monkeypatch.setattr(control_group, "delegation", lambda: where)


# --- limits
def test_limits_are_read_as_people_write_them() -> None:
    limits = Limits(memory="64M", cpus="50%", pids="32", memory_swap="0", io_write="1M", cpuset="0")
    assert (limits.memory, limits.cpus, limits.pids, limits.memory_swap) == (64 << 20, 0.5, 32, 0)
    assert limits == Limits(memory=64 << 20, cpus=0.5, pids=32, memory_swap=0, io_write=1 << 20, cpuset="0")
    assert repr(limits) == ('Limits(memory="64M", cpus=0.5, pids=32, memory_swap="0", io_write="1M", cpuset="0")')
    assert repr(Limits()) == "Limits()" and repr(Limits(memory="max", pids="max")) == 'Limits(memory="max", pids="max")'


def test_what_is_not_said_is_not_written() -> None:
    assert Limits().settings() == ()
    assert Limits(memory="1M", cpus=1.5).settings() == (
        Setting("memory.max", "1048576"),
        Setting("cpu.max", "150000 100000"),
    )
    assert Limits(cpus="max", pids="max", cpuset="max").settings() == (
        Setting("pids.max", "max"),
        Setting("cpuset.cpus", ""),
        Setting("cpu.max", "max 100000"),
    )
    assert Limits(io_read="1M", io_write="max", disk="8:0").settings() == (
        Setting("io.max", "8:0 rbps=1048576 wbps=max"),
    )


BAD = [
    *({"memory": value} for value in (0, -1, 96, "1K", "-1", "64 MB", 1.5, True, "", b"1M", [], 1 << 63, "9" * 3000)),
    *({"cpus": value} for value in (0, -0.5, "0%", "half", True, 1e12, float("nan"), [])),
    *({"pids": value} for value in (0, -1, 1.5, "many", "-3", True, 1 << 23, "9" * 3000, "٥")),
    *({"cpu_weight": value} for value in (0, 10_001, "max", 1.0)),
    *({"cpuset": value} for value in ("", "a", "1-0", "0-", "0,,1", "9999", 0, "0 1", "0-99999", "1" * 3000)),
    *({"disk": value} for value in ("sda", "", None, 5, "x" * 3000)),
    {"memory_high": 0}, {"memory_high": 4095}, {"memory_swap": "-1"}, {"io_read": 0}, {"io_write": "fast"},
]  # fmt: skip


@pytest.mark.parametrize("words", BAD, ids=lambda words: str(words)[:40])
def test_what_is_no_limit_is_refused_in_one_line(words: dict[str, object]) -> None:
    with pytest.raises(BadInput) as refused:
        Limits(**words)  # type: ignore[arg-type]
    said = str(refused.value)
    assert said.startswith(next(iter(words))) and "\n" not in said and len(said) < 200


@pytest.mark.parametrize("disk", ["/no/such/place", "/proc"])
def test_what_is_on_no_disk_is_refused_when_it_is_to_be_limited(disk: str) -> None:
    with pytest.raises(BadInput, match="on no disk"):
        Limits(io_read="1M", disk=disk).settings()


@pytest.mark.parametrize(
    "name", ["", "a/b", "..", ".x", "-x", "a b", "a\0", "x" * 64, "memory.max", "host", None, 5, "é"]
)
def test_a_name_that_cannot_be(name: object) -> None:
    with pytest.raises(BadInput) as refused:
        ControlGroup(Limits(), name)  # type: ignore[arg-type]
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 200


@pytest.mark.parametrize("limits", [None, 5, "64M", {"memory": "64M"}])
def test_what_are_no_limits_is_refused_with_the_way_out(limits: object) -> None:
    with pytest.raises(BadInput, match=r'Limits\(memory="64M"'):
        ControlGroup(limits)  # type: ignore[arg-type]


# --- where it is written
def test_on_version_2_all_is_written_in_one_folder() -> None:
    assert list(written(Limits(memory="1M", pids=5), V2)) == [
        (TWO, Setting("memory.max", "1048576")),
        (TWO, Setting("pids.max", "5")),
    ]
    assert homes(Limits(), V2) == (TWO,)


def test_on_version_1_each_controller_has_its_tree_and_names() -> None:
    assert list(written(Limits(memory="1M", cpus=0.5), V1)) == [
        (ONES[0], Setting("memory.limit_in_bytes", "1048576")),
        (ONES[1], Setting("cpu.cfs_period_us", "100000")),
        (ONES[1], Setting("cpu.cfs_quota_us", "50000")),
    ]
    swap = list(written(Limits(memory="1M", memory_swap="2M"), V1))
    assert swap[-1] == (ONES[0], Setting("memory.memsw.limit_in_bytes", str(3 << 20))), "counted together there"


@pytest.mark.parametrize("words", [{"memory_swap": "1M"}, {"memory_high": "1M"}])
def test_what_version_1_cannot_do_is_refused_in_one_line(words: dict[str, str]) -> None:
    with pytest.raises(BadInput, match="version 1") as refused:
        list(written(Limits(**words), V1))  # type: ignore[arg-type]
    assert "\n" not in str(refused.value)


def test_what_nobody_has_given_us_is_refused_with_the_command() -> None:
    with pytest.raises(Unsupported, match=r"cpuset\.cpus cannot be set: nobody has given us") as refused:
        list(written(Limits(cpuset="0"), V1))
    assert refused.value.hint == V1.grant and "\n" not in str(refused.value)
    old = Delegation("v1", ONES, None, frozenset({"memory"}))
    with pytest.raises(Unsupported, match="this kernel offers no io controller") as missing:
        list(written(Limits(io_read=1, disk="8:0"), old))
    assert "doctor" in missing.value.hint


# --- the step
def test_its_calls_are_made_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, V2)
    calls = [call.bare() for call in ControlGroup(Limits(pids=5), "web").calls()]
    assert all(call.outside for call in ControlGroup(Limits(pids=5), "web").calls())
    assert calls == [
        'mkdirat(AT_FDCWD, "/cg/me/LAB/web", 0755)',
        'openat(AT_FDCWD, "/cg/me/LAB/web/pids.max", O_WRONLY|O_CLOEXEC)',
        'write(fd, "5", 1)',
        "close(fd)",
        'openat(AT_FDCWD, "/cg/me/LAB/web/cgroup.procs", O_WRONLY|O_CLOEXEC)',
        'write(fd, "PID", 3)',
        "close(fd)",
    ]


def test_on_version_1_it_enters_each_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, V1)
    calls = [call.bare() for call in ControlGroup(Limits(), "web").calls()]
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


def test_its_shell_form_does_the_same_with_files(monkeypatch: pytest.MonkeyPatch, folders: Path) -> None:
    place = Place(Tree(2, LIMITED, str(folders), "/"), str(folders), LIMITED)
    pretend(monkeypatch, Delegation("v2", (place,), None, frozenset(LIMITED)))
    script = ControlGroup(Limits(memory="1M", cpus=0.5, pids=5), "web").shell()
    assert subprocess.run(["sh", "-euc", f"{script}; echo $$"], capture_output=True, text=True, check=True).stdout
    said = {file.name: file.read_text() for file in (folders / "LAB/web").iterdir()}
    assert said.pop("cgroup.procs").strip().isdigit()
    assert said == {"memory.max": "1048576\n", "cpu.max": "50000 100000\n", "pids.max": "5\n"}
    assert "+cpu +memory +pids" in (folders / "LAB/cgroup.subtree_control").read_text()


def test_where_nothing_is_given_the_step_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, NONE)
    for ask in (ControlGroup().calls, ControlGroup().shell, ControlGroup(Limits(pids=5)).calls):
        with pytest.raises(Unsupported, match="none is delegated"):
            ask()
    assert steps.ControlGroup(Limits(pids=5)).describe(), "but it can be told"
