"""A program in a container: running, and then what became of it."""

from __future__ import annotations

import os
import shlex
import signal
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from socket import socket as Socket
from typing import TypeAlias

from ..cgroups import Cgroup, Reached
from ..cgroups.leftovers import thaw
from ..errors import NEW_LAB, BadInput, Gone, TimeExpired
from ..interrupts import uninterrupted
from ..kernel import proc
from ..kernel.calls import Answer
from ..kernel.checks import check_number, check_text, check_timeout, short_repr
from ..kernel.constants import AF_INET, SOCK_STREAM
from ..steps import Step
from .carrier import ended, readable
from .process import CarriedProcess, OldName, is_init
from .resources import Held, give_back
from .sockets import fetch_socket
from .streams import Streams

Trace: TypeAlias = Callable[[], tuple[Answer, ...]]  # made only when it is asked for


@dataclass
class ProgramStart:
    """What one start of a program is given, and what has been made for it."""

    command: tuple[str, ...]
    env: Mapping[str, str]
    streams: Streams
    began: float
    made: tuple[Answer, ...] = ()  # calls made before the process
    held: list[Held] = field(default_factory=list)
    cgroup: Cgroup | None = None
    machine_pid: int = 0  # of the process, once it has begun
    steps: tuple[Step, ...] = ()  # of a container that is made with it
    on_start: list[Callable[[int], None]] = field(default_factory=list)  # called with that number

    def moved_to(self, group: Cgroup) -> None:
        """Take note of a control group of its own."""
        self.cgroup = group


@dataclass(frozen=True, repr=False)
class Run:
    """What became of a program. `returncode` is negative for a signal, as in subprocess; `seconds` from call to end."""

    args: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str
    seconds: float
    reached: tuple[Reached, ...] = ()  # the limits of its control group that have acted

    @property
    def signal(self) -> str | None:
        """The name of the signal that ended it, if one did."""
        return signal_name(-self.returncode) if self.returncode < 0 else None

    @property
    def victim(self) -> str:
        """The program's name if it was killed: the kernel may have done that for want of memory."""
        return os.path.basename(self.args[0]) if self.returncode == -signal.SIGKILL else ""

    def __repr__(self) -> str:
        said = f"stdout={self.stdout!r}, stderr={self.stderr!r}"
        if self.reached:
            said += f", reached={[str(each) for each in self.reached]}"
        return f"Run({shlex.join(self.args)!r}, returncode={self.returncode}, {said})"


class Program:
    """A running program. `pid` is its number as the lab's host sees it, `machine_pid` as the notebook does."""

    host_pid = OldName("machine_pid")

    def __init__(self, start: ProgramStart, process: CarriedProcess, trace: Trace) -> None:
        self.args = start.command
        self.machine_pid = start.machine_pid = process.machine_pid
        self.pid = process.pid
        self.began = start.began
        self.steps = start.steps  # those of its start; none where the container was there before
        self.result: Run | None = None
        self.cgroup = start.cgroup  # its own, when it was given limits; removed at its end
        self._start = start
        self._process = process
        self._trace = trace
        self._waiting = threading.RLock()  # one thread at a time: its end can be fetched once
        self._streams = start.streams
        self._meanwhile = process.reap_visitors if is_init(process.carrier) else None
        try:
            self._pidfd = os.pidfd_open(self.machine_pid)
        except ProcessLookupError:  # no other process reaps it: so its lab has ended, and it too
            raise Gone(f"{shlex.join(self.args)} has ended with its lab", hint=NEW_LAB) from None
        self._descriptors = weakref.finalize(self, close_program, self._streams, self._pidfd)  # where no caller waits

    @cached_property
    def story(self) -> tuple[Answer, ...]:
        """All calls of its start, from fork or clone3 to execve, with their times."""
        return self._trace()

    @property
    def stdout(self) -> str:
        """What it has written to its standard output so far."""
        return self._streams.text("stdout")

    @property
    def stderr(self) -> str:
        """What it has written to its standard error so far."""
        return self._streams.text("stderr")

    @property
    def held(self) -> list[Held]:
        """The resources that were made for it, given back at its end."""
        return self._start.held

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self.result is None and not readable(self._pidfd, 0)

    def socket(self, domain: int = AF_INET, type: int = SOCK_STREAM) -> Socket:
        """A socket of its network namespace, in the notebook. Raises CallError as the kernel says, Gone at its end."""
        return fetch_socket(self._process, domain, type)

    def poll(self) -> int | None:
        """Its exit status, or None while it runs."""
        return self.wait().returncode if self.result or ended(self.machine_pid, 0) else None

    @uninterrupted()
    def wait(self, timeout: float | None = None) -> Run:
        """Waits for its end. Raises TimeExpired after `timeout` seconds; the program goes on then."""
        timeout = check_timeout(timeout)
        until = None if timeout is None else time.monotonic() + timeout
        if not self._waiting.acquire(timeout=-1 if timeout is None else min(max(0.0, timeout), threading.TIMEOUT_MAX)):
            raise self._late(timeout)
        try:
            if self.result:
                return self.result
            left = None if until is None else until - time.monotonic()
            if not self._streams.pump(self._pidfd, left, self._meanwhile):
                raise self._late(timeout)
            seconds = time.monotonic() - self.began
            status = self._process.wait_status()
            self.result = self._run(os.waitstatus_to_exitcode(status), seconds)
            self._let_go()
            return self.result
        finally:
            self._waiting.release()

    def _late(self, timeout: float | None) -> TimeExpired:
        return TimeExpired(f"{shlex.join(self.args)} had not ended after {timeout} s", run=self._run(0))

    def kill(self, signal_number: int = signal.SIGKILL) -> None:
        """Send a signal, SIGKILL by default. Nothing happens to a program that has ended."""
        check_number(signal_number, "a signal", most=signal.SIGRTMAX)
        if not self.result:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal_number)

    @uninterrupted()
    def finish(self, timeout: float | None = None) -> Run:
        """Waits for its end and, should the time run out or the cell be interrupted, makes it end."""
        try:
            return self.wait(timeout)
        except TimeExpired as why:
            why.run = self.end()
            why.hint = "it was killed; give a longer timeout"
            raise
        except BaseException:  # an interrupted cell: nothing may go on behind its back
            self.end()
            raise

    @uninterrupted(firm=True)
    def end(self) -> Run:
        """End it, and what it has started: a shell's programs would outlive the shell. Wait for its end."""
        below = proc.descendants(self.machine_pid)
        self.kill()
        thaw(self.machine_pid)
        for pid in below:
            thaw(pid)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return self.wait()

    def _run(self, returncode: int, seconds: float = 0.0) -> Run:
        run = Run(self.args, returncode, self.stdout, self.stderr, seconds)
        there = self.cgroup is not None and self.cgroup.is_there
        return replace(run, reached=self.cgroup.reached(run.victim)) if self.cgroup and there else run

    def _let_go(self) -> None:
        self._descriptors()
        give_back(self._start.held, self.cgroup)

    def __repr__(self) -> str:
        return f"Program({shlex.join(self.args)!r})"


@uninterrupted(firm=True)
def close_program(streams: Streams, pidfd: int) -> None:
    """Closes what a program is held by."""
    streams.close()
    os.close(pidfd)


def signal_name(number: int) -> str:
    """The name in signal(7); the real-time ones are counted from the first."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIGRTMIN+{number - signal.SIGRTMIN}"


def as_words(text: str) -> list[str]:
    """A command line as a list that means the same: its words, or one text for a shell where only a shell reads it."""
    try:
        words = shlex.split(text)
        marks = list(shlex.shlex(text, posix=True, punctuation_chars=True))
        plain = words == marks and not set(text) & set("*?~") and not any(set(word) <= set("&|;<>()") for word in words)
    except ValueError:  # a quotation that does not end
        return text.split()
    return words if plain else ["sh", "-c", text]


def check_command(argv: Iterable[str]) -> tuple[str, ...]:
    """A command as a list of words, refused if it is one text or empty."""
    if isinstance(argv, str):
        words = repr(as_words(argv))
        raise BadInput(f"a command is a list of words, not one text: {short_repr(argv)}", hint=f"write {words:.400}")
    try:
        command = tuple(os.fspath(word) for word in argv)
    except TypeError as why:
        raise BadInput(f"a command is a list of words: {why}", hint='a number is written as text: "1"') from None
    for word in command:
        check_text(word, "a word of a command")
    if not command or not command[0]:
        raise BadInput("no program to run: the command is empty")
    return command
