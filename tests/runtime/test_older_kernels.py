"""What an older kernel lacks or a policy refuses is done by older calls, and the doctor says so."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.machine

HERE = Path(__file__).parents[1]
COVERED = 'mount -t tmpfs -o noexec none /usr/share && touch /usr/share/seen && exec "$@"'


def without(refused: str, *words: str, by: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """pyctr-lab WORDS where a system call is refused: "clone3=EPERM"."""
    argv = [*by, sys.executable, str(HERE / "refusing.py"), refused, "--", sys.executable, "-m", "pyctr_lab.cli"]
    return subprocess.run([*argv, *words], capture_output=True, text=True, timeout=60, cwd=HERE.parent)


@pytest.mark.parametrize("why", ["ENOSYS", "EPERM"])
def test_without_mount_setattr_each_mount_is_remounted(why: str) -> None:
    look = "touch /usr/x /usr/bin/x; grep ' /usr ' /proc/self/mountinfo"
    done = without(f"mount_setattr={why}", "run", "--", "sh", "-c", look)
    assert done.stderr.count("Read-only file system") == 2, done.stderr
    assert {"ro", "nosuid", "nodev"} <= set(done.stdout.split()[5].split(","))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount something below /usr")
def test_without_mount_setattr_what_is_mounted_below_is_remounted_too() -> None:
    look = "touch /usr/share/x; ls /usr/share; grep /usr/share /proc/self/mountinfo"
    by = ("unshare", "--mount", "sh", "-c", COVERED, "sh")
    done = without("mount_setattr=ENOSYS", "run", "--", "sh", "-c", look, by=by)
    assert "Read-only file system" in done.stderr and done.stdout.startswith("seen\n"), done.stderr
    assert {"ro", "nosuid", "nodev", "noexec"} <= set(done.stdout.split()[6].split(","))


@pytest.mark.parametrize("why", ["ENOSYS", "EPERM"])
def test_without_clone3_a_container_is_made_by_fork_and_unshare(why: str) -> None:
    done = without(f"clone3={why}", "run", "--", "sh", "-c", "hostname; id -u; echo $$")
    assert done.stdout.split() == ["demo", "0", "1"], done.stderr


@pytest.mark.parametrize("why", ["ENOSYS", "EPERM"])
def test_without_clone3_a_container_has_its_limits(why: str, delegated: None) -> None:
    look = "grep -E 'pids|::' /proc/self/cgroup; (sleep 1 & sleep 1 & sleep 1 & wait)"
    done = without(f"clone3={why}", "run", "--pids", "2", "--", "sh", "-c", look)
    assert re.search(r"^\d+:pids:|^0::/", done.stdout, re.M), done.stderr
    assert "pids" in done.stderr.splitlines()[-1]
