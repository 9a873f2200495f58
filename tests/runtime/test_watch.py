"""System calls watched and refused live, by the real kernel; and nothing hangs, whatever ends, and whenever."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from errno import EACCES, EPERM, errorcode
from typing import Any

import pytest

from pyctr_lab import Lab, steps
from pyctr_lab.errors import BadInput, Busy, Gone, TimeExpired
from pyctr_lab.kernel import mkdirat, openat, proc
from pyctr_lab.kernel.calls import CallError
from pyctr_lab.kernel.filters import docker_policy
from pyctr_lab.kernel.syscall_table import SYSCALLS
from pyctr_lab.runtime import watch as watch_module
from pyctr_lab.runtime.carrier import ended
from pyctr_lab.runtime.container import Container
from pyctr_lab.runtime.program import Program
from pyctr_lab.runtime.watch import NEEDED, CallWatch
from pyctr_lab.runtime.watched import read_memory

pytestmark = pytest.mark.machine

ALL = SYSCALLS[os.uname().machine]
MAKING = [name for name in ("mkdir", "mkdirat") if name in ALL]  # mkdir(1) makes the one or the other
REMOVING = [name for name in ("rmdir", "unlinkat") if name in ALL]
LONG = 60  # seconds: no test waits so long
TRAFFIC = "while :; do mkdir /mnt/t; rmdir /mnt/t; done 2>/dev/null"


@pytest.fixture
def box(lab: Lab) -> Iterator[Container]:
    """A live process with an empty /mnt of its own."""
    with lab.container("watched") as made:
        furnish(made)
        yield made


def furnish(box: Container) -> None:
    for step in (steps.NewNamespace("mnt"), steps.PrivatePropagation(), steps.Tmpfs("/mnt")):
        box.apply(step)


def let_end(watch: CallWatch) -> bool:
    """Whether its thread has ended, and its listener is closed."""
    watch._server.join(LONG)
    return not watch._server.is_alive() and watch.listener.fd == -1


# --- seen
def test_each_call_is_shown_as_it_comes(lab: Lab, box: Container) -> None:
    watch = box.watch(("mkdirat", "openat"))
    box.carry([mkdirat("/mnt/a"), openat("/mnt/a")])
    made, opened = watch.calls
    assert str(made) == 'mkdirat(AT_FDCWD, "/mnt/a", 0755)' and str(opened).startswith('openat(AT_FDCWD, "/mnt/a", O_')
    assert (made.name, made.paths, made.answer, made.number) == ("mkdirat", ("/mnt/a",), "", 1)
    assert (made.pid, made.program) == (box.pid, "watched") and made.arguments[2] == 0o755 and made.waited_ns > 0
    assert box.run(["cat", "/mnt/none"]).returncode == 1
    (seen,) = [call for call in watch.calls if call.paths == ("/mnt/none",)]
    assert seen.program == "cat" and seen.pid != box.pid
    assert box.run(["ls", "/mnt"]).stdout == "a\n", "calls that go on are made"


def test_programs_are_seen_from_their_execve_on(box: Container) -> None:
    watch = box.watch(["execve"])
    assert box.run(["/bin/sh", "-c", "/bin/echo a; exec /bin/true b"]).stdout == "a\n"
    assert [call.paths[0] for call in watch.calls] == ["/bin/sh", "/bin/echo", "/bin/true"]
    assert re.fullmatch(r'execve\("/bin/true", \["/bin/true", "b"\], /\* \d+ vars \*/\)', str(watch.calls[-1]))


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_calls_are_spelled_as_strace_spells_them(box: Container) -> None:
    script = """cd /mnt; mkdir -m 750 a; echo x > a/f; cat a/f; chmod 600 a/f; ln -s f a/l; ln a/f a/h; mv a/f a/g
    rm a/g; cd a; test -r h; mkdir "$(printf 'q\\"\\303\\244')"; umask 077; kill -0 $$; rmdir /mnt/none"""
    names = [name for name in ALL if name in (
        *("mkdir", "mkdirat", "openat", "fchmodat", "symlinkat", "linkat", "rename", "renameat", "renameat2", "kill"),
        *("unlink", "unlinkat", "chdir", "rmdir", "faccessat2", "access", "umask", "dup2"),
    )]  # fmt: skip
    watch = box.watch(names)
    traced = box.run(["strace", "-f", "-qq", "-o", "/mnt/trace", "-e", f"trace={','.join(names)}", "sh", "-c", script])
    if "ptrace" in traced.stderr:
        pytest.skip(f"strace may not trace here: {traced.stderr[:100]}")
    lines = set(map(flags_sorted, re.findall(r"^\d+ +(\w+\(.*\)) += ", box.run(["cat", "/mnt/trace"]).stdout, re.M)))
    ours = {flags_sorted(str(call)) for call in watch.calls if call.program not in ("strace", "watched")}
    assert len(lines & ours) > 30
    assert sorted(lines - ours) == []


def flags_sorted(call: str) -> str:
    """strace has an order of its own for flags."""
    return re.sub(r"\w+(\|\w+)+", lambda flags: "|".join(sorted(flags[0].split("|"))), call)


def test_a_table_has_the_last_calls(box: Container) -> None:
    watch = box.watch(["mkdirat"], decide=lambda call: "EACCES" if "&" in call.paths[0] else None)
    assert repr(watch) == "CallWatch(0 system calls watched)"
    for number in range(25):
        box.call(mkdirat(f"/mnt/{number}"))
    with pytest.raises(CallError):
        box.call(mkdirat("/mnt/&"))
    page, text = watch._repr_html_(), str(watch)
    assert "26 system calls watched, the last 20 kept here" in page and page.count("<tr>") == 21
    assert "<code>mkdirat(AT_FDCWD, &quot;/mnt/&amp;&quot;, 0755)</code></td><td>EACCES</td>" in page
    assert text.endswith(" EACCES") and "went on" in text
    assert repr(watch.calls[-1]) == "WatchedCall('mkdirat(AT_FDCWD, \"/mnt/&\", 0755)', answer='EACCES')"
    watch.close()
    assert repr(watch).endswith(", closed)")


def test_calls_beyond_the_most_are_counted(box: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "MOST_KEPT", 3)
    watch = box.watch(["mkdirat"])
    for number in range(5):
        box.call(mkdirat(f"/mnt/{number}"))
    assert [call.number for call in watch.calls] == [1, 2, 3] and watch.dropped == 2
    assert "2 of them not kept" in repr(watch)


# --- refused
@pytest.mark.parametrize(("errno", "found"), [("EACCES", EACCES), (EPERM, EPERM), (4095, 4095)])
def test_a_function_refuses_live(box: Container, errno: int | str, found: int) -> None:
    watch = box.watch(["mkdirat"], decide=lambda call: errno if call.paths[0] == "/mnt/no" else None)
    box.call(mkdirat("/mnt/yes"))
    with pytest.raises(CallError) as why:
        box.call(mkdirat("/mnt/no"))
    assert why.value.errno == found
    assert box.run(["ls", "/mnt"]).stdout == "yes\n"
    assert [call.answer for call in watch.calls] == ["", errorcode.get(found, str(found))]


def test_a_program_is_refused_and_goes_on(box: Container) -> None:
    with box.watch(MAKING, decide=lambda call: "EROFS"):
        done = box.run(["sh", "-c", "mkdir /mnt/a; echo on"])
    assert done.stdout == "on\n" and "Read-only file system" in done.stderr
    assert box.run(["mkdir", "/mnt/a"]).returncode == 0, "the block has ended"


def test_a_refused_execve_is_an_error_of_run(lab: Lab, box: Container) -> None:
    box.watch(["execve"], decide=lambda call: "EPERM" if "true" in call.paths[0] else None)
    with pytest.raises(CallError, match="EPERM"):
        box.run(["/bin/true"])
    assert box.run(["/bin/echo", "on"]).stdout == "on\n"


# --- asked
def test_calls_wait_for_an_answer(box: Container) -> None:
    watch = box.watch(MAKING, decide="ask")
    program = box.start(["sh", "-c", "mkdir /mnt/a; mkdir /mnt/b; mkdir /mnt/c"])
    first = watch.next_waiting(LONG)
    assert (first.paths, first.answer, watch.waiting) == (("/mnt/a",), "waiting", [first])
    assert "waits" in str(watch) and box.run(["ls", "/mnt"]).stdout == ""
    watch.answer(first)
    watch.answer(watch.next_waiting(LONG), "EPERM")
    watch.answer(watch.next_waiting(LONG), errno=EACCES)
    program.wait(LONG)
    assert box.run(["ls", "/mnt"]).stdout == "a\n"
    assert [call.answer for call in watch.calls] == ["", "EPERM", "EACCES"]


def test_an_answer_counts_once(box: Container) -> None:
    watch = box.watch(MAKING, decide="ask")
    program = box.start(["sh", "-c", "mkdir /mnt/a; mkdir /mnt/b"])
    for errno, said in ((None, "it has gone on"), ("EPERM", "refused: EPERM")):
        call = watch.next_waiting(LONG)
        watch.answer(call, errno)
        with pytest.raises(BadInput, match=f"does not wait for an answer: {said}"):
            watch.answer(call)
    program.wait(LONG)
    for wrong, errno in ((None, None), (call, "EFOO"), (call, 4096), (call, -1), (call, True), (call, "")):
        with pytest.raises(BadInput):
            watch.answer(wrong, errno)  # type: ignore[arg-type]
    with pytest.raises(TimeExpired, match="no call waited"):
        watch.next_waiting(0.01)


def test_a_process_that_obeys_does_not_wait_long(box: Container) -> None:
    """Else the cell that starts a program would wait for an answer that only another cell can give."""
    watch = box.watch(["execve", "mkdirat"], decide="ask")
    assert box.run(["/bin/echo", "on"]).stdout == "on\n"
    box.call(mkdirat("/mnt/a"))
    assert {call.answer for call in watch.calls} == {""}
    assert {"execve", "mkdirat"} <= {call.name for call in watch.calls}


# --- whoever ends
def test_closing_lets_what_waits_and_all_that_comes_go_on(box: Container) -> None:
    watch = box.watch([*MAKING, "openat", "execve"], decide="ask")
    program = box.start(["sh", "-c", "while mkdir /mnt/a; do :; done"])
    watch.next_waiting(LONG)
    seen = len(watch.calls)
    watch.close()
    assert "File exists" in program.wait(LONG).stderr and watch.waiting == []
    assert box.run(["ls", "/mnt"]).stdout == "a\n", "programs load still"
    assert len(watch.calls) == seen and watch.closed
    with pytest.raises(Gone, match="this watch has ended"):
        watch.next_waiting(LONG)
    watch.close()
    box.kill()
    assert let_end(watch)


def test_a_program_killed_while_it_waits(box: Container) -> None:
    watch = box.watch(MAKING, decide="ask")
    program = box.start(["mkdir", "/mnt/a"])
    call = watch.next_waiting(LONG)
    program.kill()
    assert program.wait(LONG).signal == "SIGKILL"
    assert watch.waiting == [] and call.answer == "gone"
    with pytest.raises(BadInput, match="its process has ended"):
        watch.answer(call, "EPERM")
    assert box.run(["echo", "on"]).stdout == "on\n"


def test_a_signal_while_a_call_waits(box: Container) -> None:
    """The kernel interrupts the call, with EINTR or to be made anew; the shell's handler runs, and it goes on."""
    watch = box.watch(["chdir"], decide="ask")
    program = box.start(["sh", "-c", 'trap "echo came" USR1; cd /mnt; echo on'])
    call = watch.next_waiting(LONG)
    program.kill(signal.SIGUSR1)
    while call in watch.waiting:
        os.sched_yield()
    assert call.answer == "gone"
    watch.close()
    assert program.wait(LONG).stdout == "came\non\n"


def test_a_function_that_fails_is_reported_once(box: Container, capsys: pytest.CaptureFixture[str]) -> None:
    def decide(call: object) -> str:
        raise SystemExit("no idea") if len(watch.calls) > 1 else ValueError("no idea")

    watch = box.watch(["mkdirat"], decide=decide)
    for name in "abc":
        box.call(mkdirat(f"/mnt/{name}"))
    assert box.run(["ls", "/mnt"]).stdout.split() == ["a", "b", "c"]
    said = capsys.readouterr().err
    assert said == "watch: `decide` failed for mkdirat, which goes on: ValueError: no idea\n" == watch.error + "\n"


@pytest.mark.parametrize("verdict", [True, "EFOO", 5000, -1, b"EPERM", 1.5])
def test_a_verdict_that_is_none_is_reported(box: Container, verdict: Any, capsys: pytest.CaptureFixture[str]) -> None:
    watch = box.watch(["mkdirat"], decide=lambda call: verdict)
    box.call(mkdirat("/mnt/a"))
    assert "goes on: an errno cannot be" in watch.error and watch.error in capsys.readouterr().err


def test_a_function_that_sleeps_keeps_only_programs_waiting(box: Container) -> None:
    awake = threading.Event()
    watch = box.watch([*MAKING, "execve"], decide=lambda call: awake.wait(LONG * 5) and None)  # type: ignore[func-returns-value]
    try:
        slow = box.start(["/bin/mkdir", "/mnt/a"])
        with pytest.raises(TimeExpired) as why:
            box.run(["/bin/mkdir", "/mnt/b"], timeout=0.5)
        assert why.value.run.signal == "SIGKILL"
        assert slow.alive
        watch.close()
        assert slow.wait(LONG).returncode == 0
        assert box.run(["mkdir", "/mnt/c"], timeout=LONG).returncode == 0
    finally:
        awake.set()


def test_the_launcher_killed_under_traffic() -> None:
    with Lab(private=True) as lab:
        box = lab.container("watched")
        furnish(box)
        watch = box.watch([*MAKING, *REMOVING], decide=lambda call: None)
        programs = [box.start(["sh", "-c", TRAFFIC]) for _ in range(3)]
        while len(watch.calls) < 20:
            assert programs[0].alive
        os.kill(lab.launcher.machine_pid, signal.SIGKILL)
        assert all(ended(program.machine_pid, LONG) for program in programs)
        assert let_end(watch) and watch.closed
        with pytest.raises(Gone):
            box.run(["true"])


@pytest.mark.repeat(few=20, many=200)
def test_programs_killed_at_any_moment(lab: Lab, box: Container, repeats: int) -> None:
    watch = box.watch([*MAKING, *REMOVING, "openat", "execve"], decide=lambda call: None)
    for _ in range(repeats):
        programs = [box.start(["sh", "-c", TRAFFIC]) for _ in range(3)]
        before = len(watch.calls) + watch.dropped
        while len(watch.calls) + watch.dropped < before + 7:
            assert programs[0].alive
        assert {program.end().signal for program in programs} == {"SIGKILL"}
    assert watch.waiting == [] and box.run(["echo", "on"]).stdout == "on\n"
    box.kill()
    until = time.monotonic() + LONG
    while watch._server.is_alive() and time.monotonic() < until:  # a zombie keeps its filter on Linux 6.1
        with lab.reaper.lock:
            lab.reaper.reap(lab.launcher)
        time.sleep(0.05)
    assert let_end(watch)


def test_a_lab_closed_while_calls_wait() -> None:
    with Lab(private=True) as lab:
        box = lab.container("watched")
        watch = box.watch(MAKING, decide="ask")
        program = box.start(["mkdir", "/mnt/a"])
        call = watch.next_waiting(LONG)
    assert let_end(watch) and call.answer == "gone" and ended(program.machine_pid, 0)


HOLDER = """
import os, subprocess, sys
from pyctr_lab import Lab
lab = Lab()
box = lab.container("watched")
watch = box.watch({names!r}, decide="ask")
waits = box.start(["mkdir", "/mnt"])
watch.next_waiting()
other = lab.container("busy")
seen = other.watch(["openat", "execve"], decide=lambda call: None)
busy = other.start(["sh", "-c", "while :; do cat /dev/null; done"])
ours, theirs = os.pipe()
if os.fork() == 0:
    listing = subprocess.run(["ls", "-l", f"/proc/{{os.getpid()}}/fd"], capture_output=True, text=True).stdout
    os.write(theirs, str(listing.count("seccomp") if "pipe" in listing else -1).encode())
    sys.stdin.read()
pids = [each.machine_pid for each in (lab.launcher, waits, busy, box)]
print(*pids, os.read(ours, 9).decode(), flush=True)
sys.stdin.read()
"""


@pytest.mark.repeat(few=3, many=30)
def test_the_notebook_killed_under_traffic(repetition: int) -> None:
    """Its lab ends with it, though calls wait: also while a process that it has forked lives on."""
    script = HOLDER.format(names=MAKING)
    with subprocess.Popen([sys.executable, "-c", script], stdin=-1, stdout=-1, text=True, process_group=0) as holder:
        assert holder.stdout
        *pids, listeners = map(int, holder.stdout.readline().split())
        assert len(pids) == 4 and listeners == 0, "in the forked process"
        holder.kill()
        assert [ended(pid, LONG) for pid in pids] == [True] * 4
        os.killpg(holder.pid, signal.SIGKILL)  # the forked one


# --- what can be watched
@pytest.mark.parametrize("name", NEEDED)
def test_what_the_live_process_needs_is_refused(box: Container, name: str) -> None:
    with pytest.raises(BadInput, match=f"^{name} cannot be watched: the live process needs"):
        box.watch(["mkdirat", name])


def test_all_else_can_be_watched_at_once(box: Container) -> None:
    watch = box.watch([name for name in ALL if name not in NEEDED])
    assert box.run(["sh", "-c", "ls / > /dev/null; echo on"]).stdout == "on\n"
    assert box.view().hostname and box.call(mkdirat("/mnt/a")).result == 0
    assert {call.answer for call in watch.calls[:-1]} <= {"", "gone"} and len({call.name for call in watch.calls}) > 20
    box.kill()
    assert let_end(watch)


@pytest.mark.parametrize("calls", [(), [], "openat", ["opnat"], [5], [None], None, 7, ["open at"], {"openat": 1}])
def test_wrong_calls_are_refused(box: Container, calls: object) -> None:
    with pytest.raises(BadInput):
        box.watch(calls)  # type: ignore[arg-type]
    assert box.watch(["mkdirat"]).calls == [], "nothing was loaded"


@pytest.mark.parametrize("decide", ["tell", "", 5, True, [], b"ask"])
def test_wrong_deciders_are_refused(box: Container, decide: object) -> None:
    with pytest.raises(BadInput, match="decides nothing"):
        box.watch(["mkdirat"], decide=decide)  # type: ignore[arg-type]


def test_the_host_is_not_watched(lab: Lab) -> None:
    with pytest.raises(BadInput, match="serves every container"):
        lab.host.watch(["mkdirat"])


def test_one_watch_for_each_container(box: Container) -> None:
    watch = box.watch(["mkdirat"])
    with pytest.raises(Busy, match=r"watched has a listener already.*EBUSY.*fresh container"):
        box.watch(["openat"])
    watch.close()
    with pytest.raises(Busy):
        box.watch(["mkdirat"])
    box.call(mkdirat("/mnt/a"))


def test_one_that_has_ended_or_become_a_program_is_not_watched(lab: Lab, box: Container) -> None:
    box.kill()
    with pytest.raises(Gone, match="makes a fresh one"):
        box.watch(["mkdirat"])


def test_without_privilege_no_new_privs_is_set(box: Container) -> None:
    box.watch(["mkdirat"])
    assert proc.status(box.machine_pid)["NoNewPrivs"] == "0"


def test_without_its_capability_no_new_privs_is_set(box: Container) -> None:
    box.apply(steps.DropCapabilities())
    watch = box.watch(["mkdirat"])
    assert proc.status(box.machine_pid)["NoNewPrivs"] == "1"
    box.call(mkdirat("/mnt/a"))
    assert [str(call) for call in watch.calls] == ['mkdirat(AT_FDCWD, "/mnt/a", 0755)']


def test_a_whole_container_is_watched(lab: Lab) -> None:
    with lab.container("watched") as box:
        for step in lab.recipe():
            box.apply(step)
        box.apply(steps.Seccomp(docker_policy()))
        watch = box.watch(MAKING, decide=lambda call: "EPERM" if "no" in call.paths[0] else None)
        assert box.run(["sh", "-c", "mkdir /tmp/a; mkdir /tmp/no; ls /tmp"]).stdout == "a\n"
        made, refused = watch.calls
        assert (made.paths, refused.answer) == (("/tmp/a",), "EPERM")
        assert box.run(["sh", "-c", "exec mkdir /tmp/b"]).returncode == 0
        program = box.start(["sh", "-c", "read line; exec mkdir /tmp/c"], stdin="\n")
        program.wait(LONG)
        assert watch.calls[-1].pid == program.pid, "as the lab's host counts"


def test_a_watch_that_is_not_kept_goes_on(box: Container) -> None:
    box.watch([*MAKING, "openat"])
    assert box.run(["mkdir", "/mnt/a"]).returncode == 0 and box.run(["ls", "/mnt"]).stdout == "a\n"


def test_the_process_keeps_no_listener_of_its_own(box: Container) -> None:
    """With one of its own, calls would wait for ever once the notebook's is closed."""
    box.watch(["openat"])
    folder = f"/proc/{box.machine_pid}/fd"
    opened = [os.readlink(f"{folder}/{fd}") for fd in os.listdir(folder)]
    assert any("socket" in name for name in opened) and not any("seccomp" in name for name in opened)


def test_paths_of_another_user_are_read(lab: Lab, box: Container) -> None:
    if lab.ids < 10:
        pytest.skip("this lab has one user id")
    watch = box.watch(["openat"])
    box.run(["setpriv", "--reuid=5", "--regid=5", "--clear-groups", "cat", "/mnt/none"])
    assert watch.calls[-1].program == "cat" and ("/mnt/none",) in [call.paths for call in watch.calls]


def test_memory_is_read_to_the_end_of_what_is_there(lab: Lab) -> None:
    program = lab.start(["sleep", "600"])
    with open(f"/proc/{program.machine_pid}/maps") as maps:
        last = next(line for line in maps if "[stack]" in line)
    end = int(last.split()[0].split("-")[1], 16)
    assert read_memory(program.machine_pid, end - 32, 4096).rstrip(b"\0").endswith(b"sleep")
    assert len(read_memory(program.machine_pid, end - 5000, 4096)) == 4096
    assert [read_memory(program.machine_pid, address, 9) for address in (0, end, (1 << 64) - 1)] == [b"", b"", b""]
    program.end()
    assert read_memory(program.machine_pid, end - 32, 8) == b""


def test_nothing_is_left_of_many(lab: Lab) -> None:
    lab.container("x").kill()
    before = set(os.listdir("/proc/self/fd")), threading.active_count()
    for turn in range(10):
        with lab.container("x") as box:
            watch = box.watch(["openat"], decide=(lambda call: None) if turn % 2 else None)
            box.run(["true"])
        assert let_end(watch)
        assert not [fd for fd in os.listdir("/proc/self/fd") if "seccomp" in link(fd)]
    for thread in threading.enumerate():
        if thread.name == "watch decides":
            thread.join(LONG)
    assert len(os.listdir("/proc/self/fd")) <= len(before[0]) and threading.active_count() <= before[1]


def link(fd: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except FileNotFoundError:
        return ""


def test_threads_start_programs_at_once(box: Container) -> None:
    watch = box.watch(MAKING, decide=lambda call: None)
    programs: list[Program] = [box.start(["mkdir", f"/mnt/{number}"]) for number in range(12)]
    assert {program.wait(LONG).returncode for program in programs} == {0}
    assert sorted(call.number for call in watch.calls) == list(range(1, 13))
