"""The command line as its users meet it: a process of its own, its status, its streams, its one clear line."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pyctr_lab import cli
from pyctr_lab.kernel.delegation import delegation
from pyctr_lab.runtime import loop
from pyctr_lab.runtime.carrier import readable

COMMAND = [sys.executable, "-m", "pyctr_lab.cli"]


def lab(*words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *words], input=stdin, capture_output=True, text=True, timeout=60, check=False)


def test_run_shows_a_containers_view() -> None:
    done = lab("run", "--", "/bin/sh", "-c", "hostname; echo $$; cat /proc/net/dev | tail -n +3 | cut -d: -f1; id -u")
    assert done.stdout.split() == ["demo", "1", "lo", "0"]
    assert done.returncode == 0 and not done.stderr


@pytest.mark.parametrize("status", [0, 1, 7, 255])
def test_exit_status_passes_through(status: int) -> None:
    assert lab("run", "--", "sh", "-c", f"exit {status}").returncode == status


def test_a_program_killed_by_a_signal() -> None:
    # PID 1 ignores a signal from inside, as the kernel has it; its child does not
    assert lab("run", "--", "sh", "-c", "sh -c 'kill -15 $$'; exit $?").returncode == 128 + 15


def test_a_signal_is_sent_on() -> None:
    script = "trap 'echo caught; exit 5' TERM; echo ready; while :; do sleep 0.05; done"
    with subprocess.Popen([*COMMAND, "run", "--", "sh", "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "caught\n"
        assert process.wait(20) == 5


def test_pipes() -> None:
    assert lab("run", "-i", "--", "tr", "a-z", "A-Z", stdin="pipes work\n").stdout == "PIPES WORK\n"
    assert lab("run", "--", "cat", stdin="not passed on").stdout == ""


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["run", "--", "no-such-program"], 127, "no-such-program: No such file or directory"),
        (["run", "--", "/etc/passwd"], 126, "Permission denied"),
        (["run", "--"], 125, "the command is empty (name one: pyctr-lab run -- hostname)"),
        (["run"], 125, "the command is empty (name one: pyctr-lab run -- hostname)"),
        (["run", "--hostname", "", "--", "true"], 125, "a host name must not be empty"),
        (["run", "--hostname", "x" * 65, "--", "true"], 125, "at most 64 bytes"),
        (["bench", "startup", "--runs", "0"], 125, "from 1 to 10000"),
        (["bench", "startup", "--engines", "nope"], 125, "no engine 'nope'"),
        (["bench", "all", "--report", "/proc/none"], 125, "cannot be written"),
        (["recipe", "--ids", "-3"], 125, "from 1 up"),
        (["run", "--memory", "lots", "--", "true"], 125, "memory cannot be 'lots'"),
        (["run", "--memory", "0", "--", "true"], 125, "memory cannot be '0'"),
        (["run", "--cpus", "-1", "--", "true"], 125, "cpus cannot be '-1'"),
        (["run", "--pids", "0", "--", "true"], 125, "a whole number from 1"),
    ],
)
def test_bad_input_is_one_clear_line(words: list[str], status: int, said: str) -> None:
    done = lab(*words)
    assert done.returncode == status
    assert done.stderr.count("\n") == 1 and said in done.stderr, done.stderr
    assert "Traceback" not in done.stderr


def test_explain_tells_each_step_and_then_the_output() -> None:
    done = lab("run", "--explain", "--", "hostname")
    lines = done.stdout.splitlines()
    assert lines[0].startswith(" 1. Give the process a user namespace of its own.")
    assert any("unshare(CLONE_NEWUTS) = 0 · " in line and line.endswith(" µs") for line in lines)
    assert sum("system calls" in line for line in lines) == 2, "one at a time, and in one go"
    assert lines[-1] == "demo"


def test_explain_tells_a_real_start_too() -> None:
    told = lab("run", "--explain", "--hostname", "other", "--", "true").stdout
    real = told[told.index("as a start really is") :].splitlines()
    assert f"a loop of {len(loop.here())} bytes" in real[0]
    who = [line.split(":")[0].strip() for line in real if line.startswith("      ")]
    assert who[0] == "launcher" and set(who[1:8]) == {"outside"} and set(who[9:]) == {"process"}
    assert any("clone3({flags=CLONE_VM|" in line and " µs" in line for line in real)
    assert any('sethostname("other", 5) = 0 · ' in line for line in real)
    assert any(line.endswith("which does not come back") for line in real)


BOMB = ["--", "python3", "-c", "x = b'x' * (200 << 20)"]


def test_limits_that_do_not_act_are_not_spoken_of(delegated: None) -> None:
    done = lab("run", "--memory", "64M", "--cpus", "100%", "--pids", "32", "--", "sh", "-c", "echo on; exit 7")
    assert (done.stdout, done.stderr, done.returncode) == ("on\n", "", 7)


@pytest.mark.parametrize("options", [[], ["-t"], ["--explain"]], ids=["plain", "terminal", "explained"])
def test_a_limit_that_has_acted_is_named_in_one_line(options: list[str], delegated: None) -> None:
    done = lab("run", "--memory", "32M", *options, *BOMB)
    assert done.returncode == 128 + 9
    assert done.stderr == "pyctr-lab: memory.max 32M: the kernel killed python3\n"


def test_explain_tells_the_group_like_any_other_step(delegated: None) -> None:
    lines = lab("run", "--explain", "--memory", "32M", "--pids", "9", "--", "true").stdout.splitlines()
    assert lines[0].startswith(' 1. Put it into the control group explained, with memory="32M", pids=9.')
    assert any("mkdirat(" in line and "/explained" in line for line in lines)
    assert any("cgroup.procs" in line for line in lines) and any(" µs" in line for line in lines)


def test_without_a_group_of_our_own_limits_are_refused_with_the_command() -> None:
    if delegation().places:
        pytest.skip("groups can be made here; see tests/kernel/test_delegation.py for a user who was given none")
    done = lab("run", "--memory", "64M", "--", "true")
    assert done.returncode == 125 and done.stderr.count("\n") == 1 and delegation().grant in done.stderr


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


def test_a_reader_that_goes_away_is_no_error() -> None:
    with subprocess.Popen([*COMMAND, "recipe"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout and process.stderr
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()


def test_an_interactive_terminal() -> None:
    pid, ours = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [*COMMAND, "run", "-it", "--", "bash", "--norc", "-i"])
    try:
        until(ours, b"# ")
        os.write(ours, b"echo it-is-$(tty > /dev/console; tty)\n")
        until(ours, b"it-is-/dev/console")
        os.write(ours, b"sh -c 'stty size > /dev/null && echo is-a-$((6*7))-tty; exec sleep 1000'\n")
        until(ours, b"is-a-42-tty")
        os.write(ours, b"\x03")  # a signal at the far end only: sleep dies, the shell does not
        until(ours, b"# ")
        os.write(ours, b"exit 9\n")
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
    finally:
        os.close(ours)


def until(fd: int, wanted: bytes, seconds: float = 30) -> bytes:
    said, end = b"", time.monotonic() + seconds
    while wanted not in said:
        assert readable(fd, max(0, end - time.monotonic())), f"no {wanted!r} in {said!r}"
        said += os.read(fd, 4096)
    return said


def test_bench_prints_peers_as_json() -> None:
    rows = json.loads(lab("bench", "startup", "--runs", "2", "--engines", "ours,exec", "--json").stdout)
    assert {row["engine"] for row in rows} == {"ours", "exec"}
    for row in rows:
        assert row["runs"] == 2 and row["min_ms"] <= row["median_ms"] <= row["max_ms"]


def test_without_a_command_help_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    assert "run a program in a container of its own" in capsys.readouterr().out
