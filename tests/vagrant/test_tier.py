"""`./lab test vm` on a machine that lacks the means: skipped with the reason, but for CI, where that is a failure."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "vagrant" / "test.sh"


def tier(folder: Path, *words: str, ci: str = "", **stubs: str) -> subprocess.CompletedProcess[str]:
    """The script with commands in place of the machine's own, told by their output."""
    for name, output in stubs.items():
        (folder / name).write_text(f"#!/bin/sh\necho '{output}'\n")
        (folder / name).chmod(0o755)
    env = {"PATH": f"{folder}:{os.environ['PATH']}", "CI": ci}
    return subprocess.run([SCRIPT, *words], env=env, capture_output=True, text=True, timeout=60)


LACKING = [
    ({"uname": "Darwin"}, "Darwin"),
    ({"id": "1000"}, "only root"),
    ({"id": "0", "dpkg": "arm64"}, "amd64"),
    ({"id": "0", "dpkg": "amd64", "df": "fs 1 1 1\nfs 1 1 100"}, "free in /var/tmp"),
]


@pytest.mark.parametrize(("stubs", "why"), LACKING)
def test_without_the_means_it_is_skipped_and_the_last_line_says_why(
    tmp_path: Path, stubs: dict[str, str], why: str
) -> None:
    if why == "free in /var/tmp" and not Path("/dev/net/tun").exists():
        why = "/dev/net/tun"
    done = tier(tmp_path, **stubs)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1].startswith("vm: skipped: ") and why in done.stdout.splitlines()[-1]
    assert "0 passed, 0 failed, 1 skipped" in done.stdout.splitlines()


def test_in_ci_a_skip_is_a_failure(tmp_path: Path) -> None:
    done = tier(tmp_path, ci="true", id="1000")
    assert done.returncode == 1
    assert "only root" in done.stdout and "0 passed, 1 failed" in done.stdout.splitlines()


@pytest.mark.parametrize("words", [["now"], ["--keep"], ["--box"]])
def test_words_that_cannot_be_right_are_refused(tmp_path: Path, words: list[str]) -> None:
    done = tier(tmp_path, *words, id="1000")
    assert done.returncode == 2 and "--keep DIR" in done.stderr


def test_each_room_with_tests_marked_for_the_machine_is_run_inside() -> None:
    tests = Path(__file__).parents[1]
    marked = {each.relative_to(tests).parts[0] for each in tests.glob("*/**/test_*.py")
              if "pytest.mark.machine" in each.read_text() and each.name != Path(__file__).name}  # fmt: skip
    named = re.search(r"^marked='([^']*)'", SCRIPT.read_text(), re.MULTILINE)
    assert named and marked <= {Path(word).name for word in named[1].split()}
