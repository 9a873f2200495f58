"""What is compared around a run of the tests, and that a difference fails it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import machine_state

TOP = Path(__file__).parents[1]
RENAMES = "import socket\ndef test_rename(): socket.sethostname('renamed')\n"


def test_a_run_that_changes_the_machine_fails_and_names_what(tmp_path: Path) -> None:
    (tmp_path / "test_rename.py").write_text(RENAMES)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    shield = ["unshare", "--user", "--map-root-user", "--uts"]  # a name of its own
    plugins = [word for name in ("conftest", "no:cacheprovider", "no:nbval", "no:playwright") for word in ("-p", name)]
    run = [sys.executable, "-m", "pytest", "-q", *plugins, "-n", "1", str(tmp_path)]
    env = {**os.environ, "PYTHONPATH": f"{TOP}:{TOP / 'tests'}"}
    done = subprocess.run([*shield, *run], capture_output=True, text=True, env=env, cwd=tmp_path, check=False)
    assert "1 passed" in done.stdout and done.returncode == 1, done.stdout + done.stderr
    changed = [line for line in done.stdout.splitlines() if line.startswith("sysctl /proc/sys/kernel/hostname")]
    assert len(changed) == 1 and changed[0].endswith(" -> renamed")


def test_nothing_is_different_at_once() -> None:
    before = machine_state.snapshot()
    assert machine_state.settled(before) == []
    assert {"/dev/null", "/dev/zero"} <= set(before["device"]) and "/etc/passwd" in before["file"]


def test_differences_are_named() -> None:
    before = {"device": {"null": "0:0", "a": "x"}, "mount": {"old": "", "kept": ""}}
    after = {"device": {"null": "1:1", "b": "plugged in"}, "mount": {"new": "", "kept": ""}}
    assert machine_state.differences(before, after) == [
        "device a: gone", "device null: 0:0 -> 1:1", "mount new: new", "mount old: gone",
    ]  # fmt: skip


def test_a_changed_owner_mode_or_attribute_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch(mode=0o600)
    before = machine_state.facts(str(file))
    file.chmod(0o640)
    assert machine_state.facts(str(file)) != before and machine_state.facts(str(tmp_path / "none")) == "gone"
