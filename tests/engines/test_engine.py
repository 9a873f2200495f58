"""Every engine that is here runs the same root file system; what it cannot, it says truly."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from pyctr_lab.engines import ALL, Sandbox

HERE = Path(__file__).parent
ROOT = os.getuid() == 0


@pytest.fixture(autouse=True)
def generators(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), str(HERE.parents[1])]))


@pytest.fixture(scope="module")
def rows() -> dict[str, dict[str, Any]]:
    """All engines in one sandbox, once."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), str(HERE.parents[1])])
    try:
        with Sandbox("generators:tried", engines=list(ALL)) as sandbox:
            return {row["engine"]: row for row in sandbox}
    finally:
        os.environ.pop("PYTHONPATH")
        if before is not None:
            os.environ["PYTHONPATH"] = before


def row_of(rows: dict[str, dict[str, Any]], name: str) -> dict[str, Any]:
    """What was seen of an engine that is here."""
    if "why" in rows[name]:
        pytest.skip(rows[name]["why"])
    assert "failed" not in rows[name], rows[name]["failed"]
    return rows[name]


@pytest.mark.parametrize("name", ALL)
def test_it_runs_the_same_files_and_an_instance_starts_and_stops(rows: dict[str, dict[str, Any]], name: str) -> None:
    row = row_of(rows, name)
    assert (row["status"], row["out"]) == (7, "1000\n")
    assert row["err"] == "oops\n" or (name == "qemu" and "oops" in row["err"]), "apart from its output"
    assert row["pids"] >= 1 and row["seconds"] > 0 and row["left"] == []
    assert (row["payload"] is None) == (name in ("gvisor", "qemu")), "these two have no process of the host"


@pytest.mark.parametrize("name", ALL)
def test_the_end_of_the_block_takes_its_folder_away(rows: dict[str, dict[str, Any]], name: str) -> None:
    row = row_of(rows, name)
    assert not row["place"] and row.get("again", 0) == 0


@pytest.mark.parametrize("name", [name for name in ALL if name != "qemu"])
def test_one_that_hangs_is_killed_with_all_its_helpers(rows: dict[str, dict[str, Any]], name: str) -> None:
    said, left = row_of(rows, name)["hung"]
    assert "had not ended after 0.5 s" in said and left == []


@pytest.mark.parametrize("name", [name for name in ALL if name != "qemu"])
def test_a_program_that_is_not_there(rows: dict[str, dict[str, Any]], name: str) -> None:
    said = row_of(rows, name)["unknown"]
    assert said not in (0, "") and (isinstance(said, int) or "no-such-program" in said)


def test_what_is_not_here_says_why_and_what_would_help(rows: dict[str, dict[str, Any]]) -> None:
    for name, row in rows.items():
        if "why" not in row:
            continue
        assert row["hint"], name
        if "is not installed" in row["why"]:
            assert not shutil.which(row["why"].split()[0]), name
        else:
            assert not ROOT or name in ("qemu", "ours+limits"), row["why"]


def test_an_engine_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for name, kind in ALL.items():
        found = kind(tmp_path, tmp_path).available()
        if kind.commands and (ROOT or name not in ("nspawn", "docker")):
            assert not found and found.why == f"{kind.commands[0]} is not installed", name
            assert found.hint == f"apt-get install {kind.package}"


@pytest.mark.parametrize(("words", "said"), [("sleep 0.3 && echo tidied", "tidied"), ("exec sleep 1000", "137")])
def test_a_daemons_helper_may_tidy_up_but_not_for_ever(words: str, said: str) -> None:
    with Sandbox("generators:tidied", words=words) as sandbox:
        assert list(sandbox) == ["begun", said]


@pytest.mark.skipif(not shutil.which("crun") or not shutil.which("runsc"), reason="needs crun and runsc")
def test_crun_and_gvisor_do_without_runc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.listdir("/usr/bin"):
        if name != "runc":
            (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not shutil.which("runc")
    with Sandbox("generators:tried", engines=["runc", "crun", "gvisor"]) as sandbox:
        found = {row["engine"]: row.get("status") for row in sandbox}
    assert found == {"runc": None, "crun": 7, "gvisor": 7}


@pytest.mark.skipif(not ROOT or not shutil.which("dockerd"), reason="needs root and Debian's package docker.io")
def test_a_daemon_that_does_not_come_up_is_named_and_leaves_nothing() -> None:
    with Sandbox("generators:broken_docker") as sandbox:
        why, left = list(sandbox)
    assert "did not come up" in why and "driver not supported" in why and left == []


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_nspawn_makes_no_folder_that_would_stay_if_it_were_killed() -> None:
    with Sandbox("generators:folders_made", name="nspawn") as sandbox:
        (made,) = list(sandbox)
    if made is None:
        pytest.skip("systemd-nspawn cannot be used here")
    assert made == []
