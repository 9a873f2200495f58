"""What is sent to `run`: passed on as the kernel has it for a PID 1, and every way out is one."""

from __future__ import annotations

import os
import signal
import subprocess
import termios
import time

import pytest
from entry import SCRIPT, SLEEP, is_one_line, lab, on_terminal, shell, started, until_asleep

from pyctr_lab.kernel import proc
from pyctr_lab.runtime.carrier import readable

pytestmark = pytest.mark.timeout(60)


def test_a_signal_is_sent_on() -> None:
    script = "trap 'echo caught; exit 5' TERM; echo ready; while :; do sleep 0.05; done"
    with started("run", "--", "sh", "-c", script) as process:
        assert process.stdout and process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "caught\n"
        assert process.wait(20) == 5


@pytest.mark.parametrize(
    ("number", "options"),
    [(signal.SIGTERM, []), (signal.SIGHUP, []), (signal.SIGTERM, ["-t"]), (signal.SIGTERM, ["--init"]),
     (signal.SIGHUP, ["--explain"])],
)  # fmt: skip
def test_a_program_that_would_not_hear_it_is_ended(number: signal.Signals, options: list[str]) -> None:
    with started("run", *options, *SLEEP) as process:
        until_asleep(process.pid)
        process.send_signal(number)
        assert process.wait(20) == 128 + number


def test_timeout_ends_a_container() -> None:
    done = subprocess.run(["timeout", "--preserve-status", "1", *SCRIPT, "run", "--", "sleep", "1000"], timeout=60)
    assert done.returncode == 128 + signal.SIGTERM


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_the_second_key_says_why_nothing_happens_and_the_third_ends_it(number: signal.Signals) -> None:
    with started("run", *SLEEP) as process:
        assert process.stderr
        until_asleep(process.pid)
        process.send_signal(number)
        assert not readable(process.stderr.fileno(), 0.3), "the first is the program's alone"
        process.send_signal(number)
        line = process.stderr.readline() + process.stderr.readline()
        assert "sleep is PID 1 and has no handler" in line and "--init" in line
        assert process.poll() is None
        process.send_signal(number)
        assert process.wait(20) == 128 + number
        assert process.stderr.read() == ""


def test_a_program_that_handles_the_key_goes_on() -> None:
    script = "trap 'echo again' INT; echo ready; while :; do sleep 0.02; done"
    with started("run", "--", "sh", "-c", script) as process:
        assert process.stdout and process.stderr and process.stdout.readline() == "ready\n"
        for _ in range(4):
            process.send_signal(signal.SIGINT)
            assert process.stdout.readline() == "again\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 128 + signal.SIGTERM and process.stderr.read() == ""


def test_a_program_that_ignores_a_signal_goes_on() -> None:
    with started("run", "-i", "--", "sh", "-c", "trap '' TERM; echo ready; sleep 0.5; exit 3") as process:
        assert process.stdout and process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 3


def test_what_is_ignored_outside_stays_ignored() -> None:
    done = shell("trap '' HUP; lab run -- sh -c 'echo ready; sleep 0.4; exit 4' | { read; kill -HUP $(pgrep -P $$ -f"
                 " 'pyctr_lab.cli run'); cat; }; exit ${PIPESTATUS[0]}")  # fmt: skip
    assert done.returncode == 4, done.stderr


def test_an_init_has_the_program_hear_each_signal_and_reaps() -> None:
    script = """sh -c 'true & echo $! >/tmp/orphan'
    while test -e /proc/$(cat /tmp/orphan); do sleep 0.05; done
    echo $$"""
    assert int(lab("run", "--init", "--", "sh", "-c", script).stdout) > 1
    with started("run", "--init", *SLEEP) as process:
        until_asleep(process.pid)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 128 + signal.SIGINT


def test_an_init_with_limits_names_the_one_that_acted(delegated: None) -> None:
    words = ["--memory", "64M", "--", "python3", "-c", "x = b'x' * (200 << 20)"]
    done = lab("run", "--init", *words)
    assert done.returncode == 128 + 9 and is_one_line(done, "memory.max 64M: the kernel killed python3")


def test_child_signals_ignored_outside_leave_the_status() -> None:
    assert shell("trap '' CHLD; lab run -- sh -c 'exit 5'").returncode == 5


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_the_terminal_is_put_back(number: signal.Signals) -> None:
    with on_terminal("run", "-it", *SLEEP) as (_, theirs, pid):
        before = termios.tcgetattr(theirs)
        until_asleep(pid)
        until_raw(theirs)
        pidfd = os.pidfd_open(pid)
        os.kill(pid, number)
        while number == signal.SIGINT and not readable(pidfd, 0.1):  # a third; two at once would be one
            os.kill(pid, number)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 128 + number
        os.close(pidfd)
        assert termios.tcgetattr(theirs) == before


def test_a_terminal_that_is_closed_ends_the_container() -> None:
    with on_terminal("run", "-it", *SLEEP) as (ours, theirs, pid):
        until_asleep(pid)
        until_raw(theirs)
        below = proc.descendants(pid)
        os.dup2(os.open(os.devnull, os.O_RDWR), theirs)
        os.dup2(theirs, ours)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 128 + signal.SIGHUP
        assert not any(os.path.exists(f"/proc/{each}") for each in below)


def until_raw(fd: int) -> None:
    while termios.tcgetattr(fd)[3] & termios.ECHO:
        time.sleep(0.01)


@pytest.mark.parametrize("options", [[], ["-t"]], ids=["plain", "-t"])
def test_a_reader_that_goes_away_ends_it(options: list[str]) -> None:
    done = shell(f"lab run {' '.join(options)} -- yes | head -n 1; exit ${{PIPESTATUS[0]}}")
    assert done.returncode == (141 if options else 1)  # PIPE is dropped too, and yes says that it cannot write
    assert "Traceback" not in done.stderr
