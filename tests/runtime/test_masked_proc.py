"""Inside another container parts of /proc are covered: root finds a way round, a user is told."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

COVERED = 'mount -t tmpfs none /proc/irq && exec "$@"'


def with_covered_proc(*command: str) -> subprocess.CompletedProcess[str]:
    argv = ["unshare", "--mount", "sh", "-c", COVERED, "sh", *command]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can cover a part of /proc")
def test_root_mounts_a_fresh_proc_first() -> None:
    done = with_covered_proc(
        sys.executable, "-m", "pyctr_lab.cli", "run", "--", "sh", "-c", "echo $$; ls /proc/irq | wc -l"
    )
    assert done.stdout.split()[0] == "1", done.stderr
    assert int(done.stdout.split()[1]) > 0, "the fresh /proc is not covered"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can cover a part of /proc")
def test_a_user_is_told_in_one_line() -> None:
    user = ["setpriv", "--reuid=61234", "--regid=61234", "--clear-groups"]
    done = with_covered_proc(*user, "/usr/bin/python3", "-m", "pyctr_lab.cli", "run", "--", "true")
    assert done.returncode == 125
    assert "refuses the lab's outer world" in done.stderr and "doctor" in done.stderr
    assert done.stderr.count("\n") == 1
