"""What files of control groups say, what version 1 calls it, and where the trees are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pyctr_lab.cgroups import Setting, Tree
from pyctr_lab.cgroups.files import device_of, parse_flat, parse_nested, parse_number, read_file
from pyctr_lab.cgroups.hierarchies import style, trees
from pyctr_lab.cgroups.v1 import in_v1
from pyctr_lab.errors import BadInput
from pyctr_lab.kernel import proc

MOUNTS = {
    "v2": ["30 1 0:26 / /cg rw - cgroup2 cgroup2 rw,nsdelegate"],
    "v1": ["31 1 0:27 / /cg/memory rw - cgroup cgroup rw,memory", "32 1 0:28 / /cg/cpu rw - cgroup c rw,cpu,cpuacct"],
    "named": ["33 1 0:29 / /cg/systemd rw - cgroup cgroup rw,xattr,name=systemd"],
}


def pretend(monkeypatch: pytest.MonkeyPatch, mounts: list[str], groups: str) -> tuple[Tree, ...]:
    monkeypatch.setattr(proc, "mountinfo", lambda pid: tuple(map(proc.parse_mount, mounts)))
    monkeypatch.setattr(proc, "text_of", lambda pid, name: groups)
    monkeypatch.setattr("pyctr_lab.cgroups.hierarchies._offered", lambda folder: ("cpu", "memory"))
    return trees()


def test_trees_of_a_machine_with_version_2(monkeypatch: pytest.MonkeyPatch) -> None:
    found = pretend(monkeypatch, MOUNTS["v2"], "0::/user.slice/session\n")
    assert found == (Tree(2, ("cpu", "memory"), "/cg", "/user.slice/session"),)
    assert found[0].folder == "/cg/user.slice/session" and style(found) == "v2"


def test_trees_of_a_machine_with_both(monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = [*MOUNTS["v1"], *MOUNTS["named"], *MOUNTS["v2"]]
    found = pretend(monkeypatch, mounts, "5:name=systemd:/x\n4:memory:/a\n3:cpu,cpuacct:/\n2:pids:/\n0::/\n")
    assert [tree.version for tree in found] == [2, 1, 1], "version 2 first; no named tree, none that is not mounted"
    assert {tree.controllers: tree.folder for tree in found[1:]} == {
        ("memory",): "/cg/memory/a",
        ("cpu", "cpuacct"): "/cg/cpu",
    }
    assert style(found) == "hybrid" and style(found[1:]) == "v1" and style(()) == "none"


def test_a_group_is_told_as_the_mount_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container's mount begins at its own group."""
    mounts = ["30 1 0:26 /docker/abc /cg rw - cgroup2 cgroup2 rw"]
    assert pretend(monkeypatch, mounts, "0::/docker/abc\n")[0].folder == "/cg"
    assert pretend(monkeypatch, mounts, "0::/docker/abc/inner\n")[0].folder == "/cg/inner"


def test_where_the_mount_shows_more_than_the_namespace_the_group_is_looked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As in a lab: its namespace begins at its own group, and the machine's mount at the top of the tree."""
    (tmp_path / "labs/one").mkdir(parents=True)
    (tmp_path / "labs/cgroup.procs").write_text("1\n")
    (tmp_path / "labs/one/cgroup.procs").write_text(f"7\n{os.getpid()}\n")
    mounts = [f"30 1 0:26 /../.. {tmp_path} rw - cgroup2 cgroup2 rw"]
    assert pretend(monkeypatch, mounts, "0::/\n")[0].folder == f"{tmp_path}/labs/one"


def test_the_real_trees_have_our_own_group() -> None:
    for tree in trees():
        assert str(os.getpid()) in Path(tree.folder, "cgroup.procs").read_text().split()


@pytest.mark.parametrize(
    ("setting", "wanted"),
    [
        (Setting("memory.max", "4096"), [("memory.limit_in_bytes", "4096")]),
        (Setting("memory.max", "max"), [("memory.limit_in_bytes", "-1")]),
        (Setting("memory.swap.max", "8192"), [("memory.memsw.limit_in_bytes", "8192")]),
        (Setting("cpu.max", "50000 100000"), [("cpu.cfs_period_us", "100000"), ("cpu.cfs_quota_us", "50000")]),
        (Setting("cpu.max", "max 100000"), [("cpu.cfs_period_us", "100000"), ("cpu.cfs_quota_us", "-1")]),
        (Setting("cpu.weight", "100"), [("cpu.shares", "1024")]),
        (Setting("cpu.weight", "1"), [("cpu.shares", "10")]),
        (Setting("pids.max", "max"), [("pids.max", "max")]),
        (
            Setting("io.max", "8:0 rbps=1 wbps=max"),
            [("blkio.throttle.read_bps_device", "8:0 1"), ("blkio.throttle.write_bps_device", "8:0 0")],
        ),
        (Setting("cpuset.cpus", "0-1"), [("cpuset.cpus", "0-1")]),
    ],
)
def test_names_and_values_of_version_1(setting: Setting, wanted: list[tuple[str, str]]) -> None:
    assert list(in_v1(setting)) == wanted


def test_what_version_1_has_not_is_refused_in_one_line() -> None:
    with pytest.raises(BadInput, match=r"no memory\.high") as refused:
        in_v1(Setting("memory.high", "1"))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "value"), [("max", None), ("-1", None), ("9223372036854771712", None), ("0", 0), ("65536", 65536)]
)
def test_no_limit_has_many_spellings(text: str, value: int | None) -> None:
    assert parse_number(text) == value


def test_files_are_read_as_they_are_written(tmp_path: Path) -> None:
    (tmp_path / "memory.events").write_text("low 0\nhigh 3\noom_kill 1\n")
    assert parse_flat(read_file(str(tmp_path), "memory.events")) == {"low": 0, "high": 3, "oom_kill": 1}
    assert parse_nested("254:0 rbytes=5 wbytes=7\n8:0 rbytes=1\n") == {
        "254:0": {"rbytes": "5", "wbytes": "7"},
        "8:0": {"rbytes": "1"},
    }
    assert parse_flat("") == {} == parse_nested("")
    loops = "8:0 rbytes=5\n7:7 7:6 7:5 rbytes=2\n7:4\n"  # disks without figures stand in one line with the next
    assert parse_nested(loops) == {"8:0": {"rbytes": "5"}, "7:5": {"rbytes": "2"}, "7:4": {}}
    with pytest.raises(FileNotFoundError):
        read_file(str(tmp_path), "memory.max")


@pytest.mark.parametrize("path", ["/proc", "/no/such/place", "/dev/shm"])
def test_what_is_on_no_disk_is_refused_in_one_line(path: str) -> None:
    with pytest.raises(BadInput, match="on no disk") as refused:
        device_of(path)
    assert "\n" not in str(refused.value)


def test_a_path_is_on_a_whole_disk(tmp_path: Path) -> None:
    try:
        device = device_of(str(tmp_path))
    except BadInput:
        pytest.skip("the tests' folder is on no disk here")
    assert not os.path.exists(f"/sys/dev/block/{device}/partition") and os.path.exists(f"/sys/dev/block/{device}")
