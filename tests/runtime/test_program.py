"""Programs: what they say, how they end, and that nothing of them is left."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from errno import E2BIG

import pytest

from pyctr_lab import Lab, Limits
from pyctr_lab.errors import BadInput, TimeExpired
from pyctr_lab.kernel import proc
from pyctr_lab.kernel.calls import CallError
from pyctr_lab.runtime.carrier import ended
from pyctr_lab.runtime.container import Container

pytestmark = pytest.mark.usefixtures("each_way")

MIB = 1 << 20
FATAL = sorted(set(signal.valid_signals()) - {signal.SIGCHLD, signal.SIGCONT, signal.SIGSTOP, signal.SIGTSTP,
               signal.SIGTTIN, signal.SIGTTOU, signal.SIGURG, signal.SIGWINCH})  # fmt: skip


@pytest.mark.parametrize("status", [0, 1, 2, 42, 126, 127, 128, 255])
def test_the_exit_status_is_exact(status: int, lab: Lab, box: Container) -> None:
    for who in (lab, box, lab.host):
        run = who.run(["sh", "-c", f"exit {status}"])
        assert (run.returncode, run.signal) == (status, None)


def test_every_signal_is_told(box: Container) -> None:
    for number in FATAL:
        run = box.run(["sh", "-c", f"kill -{int(number)} $$"])
        assert run.returncode == -number, number


def test_a_real_time_signal_has_a_name_too(box: Container) -> None:
    assert box.run(["sh", "-c", f"kill -{signal.SIGRTMIN + 6} $$"]).signal == "SIGRTMIN+6"


@pytest.mark.parametrize("argv", [["sleep", 1], ["echo", None], None, 5])
def test_what_are_no_words_are_refused(argv: object, box: Container) -> None:
    with pytest.raises(BadInput, match="a list of words"):
        box.run(argv)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "words"),
    [("ls -l /", ["ls", "-l", "/"]), ("true & exec sleep 5", ["sh", "-c", "true & exec sleep 5"]),
     ("sh -c 'true & exec sleep 5'", ["sh", "-c", "true & exec sleep 5"]), ("echo $HOME", ["sh", "-c", "echo $HOME"])],
)  # fmt: skip
def test_a_text_is_refused_with_a_list_that_means_the_same(text: str, words: list[str], box: Container) -> None:
    with pytest.raises(BadInput) as refused:
        box.run(text)
    assert f"write {words!r}" in str(refused.value)


def test_an_empty_environment_is_one(lab: Lab) -> None:
    assert lab.run(["/usr/bin/env"], env={}).stdout == ""


def test_a_signal_has_its_name(box: Container) -> None:
    assert box.run(["sh", "-c", "kill -TERM $$"]).signal == "SIGTERM"
    program = box.start(["sleep", "1000"])
    program.kill()
    assert program.wait().signal == "SIGKILL"


def test_64_mib_each_way(lab: Lab, box: Container) -> None:
    data = "x" * (64 * MIB)
    for who in (lab, box):
        assert who.run(["cat"], stdin=data).stdout == data


def test_both_outputs_at_once(box: Container) -> None:
    run = box.run(["sh", "-c", f"head -c {8 * MIB} /dev/zero >&2 & head -c {8 * MIB} /dev/zero; wait"])
    assert (len(run.stdout), len(run.stderr)) == (8 * MIB, 8 * MIB)


def test_input_that_nobody_reads(lab: Lab) -> None:
    assert lab.run(["true"], stdin="x" * MIB).returncode == 0


def test_no_input_is_an_empty_one(lab: Lab) -> None:
    assert lab.run(["cat"]).stdout == "" and lab.run(["cat"], stdin="").stdout == ""


def test_a_descriptor_as_input(lab: Lab) -> None:
    ours, theirs = os.pipe()
    os.write(theirs, b"through a pipe")
    os.close(theirs)
    assert lab.run(["cat"], stdin=ours).stdout == "through a pipe"
    os.close(ours)


def test_bytes_that_are_no_text(lab: Lab) -> None:
    assert lab.run(["printf", r"a\377b"]).stdout == "a\ufffdb"


def test_a_missing_program_is_named(lab: Lab) -> None:
    before = lab.host.view().processes
    for command in ("/no/such/program", "nosuchprogram"):
        with pytest.raises(CallError) as why:
            lab.run([command])
        assert (why.value.errno, why.value.filename) == (2, command)
    assert lab.host.view().processes == before


def test_a_program_is_searched_along_the_path_that_it_is_given(lab: Lab, box: Container) -> None:
    many = ":".join(["/nonexistent"] * 99)
    for where in (lab, box):
        assert where.run(["true"], env={"PATH": f"{many}:/usr/bin:/bin"}).returncode == 0
        assert where.run(["true"], env={"WORD": "without a PATH"}).returncode == 0
        with pytest.raises(CallError, match="ENOENT"):
            where.run(["true"], env={"PATH": many})
        assert where.run(["true"]).returncode == 0


def test_time_runs_out_and_nothing_is_left(lab: Lab, box: Container) -> None:
    before = lab.host.view().processes
    for who in (lab, box):
        with pytest.raises(TimeExpired) as why:
            who.run(["sh", "-c", "echo said; exec sleep 1000"], timeout=0.3)
        assert why.value.run.signal == "SIGKILL"
        assert why.value.run.stdout in ("said\n", "")
    assert lab.host.view().processes == before


def test_what_runs_on_in_the_background_is_not_waited_for(box: Container) -> None:
    run = box.run(["sh", "-c", "sleep 1000 & echo $!"])
    assert run.returncode == 0 and run.stdout.strip().isdigit()
    box.kill()


def test_a_started_program_can_be_asked(lab: Lab, box: Container) -> None:
    for who in (lab, box):
        ours, theirs = os.pipe()
        program = who.start(["cat"], stdin=ours)
        os.close(ours)
        assert program.poll() is None and proc.nspid(program.machine_pid)
        os.write(theirs, b"hello")
        os.close(theirs)
        run = program.wait(30)
        assert (run.stdout, program.poll(), program.wait()) == ("hello", 0, run)


def test_many_threads_wait_for_one_program(box: Container) -> None:
    """Its end can be fetched once, and all are told the same."""
    for _ in range(10):
        program = box.start(["sleep", "1000"])
        with ThreadPoolExecutor(6) as threads:
            waiting = [threads.submit(program.wait) for _ in range(5)]
            with pytest.raises(TimeExpired):
                threads.submit(program.wait, 0.01).result()
            program.kill()
            assert {each.result().returncode for each in waiting} == {-9} and program.poll() == -9


def test_what_a_shell_has_started_ends_with_it_when_time_is_up(lab: Lab, box: Container) -> None:
    for who in (box, lab.host):
        with pytest.raises(TimeExpired, match="it was killed") as why:
            who.run(["sh", "-c", "sleep 4711 & sh -c 'sleep 4711; :'; :"], timeout=0.5)
        assert why.value.run.signal == "SIGKILL"
        for pid in proc.descendants(lab.launcher.machine_pid):
            with suppress(ProcessLookupError):  # it is gone already
                assert proc.text_of(pid, "cmdline") != "sleep\0" + "4711\0" or ended(pid, 60)


def test_no_timeout_is_too_long(box: Container) -> None:
    assert box.run(["true"], timeout=1e12).returncode == 0


def test_waiting_may_end_before_the_program(box: Container) -> None:
    program = box.start(["sleep", "1000"])
    with pytest.raises(TimeExpired):
        program.wait(0.01)
    assert program.poll() is None
    program.kill(signal.SIGTERM)
    assert program.wait().signal == "SIGTERM"
    program.kill()


@pytest.mark.parametrize("argv", ["ls -l", [], [""], ["a\0b"], [5], None], ids=repr)
def test_a_command_that_cannot_be(argv: list[str], lab: Lab, box: Container) -> None:
    descriptors = len(os.listdir("/proc/self/fd"))
    for who in (lab, box):
        with pytest.raises((BadInput, TypeError)):
            who.run(argv)
    assert len(os.listdir("/proc/self/fd")) == descriptors


def test_the_environment_is_only_what_is_given(lab: Lab, box: Container) -> None:
    assert lab.run(["/usr/bin/env"], env={"A": "1"}).stdout == "A=1\n"
    assert box.run(["/usr/bin/env"], env={}).stdout == ""
    assert "PYTEST_CURRENT_TEST" not in lab.run(["env"]).stdout


def test_a_run_prints_without_times(lab: Lab) -> None:
    assert repr(lab.run(["echo", "a b"])) == "Run(\"echo 'a b'\", returncode=0, stdout='a b\\n', stderr='')"


def test_endless_output_does_not_fill_our_memory(lab: Lab) -> None:
    for started in (False, True):
        if started:
            program = lab.start(["yes"])
            while len(program.stdout) < MIB:
                time.sleep(0.01)
            program.kill()
            run = program.wait(20)
        else:
            with pytest.raises(TimeExpired) as late:
                lab.run(["yes"], timeout=1.0)
            run = late.value.run
        assert run.stdout.startswith("y\n") and len(run.stdout) <= 64 * MIB + 100


def test_a_started_program_is_not_held_up_and_its_output_is_none_of_its_own_memory(lab: Lab, delegated: None) -> None:
    """It was kept in a file in memory, which the kernel put on the program's own bill."""
    program = lab.start(["head", "-c", "48M", "/dev/zero"], limits=Limits(memory="16M", memory_swap="0"))
    assert (program.wait(60).returncode, len(program.stdout)) == (0, 48 * MIB)


@pytest.mark.parametrize("argv", [["echo", "\ud800"], ["true"]])
def test_half_a_surrogate_pair_is_refused_and_the_lab_lives_on(argv: list[str], lab: Lab) -> None:
    with pytest.raises(BadInput, match="surrogate"):
        lab.run(argv, env={"A": "\udfff\ud800"})
    with pytest.raises(BadInput, match="surrogate"):
        lab.start([*argv, "\ud800"])
    assert lab.run(["echo", "\udcff"]).stdout == "\ufffd\n", "a byte that is no text may be one"


def test_arguments_may_be_as_long_as_linux_takes_them(lab: Lab, box: Container) -> None:
    long = ["x" * 100_000] * 15
    assert lab.run(["sh", "-c", 'echo "$@" | wc -c', "sh", *long]).stdout == "1500015\n"
    assert box.run(["sh", "-c", 'echo "$@" | wc -c', "sh", *long]).stdout == "1500015\n"
    with pytest.raises(CallError) as refused:
        lab.run(["true", "x" * 140_000])
    assert refused.value.errno == E2BIG
