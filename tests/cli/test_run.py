"""`run` as users of other runtimes expect it: its status, its streams, its terminal, its one clear line."""

from __future__ import annotations

import os

import pytest
from entry import Here, lab, on_terminal, shell, until

from pyctr_lab.cgroups.places import delegation
from pyctr_lab.runtime.faststart import loop


def test_run_shows_a_containers_view() -> None:
    done = lab("run", "--", "/bin/sh", "-c", "hostname; echo $$; cat /proc/net/dev | tail -n +3 | cut -d: -f1; id -u")
    assert done.stdout.split() == ["demo", "1", "lo", "0"]
    assert done.returncode == 0 and not done.stderr


@pytest.mark.parametrize("status", [0, 7, 255])
def test_exit_status_passes_through(status: int) -> None:
    assert lab("run", "--", "sh", "-c", f"exit {status}").returncode == status


def test_a_program_killed_by_a_signal() -> None:
    # PID 1 ignores a signal from inside, as the kernel has it; its child does not
    assert lab("run", "--", "sh", "-c", "sh -c 'kill -15 $$'; exit $?").returncode == 128 + 15


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
        (["run", "--memory", "lots", "--", "true"], 125, "memory cannot be 'lots'"),
        (["run", "--memory", "0", "--", "true"], 125, "memory cannot be '0'"),
        (["run", "--cpus", "-1", "--", "true"], 125, "cpus cannot be '-1'"),
        (["run", "--pids", "0", "--", "true"], 125, "a whole number from 1"),
    ],
)
def test_bad_input_is_one_clear_line(words: list[str], status: int, said: str, here: Here) -> None:
    done = here(*words)
    assert done.returncode == status
    assert done.stderr.count("\n") == 1 and said in done.stderr, done.stderr
    assert "Traceback" not in done.stderr


def test_explain_tells_each_step_and_then_the_output() -> None:
    done = lab("run", "--explain", "--", "hostname")
    lines = done.stdout.splitlines()
    assert lines[0].startswith(" 1. Give the process a user namespace of its own.")
    assert any("unshare(CLONE_NEWUTS) = 0 · " in line and line.endswith(" µs") for line in lines)
    assert sum("ms in the kernel" in line for line in lines) == 2, "one at a time, and in one go"
    assert lines[-1] == "demo"


def test_explain_tells_a_real_start_too() -> None:
    told = lab("run", "--explain", "--hostname", "other", "--", "true").stdout
    real = told[told.index("as a start really is") :].splitlines()
    assert f"a loop of {len(loop.code_here())} bytes" in real[0]
    who = [line.split(":")[0].strip() for line in real if line.startswith("      ")]
    assert who[:2] == ["launcher", "outside"] and who[-1] == "process" and set(who[2:-1]) == {"outside", "process"}
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
    assert lines[0].startswith(' 1. Put it into the control group demo, with memory="32M", pids=9.')
    assert any("mkdirat(" in line and "/demo" in line for line in lines)
    assert any("cgroup.procs" in line for line in lines) and any(" µs" in line for line in lines)


def test_without_a_group_of_our_own_limits_are_refused_with_the_command() -> None:
    if delegation().places:
        pytest.skip("groups can be made here; see tests/cgroups/test_delegation.py for a user who was given none")
    done = lab("run", "--memory", "64M", "--", "true")
    assert done.returncode == 125 and done.stderr.count("\n") == 1 and delegation().grant in done.stderr


def test_an_interactive_terminal() -> None:
    with on_terminal("run", "-it", "--", "bash", "--norc", "-i") as (ours, _, pid):
        until(ours, b"# ")
        os.write(ours, b"echo it-is-$(tty > /dev/console; tty)\n")
        until(ours, b"it-is-/dev/console")
        os.write(ours, b"sh -c 'stty size > /dev/null && echo is-a-$((6*7))-tty; exec sleep 1000'\n")
        until(ours, b"is-a-42-tty")
        os.write(ours, b"\x03")  # a signal at the far end only: sleep dies, the shell does not
        until(ours, b"# ")
        os.write(ours, b"exit 9\n")
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9


@pytest.mark.parametrize(
    ("line", "output"),
    [
        ("echo hi | lab run -it -- cat", "hi hi"),  # what the terminal echoes, and what cat says
        ("printf hi | lab run -it -- cat", "hihi"),
        ("lab run -it -- cat </dev/null", ""),
        ("lab run -t -- cat", ""),
        ("lab run -it -- cat <&-", ""),
        ("echo 'echo $((6*7)); exit 3' | lab run -it -- sh | grep -c 42.$", "1"),
    ],
)
def test_end_of_file_reaches_the_terminals_other_side(line: str, output: str) -> None:
    done = shell(line)
    assert done.stdout.split() == output.split() and not done.stderr


def test_a_terminal_neither_loses_nor_stops_what_a_program_answers() -> None:
    """More than the terminal holds goes in, while as much comes out."""
    done = shell("seq 20000 | lab run -it -- sh -c 'stty -echo; exec cat' | tr -d '\\r' | tail -n 15000 | md5sum")
    assert done.stdout == shell("seq 20000 | tail -n 15000 | md5sum").stdout


def test_the_size_of_any_terminal_of_ours_is_passed_on() -> None:
    with on_terminal("run", "-t", "--", "sh", "-c", "stty size </dev/tty; sleep 0.3; stty size </dev/tty") as (
        ours,
        _,
        _,
    ):
        until(ours, b"0 0")
    assert shell("lab run -it -- tty </dev/null").stdout.strip() == "/dev/console"
