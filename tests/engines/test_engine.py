"""Every engine that is here runs the same root file system; what it cannot, it says truly."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from pyctr_lab.engines import ALL, Room

HERE = Path(__file__).parent
ROOT = os.getuid() == 0


@pytest.fixture(autouse=True)
def generators(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), str(HERE.parents[1])]))


@pytest.fixture(scope="module")
def rows() -> dict[str, dict[str, Any]]:
    """All engines in one room, once."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), str(HERE.parents[1])])
    try:
        with Room("generators:tried", engines=list(ALL)) as room:
            return {row["engine"]: row for row in room}
    finally:
        os.environ.pop("PYTHONPATH")
        if before is not None:
            os.environ["PYTHONPATH"] = before


@pytest.mark.parametrize("name", ALL)
def test_it_runs_the_same_files_and_an_instance_starts_and_stops(rows: dict[str, dict[str, Any]], name: str) -> None:
    row = rows[name]
    if "why" in row:
        assert not ROOT or any(not shutil.which(each) for each in ALL[name].commands) or name in ("qemu", "ours+limits")
        pytest.skip(row["why"])
    assert (row["status"], row["out"].strip()) == (7, "1000")
    assert "oops" in row["err"]
    assert row["pids"] >= 1 and row["seconds"] > 0 and row["left"] == []
    assert (row["payload"] is None) == (name in ("gvisor", "qemu")), "these two have no process of the host"


def test_reasons_are_true(rows: dict[str, dict[str, Any]]) -> None:
    for name in ("nspawn", "docker"):
        if not ROOT:
            assert "wants to be root" in rows[name].get("why", "")
    for name, row in rows.items():
        if "is not installed" in row.get("why", ""):
            assert not shutil.which(row["why"].split()[0]), name


@pytest.mark.parametrize("name", ["exec", "ours", "bubblewrap", "runc"])
def test_one_that_hangs_is_killed_with_all_its_helpers(name: str) -> None:
    if any(not shutil.which(each) for each in ALL[name].commands):
        pytest.skip("it is not installed")
    with Room("generators:hangs", engine=name) as room:
        why, left = list(room)
    assert "had not ended after 1.5 s" in why and left == []


@pytest.mark.parametrize("name", ["exec", "ours", "unshare", "bubblewrap"])
def test_a_program_that_is_not_there(name: str) -> None:
    if any(not shutil.which(each) for each in ALL[name].commands):
        pytest.skip("it is not installed")
    with Room("generators:unknown", engine=name) as room:
        (said,) = list(room)
    assert said not in (0, "") and (isinstance(said, int) or "no-such-program" in said)


@pytest.mark.skipif(not ROOT or not shutil.which("dockerd"), reason="needs root and Debian's package docker.io")
def test_a_daemon_that_does_not_come_up_is_named_and_leaves_nothing() -> None:
    with Room("generators:broken_docker") as room:
        why, left = list(room)
    assert "did not come up" in why and "driver not supported" in why and left == []
