"""Homes that are not there, that root has written to, or that keep no locks: one line each, with the way out."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

TOP = Path(__file__).parents[3]
REFUSING = [sys.executable, str(TOP / "tests/refusing.py"), "flock=ENOLCK", "--"]
UID = 1234567  # without a passwd entry
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture(scope="module")
def readable() -> Iterator[Path]:
    """The package where every user may read it, and a home that belongs to one."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(TOP / "pyctr_lab", folder / "pyctr_lab", ignore=shutil.ignore_patterns("__pycache__"))
        subprocess.run(["chmod", "-R", "a+rX", name], check=True)
        yield folder


@pytest.fixture
def home(readable: Path) -> Iterator[Path]:
    made = readable / "home"
    made.mkdir()
    os.chown(made, UID, UID)
    yield made
    shutil.rmtree(made)


def as_user(readable: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    user = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "/usr/bin/python3", "-m", "pyctr_lab.cli"]
    given = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PYTHONPATH": str(readable), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run([*user, *words], env=given | env, cwd=readable, capture_output=True, text=True, timeout=60)


@root_only
@pytest.mark.parametrize("words", [["progress"], ["progress", "--reset", "all"], ["check", "3.1"]])
def test_without_a_home_one_line_says_what_to_set(words: list[str], readable: Path) -> None:
    done = as_user(readable, *words)
    assert (done.returncode, done.stdout) == (125, "")
    said = f"pyctr-lab: no place to keep your progress: HOME is not set, and user {UID} has no passwd entry"
    assert done.stderr == f"{said} (set HOME or XDG_STATE_HOME to a folder of yours)\n"


@root_only
@pytest.mark.parametrize(("words", "status"), [(["progress"], 0), (["check", "3.1"], 3)])
def test_without_a_home_a_place_for_state_is_enough(words: list[str], status: int, readable: Path, home: Path) -> None:
    done = as_user(readable, *words, XDG_STATE_HOME=str(home))
    assert (done.returncode, done.stderr) == (status, ""), done
    assert done.stdout and (home / "pyctr_lab").is_dir()


@root_only
@pytest.mark.parametrize(("words", "status"), [(["progress"], 0), (["check", "3.1"], 125)])
def test_a_folder_that_root_left_is_named_with_the_command(
    words: list[str], status: int, readable: Path, home: Path
) -> None:
    (home / ".local/state/pyctr_lab").mkdir(parents=True, mode=0o700)
    (home / ".local/state/pyctr_lab").chmod(0o700)
    done = as_user(readable, *words, HOME=str(home))
    assert done.returncode == status and done.stderr.count("\n") == 1, done.stderr
    mends = f"chown -R {UID}:{UID} {home}/.local"
    assert f"Permission denied: {home}/.local belongs to root; as root: {mends}" in done.stderr
    command = done.stderr.strip().partition("as root: ")[2].rstrip(")").split()
    subprocess.run(command, check=True)
    again = as_user(readable, *words, HOME=str(home))
    assert again.stderr == "" and again.stdout


def command_line(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    argv = [*REFUSING, sys.executable, *words]
    return subprocess.run(argv, env={**os.environ, **env}, capture_output=True, text=True, timeout=60, cwd=TOP)


def test_a_state_folder_without_locks_is_named_once(tmp_path: Path) -> None:
    done = command_line("-m", "pyctr_lab.cli", "progress", XDG_STATE_HOME=str(tmp_path))
    assert done.returncode == 0 and done.stdout
    where = f"{tmp_path}/pyctr_lab/.progress.json.lock"
    why = "its file system keeps no locks (No locks available), as some network folders do"
    assert done.stderr == f"progress.json cannot be read: {where}: {why}; XDG_STATE_HOME=DIR names another place\n"


def test_a_course_folder_without_locks_is_named(tmp_path: Path) -> None:
    (tmp_path / "notebooks").mkdir()
    words = ["update", "--source", str(tmp_path / "notebooks"), "--course", str(tmp_path / "course")]
    done = command_line("-m", "pyctr_lab.course.learner.copies", *words)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "course/.pyctr-lab/lock: its file system keeps no locks" in done.stderr
    assert "--course DIR names another place" in done.stderr


@root_only
def test_a_course_folder_that_root_left_is_named_with_the_command(readable: Path, home: Path) -> None:
    (home / "course/.pyctr-lab").mkdir(parents=True)
    (readable / "notebooks").mkdir()
    argv = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "/usr/bin/python3", "-m",
            "pyctr_lab.course.learner.copies", "update", "--source", str(readable / "notebooks"), "--course",
            str(home / "course")]  # fmt: skip
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, cwd=readable)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert f"{home}/course belongs to root; as root: chown -R {UID}:{UID} {home}/course\n" in done.stderr
