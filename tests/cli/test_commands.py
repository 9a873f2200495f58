"""Commands other than `run`."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from entry import Here, is_one_line, lab

from pyctr_lab.cgroups.places import delegation


def test_clean_says_what_it_removed(delegated: None) -> None:
    folder = Path(delegation().places[0].base, "pyctr-lab-999999999")  # no process has so great a number
    folder.mkdir()
    done = lab("clean")
    assert not folder.exists() and (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)
    assert folder.name in done.stdout or "nothing" in done.stdout, "a lab that begins just now does it too"
    assert lab("clean").stdout in ("there was nothing to remove\n", done.stdout)


def test_recipe_calls_say_who_makes_each() -> None:
    lines = lab("recipe", "--calls", "--ids", "65536", "--", "/bin/true").stdout.splitlines()
    assert lines[0].startswith("launcher: clone3({flags=CLONE_")
    assert 'outside:  openat(AT_FDCWD, "/proc/PID/uid_map", O_WRONLY|O_CLOEXEC) = fd' in lines
    assert 'process:  sethostname("demo", 4)' in lines
    assert lines[-1].startswith('process:  execve("/bin/true", ["/bin/true"]')


def test_recipe_as_a_script_is_posix() -> None:
    script = lab("recipe", "--shell", "--", "/bin/true").stdout
    assert script.startswith("#!/bin/sh\n")
    assert subprocess.run(["sh", "-n"], input=script, text=True, check=False).returncode == 0


def test_a_count_of_ids_is_complained_of_as_it_was_written(here: Here) -> None:
    for text in ("-1", "0", "-3", "1e3", "4294967296"):
        done = here("recipe", f"--ids={text}")
        assert done.returncode == 125 and f"--ids cannot be '{text}' (it is a whole number from 1 up" in done.stderr


def test_bench_prints_peers_as_json() -> None:
    rows = json.loads(lab("bench", "startup", "--runs", "2", "--engines", "ours,exec", "--json").stdout)
    assert {row["engine"] for row in rows} == {"ours", "exec"}
    for row in rows:
        assert row["runs"] == 2 and row["min_ms"] <= row["median_ms"] <= row["max_ms"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("bench startup --runs 0", "from 1 to 10000"),
        ("bench startup --engines nope", "no engine 'nope'"),
        ("bench all --report /proc/none", "cannot be written"),
    ],
)
def test_bad_input_is_one_clear_line(words: str, said: str, here: Here) -> None:
    done = here(*words.split())
    assert done.returncode == 125 and is_one_line(done, said)
