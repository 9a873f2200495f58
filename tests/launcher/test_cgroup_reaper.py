"""The cgroup reaper: when a process has ended it removes cgroups, deepest first, and kills what is still in them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pyctr_lab import Lab
from pyctr_lab.launcher import cgroup_reaper


def test_folders_are_removed_deepest_first(tmp_path: Path) -> None:
    (tmp_path / "lab/web/worker").mkdir(parents=True)
    (tmp_path / "lab/other").mkdir()
    assert cgroup_reaper.remove(str(tmp_path / "lab")) and not (tmp_path / "lab").exists()
    assert cgroup_reaper.remove(str(tmp_path / "lab")), "what is gone already is fine"


def test_one_that_is_in_use_is_left_and_named(tmp_path: Path) -> None:
    (tmp_path / "free").mkdir()
    (tmp_path / "used/inner").mkdir(parents=True)
    (tmp_path / "used/inner/file").touch()  # as a process would be: rmdir refuses
    folders = [str(tmp_path / "free"), str(tmp_path / "used")]
    assert cgroup_reaper.remove_all(folders, 0) == [str(tmp_path / "used")]
    assert (tmp_path / "used/inner/file").exists() and not (tmp_path / "free").exists()


def test_who_is_left_in_a_folder_is_killed(tmp_path: Path) -> None:
    left = subprocess.Popen(["sleep", "1000"])
    (tmp_path / "web").mkdir()
    (tmp_path / "web/cgroup.procs").write_text(f"{left.pid}\n")  # a pretended group
    (tmp_path / "empty").mkdir()
    cgroup_reaper.kill_all([str(tmp_path), "/no/such/folder"])
    assert left.wait(20) == -signal.SIGKILL


def test_who_cannot_be_seen_is_not_taken_for_everybody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cgroup.procs").write_text("0\n4194305\n0\n")  # version 2 lists a process of another PID namespace as 0
    killed: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, _: killed.append(pid))
    cgroup_reaper.kill_all([str(tmp_path)])
    assert killed == [4194305]


def test_whatever_stands_still_is_let_go(tmp_path: Path) -> None:
    (tmp_path / "web/inner").mkdir(parents=True)
    for folder in ("web", "web/inner"):  # a pretended group of version 1
        (tmp_path / folder / "freezer.state").write_text("FROZEN")
    cgroup_reaper.thaw_all([str(tmp_path), "/no/such/folder"])
    assert {file.read_text() for file in tmp_path.rglob("freezer.state")} == {"THAWED"}


def test_it_waits_for_the_end_of_a_process(tmp_path: Path) -> None:
    (tmp_path / "lab").mkdir()
    watched = subprocess.Popen(["sleep", "1000"])
    pidfds = [os.pidfd_open(watched.pid), os.pidfd_open(os.getpid())]
    argv = [sys.executable, "-I", "-S", cgroup_reaper.__file__, *map(str, pidfds), str(tmp_path / "lab")]
    with subprocess.Popen(argv, pass_fds=pidfds) as process:
        for pidfd in pidfds:
            os.close(pidfd)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.2)
        assert (tmp_path / "lab").exists()
        watched.kill()
        watched.wait()
        assert process.wait(20) == 0
    assert not (tmp_path / "lab").exists()


def test_somebody_from_outside_in_a_group_ends_with_the_lab(delegated: None) -> None:
    stranger = subprocess.Popen(["sleep", "1000"])
    with Lab() as lab:
        group = lab.cgroup("visited")
        for folder in group.folders:  # which the group itself would refuse
            Path(folder, "cgroup.procs").write_text(str(stranger.pid))
        folders = group.folders
    assert stranger.wait(20) == -signal.SIGKILL
    assert not any(map(os.path.exists, folders))
