from __future__ import annotations

import ctypes
import os
import signal
import socket
import time
from errno import EBADF

import pytest

from pyctr_lab import BadInput, Container, Gone, Lab, TimeExpired
from pyctr_lab.errors import Busy
from pyctr_lab.kernel import Call, Ref, close, getpid, kill, openat, uname, write
from pyctr_lab.runtime.carrier import LONGEST, Carrier, ended, polled, readable


def test_answers_come_in_the_order_of_the_calls(box: Container) -> None:
    answers = box.carrier.ask([getpid(), openat("/dev/null", os.O_WRONLY), write(Ref("fd"), "x"), close(Ref("fd"))])
    assert [answer.name for answer in answers] == ["getpid", "openat", "write", "close"]
    assert answers[0].result == box.pid and answers[2].result == 1


def test_the_last_answer_is_the_first_failure(box: Container) -> None:
    answers = box.carrier.ask([close(999), getpid()])
    assert [answer.failed for answer in answers] == [True]


def test_the_kernel_says_who_answers(box: Container) -> None:
    carrier = box.carrier
    assert carrier.find_machine_pid() == carrier.machine_pid == box.machine_pid
    assert carrier.pids[-1] == box.pid and carrier.pids[0] == box.machine_pid


def test_a_list_may_be_longer_than_the_socket_takes(box: Container) -> None:
    (answer,) = box.carrier.ask([write(999, "x" * 2_000_000)])
    assert answer.errno == EBADF and box.carrier.ask([getpid()])[0].result == box.pid


def test_only_its_process_can_answer(box: Container) -> None:
    """Whoever else holds the socket may say what he likes."""
    carrier = box.carrier
    theirs = socket.socket(fileno=take(box.machine_pid, carrier))
    with theirs:
        theirs.send(b"1\n4711 0 0")
        theirs.send(str(carrier._number + 1).encode() + b"\n4711 0 0")
        assert carrier.ask([getpid()])[0].result == box.pid


def take(pid: int, carrier: Carrier) -> int:
    """A copy of the descriptor at the other end: pidfd_getfd(2)."""
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(pid)
    sockets = [int(name) for name in os.listdir(f"/proc/{pid}/fd") if "socket" in os.readlink(f"/proc/{pid}/fd/{name}")]
    assert len(sockets) == 1
    fd = libc.syscall(438, pidfd, sockets[0], 0)
    os.close(pidfd)
    assert fd >= 0
    return int(fd)


@pytest.mark.parametrize(
    ("calls", "said"),
    [
        ([close(Ref("fd"))], r"close\(fd\): no call before it in this list has a result named fd"),
        ([close(Ref("fd")), openat("/dev/null")], "no call before it"),
        ([Call("mount", (("there", (Ref("deep"),)),))], "a result named deep"),
        ([Call("close", (1.5,))], "not float: 1.5"),
        ([getpid(), Call("getpdi")], "there is no system call 'getpdi'"),
        ([Call("")], "there is no system call ''"),
        ([Call("a\0b")], "there is no system call"),
    ],
)
def test_what_no_launcher_could_carry_out_is_refused(box: Container, calls: object, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        box.carrier.ask(calls)  # type: ignore[arg-type]
    assert box.carrier.ask([getpid()])[0].result == box.pid, "it lives, and nothing has happened"


def test_no_answer_in_time_then_busy_then_the_late_answer_is_skipped(box: Container, lab: Lab) -> None:
    ours, theirs = os.pipe()
    listing = [openat("/proc/self/stat"), uname()]
    with pytest.raises(TimeExpired, match="no answer after"):
        box.carrier.ask([read_from("pipe")], {"pipe": ours}, timeout=0.05)
    with pytest.raises(Busy, match="still inside read"):
        box.carrier.ask(listing)
    os.write(theirs, b"x")
    assert box.carrier.ask(listing)[-1].name == "uname"
    os.close(ours)
    os.close(theirs)


def read_from(name: str):
    from pyctr_lab.kernel import read

    return read(Ref(name), 1)


def test_an_interrupt_right_after_an_answer_was_read(box: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for that answer a second time."""

    def press(extra: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(box.carrier, "_note", press)
    with pytest.raises(KeyboardInterrupt):
        box.carrier.ask([getpid()])
    monkeypatch.undo()
    assert box.carrier.ask([getpid()])[0].result == box.pid


def test_one_that_ends_inside_a_call_is_gone(lab: Lab) -> None:
    box = lab.container("doomed")
    with pytest.raises(Gone, match="ended inside kill"):
        box.carrier.ask([kill(box.pid, signal.SIGKILL)])
    assert os.waitstatus_to_exitcode(box.carrier.wait(lab.launcher)) == -signal.SIGKILL
    with pytest.raises(Gone):
        box.carrier.ask([getpid()])
    del lab.containers["doomed"]
    lab.reaper.forget(box.machine_pid)


def test_a_process_is_waited_for_without_being_its_parent() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    assert ended(pid, 60)
    os.waitpid(pid, 0)
    assert ended(pid, 0), "one that is no more has ended"


def test_a_descriptor_with_nothing_to_say() -> None:
    ours, theirs = os.pipe()
    assert not readable(ours, 0)
    os.close(theirs)
    assert readable(ours, 0), "its end is news"
    os.close(ours)


class Slow:
    """As select.poll, with nothing ready at first: notes how long it is asked to wait."""

    def __init__(self, empty: int) -> None:
        self.asked: list[float] = []
        self.empty = empty

    def poll(self, milliseconds: float) -> list[tuple[int, int]]:
        self.asked.append(milliseconds)
        return [(7, 1)] if len(self.asked) > self.empty else []


def test_no_wait_is_so_long_that_an_interrupt_just_before_it_is_lost() -> None:
    """Python handles a signal that comes just before poll(2) begins only when poll(2) ends."""
    slow = Slow(empty=3)
    assert polled(slow, None) == [(7, 1)]  # type: ignore[arg-type]
    assert slow.asked == [LONGEST * 1000] * 4


def test_a_wait_ends_at_its_moment() -> None:
    slow = Slow(empty=9)
    assert polled(slow, time.monotonic() - 1) == [] and slow.asked == [0.0]  # type: ignore[arg-type]
