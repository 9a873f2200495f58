"""The launcher by itself: a small program that needs no privilege, talked to over its socket."""

from __future__ import annotations

import errno
import marshal
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyctr_lab.launcher import MAIN
from pyctr_lab.runtime.outer_world import start_launcher


def pair() -> tuple[socket.socket, socket.socket]:
    """Our end, on whose messages the kernel stamps our pid, and the launcher's."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    return ours, theirs


class Talk:
    """Its other end: sends lists, reads answers."""

    def __init__(self) -> None:
        self.ours, theirs = pair()
        with theirs:
            self.process = start_launcher(theirs.fileno())

    def ask(self, *calls: tuple[str, tuple[object, ...]], fine: tuple[int, ...] = (), names: tuple[str, ...] = ()):
        """Each call as (name, arguments); the first result is called `first`, the others have their place's number."""
        results = ["first", *map(str, range(1, len(calls)))]
        wire = [(name, args, fine, result, -1) for result, (name, args) in zip(results, calls, strict=False)]
        self.ours.send(marshal.dumps(("7", "calls", names, (wire,))))
        return self.listen()

    def listen(self) -> list[list[str]]:
        number, *lines = self.ours.recv(1 << 20).decode().split("\n")
        assert number == "7"
        return [line.split() for line in lines]


@pytest.fixture
def talk() -> Iterator[Talk]:
    made = Talk()
    yield made
    made.ours.close()
    assert made.process.wait(5) == 0, "with nobody left to obey it ends by itself"


def test_it_answers_with_result_errno_and_time(talk: Talk) -> None:
    ((result, errno, took),) = talk.ask(("getpid", ()))
    assert (int(result), errno) == (talk.process.pid, "0") and int(took) >= 0


def test_a_list_ends_at_its_first_failure(talk: Talk) -> None:
    lines = talk.ask(("getpid", ()), ("close", (999,)), ("getpid", ()))
    assert [line[:2] for line in lines[1:]] == [["-1", "9"]]


def test_unless_that_errno_is_fine(talk: Talk) -> None:
    assert len(talk.ask(("close", (999,)), ("getpid", ()), fine=(9,))) == 2


def test_a_result_is_referred_to_by_its_name(talk: Talk) -> None:
    opened, first, second = talk.ask(
        ("openat", (-100, "/dev/null", os.O_RDONLY)), ("close", (["first"],)), ("close", (["first"],))
    )
    assert int(opened[0]) > 2 and first[0] == "0"
    assert second[:2] == ["-1", "9"], "it is closed"


def test_what_the_kernel_wrote_comes_back(talk: Talk) -> None:
    ((_, _, _, buffer),) = talk.ask(("uname", (bytes(390),)))
    assert bytes.fromhex(buffer).startswith(b"Linux\0")


def test_what_it_did_not_write_to_does_not(talk: Talk) -> None:
    (line,) = talk.ask(("access", ("/", 0)))
    assert len(line) == 3


def test_a_child_obeys_a_channel_of_its_own(talk: Talk) -> None:
    ours, theirs = pair()
    with ours, theirs:
        message = marshal.dumps(("7", "fork", ("channel",), ([], 0, "")))
        socket.send_fds(talk.ours, [message], [theirs.fileno()])
        ((child, _, _),) = talk.listen()
        theirs.close()
        ours.send(marshal.dumps(("8", "calls", (), ([("getppid", (), (), "", -1)],))))
        number, line = ours.recv(1 << 16).decode().split("\n")
        assert number == "8" and int(line.split()[0]) == talk.process.pid
    ((reaped, _, _),) = talk.ask(("wait4", (int(child), bytes(4), 0, None)))
    assert reaped == child, "its channel is closed: the child has ended, with status 0, which is what the buffer held"


def test_another_process_may_say_what_it_likes(talk: Talk) -> None:
    """A container that gets hold of the socket, say: the launcher neither obeys it nor ends."""
    message = marshal.dumps(("7", "calls", (), ([("getpid", (), (), "", -1)],)))
    for said in (message, b"", b"hello", os.urandom(100), marshal.dumps(None)):
        pid = os.fork()
        if not pid:
            talk.ours.send(said)
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
    talk.ours.settimeout(0.1)
    with pytest.raises(TimeoutError):
        talk.ours.recv(1 << 16)
    talk.ours.settimeout(None)
    assert talk.ask(("getpid", ()))[0][0] == str(talk.process.pid)


@pytest.mark.parametrize("said", [b"", b"hello", b"\xff" * 50, marshal.dumps(None), marshal.dumps(("7",))])
def test_what_is_no_message_does_not_end_it(talk: Talk, said: bytes) -> None:
    talk.ours.send(said)
    assert talk.ask(("getpid", ()))[0][0] == str(talk.process.pid)


@pytest.mark.parametrize(
    "call",
    [("no_such_call", ()), ("write", (1, ["nothing"], 1)), ("write", (1, "\ud800", 1)), ("fork", ()), ("vfork", ()),
     ("write", ({}, 1))],
)  # fmt: skip
def test_what_is_no_call_fails_and_does_not_end_it(talk: Talk, call: tuple[str, tuple[object, ...]]) -> None:
    assert int(talk.ask(call)[0][0]) == -1
    assert talk.ask(("getpid", ()))[0][0] == str(talk.process.pid)


@pytest.mark.parametrize(
    ("kind", "words"),
    [("fork", ()), ("fork", ([], "x", 1)), ("spawn", ((1,), [], [])), ("results", (7,)), ("load", (1,)),
     ("abandon", (7,)), ("calls", (7,))],
)  # fmt: skip
def test_a_message_with_invalid_words_fails_and_does_not_end_it(
    talk: Talk, kind: str, words: tuple[object, ...]
) -> None:
    talk.ours.send(marshal.dumps(("7", kind, (), words)))
    assert int(talk.listen()[-1][0]) == -1
    assert talk.ask(("getpid", ()))[0][0] == str(talk.process.pid)


def test_a_text_holds_an_earlier_result(talk: Talk) -> None:
    pid, opened = talk.ask(("getpid", ()), ("openat", (-100, ["/proc/", "first", "/comm"], os.O_RDONLY)))
    assert int(pid[0]) == talk.process.pid and opened[1] == "0"


def test_a_message_may_be_longer_than_a_socket_takes(talk: Talk) -> None:
    file = os.memfd_create("message")
    os.write(file, marshal.dumps(("7", "calls", (), ([("access", ("x" * 1_000_000, 0), (), "", -1)],))))
    socket.send_fds(talk.ours, [b""], [file])
    os.close(file)
    assert talk.listen()[0][:2] == ["-1", str(errno.ENAMETOOLONG)]


@pytest.mark.parametrize("number", [signal.SIGCHLD, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1])
def test_signals_that_its_parent_ignores_it_does_not(number: signal.Signals) -> None:
    before = signal.signal(number, signal.SIG_IGN)
    try:
        talk = Talk()
    finally:
        signal.signal(number, before)
    talk.ask(("getpid", ()))
    status = dict(line.split(":\t") for line in Path(f"/proc/{talk.process.pid}/status").read_text().splitlines())
    talk.ours.close()
    talk.process.wait()
    assert (status["SigIgn"], status["SigBlk"]) == ("0" * 16, "0" * 16)


def test_it_is_small_and_has_nothing_of_ours() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        command = [sys.executable, "-I", "-S", "-X", "importtime", str(MAIN), str(theirs.fileno())]
        ours.shutdown(socket.SHUT_RDWR)  # nobody to obey: it ends at once, having imported all that it needs
        done = subprocess.run(command, pass_fds=[theirs.fileno()], capture_output=True, text=True, check=True)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "ctypes" in imported
    assert not {"re", "socket", "threading", "pyctr_lab"} & imported


def test_a_list_that_fails_leaves_nothing_open(talk: Talk) -> None:
    held = f"/proc/{talk.process.pid}/fd"
    talk.ask(("getpid", ()))
    before = os.listdir(held)
    for path, last in (("/proc/self/uid_map", ("write", (["first"], "nonsense", 8))), ("/dev/null", ("close", (999,)))):
        assert talk.ask(("openat", (-100, path, os.O_RDWR)), last)[1][0] == "-1"
    assert os.listdir(held) == before
    assert talk.ask(("openat", (-100, "/dev/null", 0)))[0][1] == "0" and len(os.listdir(held)) == len(before) + 1
