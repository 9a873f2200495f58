"""A carrier: a live process that obeys one list of calls at a time. Here is the notebook's end of the way to it."""

from __future__ import annotations

import ctypes
import marshal
import os
import select
import socket
import struct
import threading
import time
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any

from ..errors import BadInput, Busy, Gone, TimeExpired
from ..interrupts import uninterrupted, waiting
from ..kernel import proc
from ..kernel.arguments import Argument, ProcFile, Ref, Spelled, SubjectBytes
from ..kernel.calls import Answer, Call, fork, getpid, wait4
from ..kernel.checks import short_repr
from ..kernel.descriptors import open_standard_streams
from ..kernel.netlink import spell_answer
from ..kernel.syscall_numbers import numbers_here

MESSAGE = 150_000  # bytes of one message that a SEQPACKET socket takes with the usual buffers; a longer one is a file
ANSWER = 1 << 20
ANCILLARY = socket.CMSG_SPACE(12) + socket.CMSG_SPACE(4)  # the sender's pid, and one descriptor
LONGEST = 1.0  # seconds of one poll(2)
GRACE = 0.5  # seconds for a call that an interrupted cell did not wait for: most end at once
EXECS = ("execve", "execvpe")
libc = ctypes.CDLL(None)


_carriers: weakref.WeakSet[Carrier] = weakref.WeakSet()


def hang_up() -> None:
    """In a process that the notebook has forked: else the lab would live as long as that one, too."""
    for carrier in list(_carriers):
        carrier.close()


os.register_at_fork(after_in_child=hang_up)


class Carrier:
    """One process that obeys. `parent` is the carrier that forked it; the outer world's first has none."""

    def __init__(self, parent: Carrier | None) -> None:
        self.parent = parent
        self.pid_there = 0  # its number as `parent` sees it: what fork returned there
        self.machine_pid = 0  # as we see it: the kernel stamps it on each answer, translated
        self.waiting_for: Call | None = None  # last call of the list whose answer is not read yet
        self.closed = False
        self.prompt = False  # it never stays long in a call: no interrupt while it is asked something
        self._handed: list[int] = []  # descriptors that came with the last answer
        self._number = 0
        self._lock = threading.RLock()
        open_standard_streams()  # else the control socket would be a program's standard input
        self.ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        _carriers.add(self)

    # --- the one way of a list
    def ask(
        self, calls: Sequence[Call], descriptors: Mapping[str, int] | None = None, *, timeout: float | None = None
    ) -> list[Answer]:
        """Have a list carried out. Return as many answers as calls were made: the last may be the first failure.

        Raises Gone when the process has ended, Busy when it is still inside an earlier call, TimeExpired when no
        answer came in `timeout` seconds: the process is inside the call then, and stays there.
        """
        with self._lock, uninterrupted(firm=self.prompt):
            refuse_unknown(calls, descriptors or ())
            list_of_calls = list(map(on_the_wire, calls))
            lines = self.request("calls", list_of_calls, calls=calls, given=descriptors, timeout=timeout)
            answers = list(answered(calls, lines))
            execs = bool(calls) and calls[-1].name in EXECS and len(answers) == len(calls) - 1
            if execs and not any(answer.failed for answer in answers):
                self.waiting_for = calls[-1]
                late = list(answered(calls[-1:], self._receive(timeout)))  # silence is success
                answers += late or [Answer(calls[-1], 0)]
            return complete(calls, answers)

    @uninterrupted()
    def fork(self, calls: Sequence[Call] = (fork(),)) -> tuple[list[Answer], Carrier]:
        """Have a list carried out whose last call is a fork; return the child too, on a channel of its own."""
        child = Carrier(self)
        *before, last = calls
        refuse_unknown(before)
        flags, group, *_ = (*map(_plain, last.args), "")
        try:
            given = {"channel": child.theirs.fileno()}
            lines = self.request("fork", list(map(on_the_wire, before)), flags, group, calls=calls, given=given)
            answers = complete(calls, answered(calls, lines))
        except BaseException:
            child.close()
            raise
        finally:
            child.theirs.close()
        child.pid_there = answers[-1].result
        if answers[-1].failed:
            child.close()
        return answers, child

    @uninterrupted()
    def spawn(
        self,
        words: tuple[Any, ...],
        calls: Sequence[Call],
        given: Mapping[str, int],
    ) -> tuple[list[Answer], list[int]]:
        """Have the launcher spawn a process; return its pidfd too, if there is one. See launcher/main.py, "spawn".

        `calls` are the clone3, those made from outside, and last, if there are any, the one that opens the gate.
        """
        outside, opening = map(on_the_wire, calls[1:-1]), map(on_the_wire, calls[1:][-1:])
        with self._lock, uninterrupted(firm=self.prompt):  # else another thread's answer closes the pidfd
            lines = self.request("spawn", words, list(outside), list(opening), calls=calls, given=given)
            answers = complete(calls, answered(calls, lines))
            handed, self._handed = self._handed, []
            return answers, handed

    # --- identity
    def find_machine_pid(self) -> int:
        """Its number in the notebook's own pid namespace; asks once."""
        if not self.machine_pid:
            self.ask([getpid()])
        return self.machine_pid

    @cached_property
    def pids(self) -> tuple[int, ...]:
        """Its number in our pid namespace, and in each further in. Raises Gone when it has ended."""
        try:
            return proc.nspid(self.find_machine_pid())
        except ProcessLookupError:
            raise Gone("the process has ended") from None

    def pid_for(self, other: Carrier) -> int:
        """Its number as another carrier sees it: what fork returned there, or what /proc says."""
        return self.pid_there if self.parent is other else self.pids[len(other.pids) - 1]

    # --- its end
    @uninterrupted()
    def wait(self, reaper: Carrier, timeout: float | None = None) -> int:
        """Wait for its end; its exit status as wait4(2) gives it. The reaper itself never blocks.

        `reaper` is the carrier whose child it is. Raises TimeExpired after `timeout` seconds.
        """
        pid = self.pid_for(reaper)
        if not ended(self.machine_pid, timeout):
            raise TimeExpired(f"process {pid} had not ended after {timeout} s")
        self.close()
        (answer,) = reaper.ask([wait4(pid)])
        return int.from_bytes((answer.buffers or (bytes(4),))[0], "little")

    def close(self) -> None:
        """Close the channel: a carrier without one ends by itself."""
        self.closed = True
        self.ours.close()
        self.theirs.close()

    # --- messages
    def request(
        self,
        kind: str,
        *words: Any,
        calls: Sequence[Call] = (),
        given: Mapping[str, int] | None = None,
        timeout: float | None = None,
    ) -> list[str]:
        """Send a message, and return the lines of its answer. See launcher/main.py for the kinds and their words.

        `calls` is what the process may be inside of when an answer is late. Raises as `ask`.
        """
        with self._lock, uninterrupted(firm=self.prompt):
            self._send(kind, words, calls[-1] if calls else Call(kind), given or {})
            return self._receive(timeout)

    def _send(self, kind: str, words: tuple[Any, ...], last: Call, descriptors: Mapping[str, int]) -> None:
        if self.closed:
            raise Gone("the process has ended")
        self._settle()
        message = marshal.dumps((str(self._number + 1), kind, tuple(descriptors), words))
        self._number += 1
        self.waiting_for = last
        try:
            self._put(message, list(descriptors.values()))
        except (BrokenPipeError, ConnectionResetError):
            raise Gone("the process has ended") from None

    def _put(self, message: bytes, descriptors: list[int]) -> None:
        if len(message) <= MESSAGE:
            socket.send_fds(self.ours, [message], descriptors)
            return
        file = os.memfd_create("message", os.MFD_CLOEXEC)
        try:
            os.write(file, message)
            socket.send_fds(self.ours, [b""], [file, *descriptors])
        finally:
            os.close(file)

    def _settle(self) -> None:
        """An interrupted cell may have left an answer unread, or the process inside its call."""
        if self.waiting_for is None:
            return
        if not readable(self.ours.fileno(), GRACE):
            raise Busy(f"still inside {self.waiting_for.bare()}", hint="`.kill()` ends the process; the lab lives on")
        self.waiting_for = None  # `_receive` skips it by its number

    def _receive(self, timeout: float | None = None) -> list[str]:
        """Only text and numbers: a process that a lesson has let loose is not to be trusted with more."""
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            left = None if until is None else max(0.0, until - time.monotonic())
            asked = self.waiting_for
            if not readable(self.ours.fileno(), left):
                who = asked.bare() if asked else "the process"
                raise TimeExpired(f"no answer after {timeout} s from {who}", hint="`.kill()` ends the process")
            self.waiting_for = None  # before it is read: after an interrupt in between it would be waited for in vain
            try:
                data, extra, _, _ = self.ours.recvmsg(ANSWER, ANCILLARY, socket.MSG_CMSG_CLOEXEC)
            except ConnectionResetError:
                return []
            if not data:
                return []
            if not self._note(extra):
                self.waiting_for = asked
                continue
            number, *lines = data.decode("ascii", "replace").split("\n")
            if number == str(self._number):
                return lines
            self.waiting_for = asked

    def _note(self, extra: list[Any]) -> bool:
        """Keep the descriptors that came, and the sender's pid. False for a message of any other process."""
        while self._handed:  # not taken: the cell was interrupted
            os.close(self._handed.pop())
        for _, kind, data in extra:
            if kind == socket.SCM_RIGHTS:
                self._handed += struct.unpack(f"{len(data) // 4}i", data)
            if kind == socket.SCM_CREDENTIALS:
                pid = struct.unpack("3i", data)[0]
                if self.machine_pid not in (0, pid):
                    return False
                self.machine_pid = pid
        return True


def ended(pid: int, timeout: float | None = None) -> bool:
    """Wait until a process has ended (it may still be a zombie); False after `timeout` seconds."""
    try:
        pidfd = os.pidfd_open(pid)  # the number is not reused: only we reap it
    except ProcessLookupError:
        return True
    try:
        return readable(pidfd, timeout)
    finally:
        os.close(pidfd)


def readable(fd: int, timeout: float | None = None) -> bool:
    """Wait until a descriptor is readable; False after `timeout` seconds. poll(2) takes any number."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    if timeout == 0:
        return bool(poll.poll(0))
    with waiting():
        return bool(polled(poll, None if timeout is None else time.monotonic() + timeout))


def polled(poll: select.poll, until: float | None) -> list[tuple[int, int]]:
    """poll(2) until something is ready, or that moment of the monotonic clock: then nothing is.

    Python notes a signal that comes just before poll(2) begins, and handles it when that ends: so none is long.
    """
    while True:
        left = LONGEST if until is None else min(LONGEST, until - time.monotonic())
        found = poll.poll(milliseconds(left))
        if found or (until is not None and time.monotonic() >= until):
            return found


def milliseconds(seconds: float) -> float:
    """As poll(2) takes them: a C int, which holds 24 days."""
    return min(max(0.0, seconds * 1000), 2**31 - 1)


@lru_cache(maxsize=4096)
def on_the_wire(call: Call) -> tuple[Any, ...]:
    """Only what marshal knows: the launcher has none of our classes."""
    return (call.name, _plain(call.args), call.accept, call.result, call.own_errno)


def _plain(arg: Argument) -> Any:
    match arg:
        case Ref(name):
            return [name]
        case ProcFile(name):
            return ["/proc/", "pid", f"/{name}"]
        case SubjectBytes(before, after):
            return [before, "pid", after]
        case int():
            return int(arg)
        case bytes():
            return bytes(arg)
        case tuple():
            return tuple(map(_plain, arg))
        case str() | None:
            return arg
    raise BadInput(f"a system call takes numbers, text, bytes and tuples of them, not {type(arg).__name__}: {arg!r}")


def refuse_unknown(calls: Iterable[Call], descriptors: Iterable[str] = ()) -> None:
    """Raises BadInput where a call refers to a result that none before it has, for the launcher to put there."""
    known = set(descriptors)
    for call in calls:
        if not exists(call.name):
            raise BadInput(f"there is no system call {short_repr(call.name)}", hint="see pyctr_lab.kernel")
        unknown = next((name for name in references(call.args) if name not in known), None)
        if unknown is not None:
            raise BadInput(
                f"{call.bare()}: no call before it in this list has a result named {unknown}",
                hint=f'name one, .named("{unknown}"), and have both made in one list',
            )
        known.add(call.result)


@lru_cache(maxsize=256)
def exists(name: str) -> bool:
    """Whether the launcher can make a call of this name: libc wraps it, or its number is known."""
    return name in numbers_here() or (isinstance(name, str) and name.isidentifier() and hasattr(libc, name))


def references(args: Iterable[Argument]) -> list[str]:
    """The names of the results that arguments refer to, however deep."""
    found = []
    for arg in args:
        if isinstance(arg, Ref):
            found.append(arg.name)
        elif isinstance(arg, tuple):
            found += references(arg)
    return found


def complete(calls: Sequence[Call], answered: Iterable[Answer]) -> list[Answer]:
    """All answers to a list. Raises Gone where calls after the last success have none: the process has ended."""
    answers = list(answered)
    if len(answers) < len(calls) and not (answers and answers[-1].failed):
        raise Gone(f"the process ended inside {calls[len(answers)].bare()}")
    return answers


def answered(calls: Sequence[Call], lines: Sequence[str]) -> Iterator[Answer]:
    """What became of each call, of as many as there are lines."""
    known: dict[str, int] = {}  # what strace would show instead of a reference
    for call, line in zip(calls, lines, strict=False):
        result, errno, nanoseconds, *buffers = line.split(" ")
        if any(isinstance(arg, Ref) for arg in call.args):
            args = tuple(known.get(arg.name, arg) if isinstance(arg, Ref) else arg for arg in call.args)
            call = call._replace(args=args)
        if call.result:
            known[call.result] = int(result)
        written = tuple(map(bytes.fromhex, buffers))
        if call.own_errno >= 0 and written:
            answer = Spelled(written[0], spell_answer(written[0]))
            call = call._replace(args=tuple(answer if isinstance(arg, bytes) else arg for arg in call.args))
        yield Answer(call, int(result), int(errno), int(nanoseconds) / 1e9, written)
