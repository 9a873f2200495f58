"""A process that the launcher spawns by the loop of machine code, with its whole list: the notebook's end of it."""

from __future__ import annotations

import marshal
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from errno import E2BIG, EINVAL, EMFILE, ENOEXEC, ENOSYS, EPERM, EUSERS
from functools import cached_property, lru_cache
from itertools import count
from typing import Any

from ...errors import NEW_LAB, Busy, Gone
from ...kernel import constants as k
from ...kernel.arguments import Ref, Subject
from ...kernel.calls import Answer, Call, futex_wait, futex_wake
from ...kernel.syscall_numbers import numbers_here
from ...steps import Birth
from ..carrier import EXECS, Carrier, answered, ended, on_the_wire, readable, references, refuse_unknown
from . import loop
from .trace import SpawnTrace

GATE = Ref("gate")  # a word of the launcher's memory, where the process waits for what is done from outside
SHARING = k.CLONE_VM | k.CLONE_CLEAR_SIGHAND | k.CLONE_PIDFD  # what the launcher adds to the flags
OWN = (k.PR_SET_PDEATHSIG, k.PR_SET_NAME, k.PR_CAPBSET_READ, k.PR_CAPBSET_DROP, k.PR_SET_NO_NEW_PRIVS,
       k.PR_SET_SECCOMP, k.PR_SET_KEEPCAPS, k.PR_SET_SECUREBITS, k.PR_CAP_AMBIENT)  # fmt: skip
"""What prctl(2) sets of a process alone; other options may concern its memory, which it shares."""
VISIBLE = (k.PR_SET_DUMPABLE, k.SUID_DUMP_USER)
"""The one setting of shared memory that is undone by it: a change of ids has hidden the launcher's /proc files too."""
FORKED_BUT_NO_EXEC = 0x40  # PF_FORKNOEXEC of <linux/sched.h>
STARTS = count(1)  # their numbers
MASK = 128  # errnos that may be fine


class Refused(Exception):
    """The loop cannot do it: not this list, or (`here`) no list on this machine."""

    def __init__(self, why: str, *, here: bool = False) -> None:
        super().__init__(why)
        self.here = here


class SpawnedProcess:
    """A process from clone3 to exec."""

    def __init__(self, launcher: Carrier, birth: Birth, last: Sequence[Call], made: Sequence[Answer] = ()) -> None:
        """`last` are the calls after the birth's own; the very last is an execve. Raises Refused for an unfit list.

        `made` is what the launcher has done for it before.
        """
        self.launcher = launcher
        self.before = tuple(made)
        flags, *group = birth.fork.args
        assert isinstance(flags, int)
        self.clone3 = birth.fork._replace(args=(flags | SHARING, *group))
        self.leads = bool(flags & k.CLONE_NEWPID)  # it is PID 1 of a namespace
        prepared, common = tuple(birth.rest[: birth.outside]), tuple(birth.rest[birth.outside :])
        outside = [*prepared, *birth.reaching]
        first = (*([futex_wait(GATE)] if outside else []), *birth.joining)
        self.inside = (*first, *common, *last)
        why, kept = laid_out(prepared, common)
        if why:
            raise Refused(why)
        self.number = next(STARTS)
        around = (tuple(map(numbered, calls)) for calls in (first, last))
        words = (self.number, int(flags), *(group or [""]), *around, kept)
        opening = [futex_wake(GATE).from_outside()] if outside else []
        self.words, self.asked = words, [self.clone3, *outside, *opening]
        self.made: list[Answer] = []  # by the launcher
        self.carrier = Carrier(launcher)
        self.carrier.close()  # it never answers: it stands for the process

    def start(self, descriptors: Mapping[str, int]) -> None:
        """Spawn the process; return after its exec.

        Raises CallError when a call fails, Refused when it cannot be spawned like this; what is left of it then, or
        when the cell is interrupted, `give_up` takes away.
        """
        here, there = os.pipe()  # the other end is closed at exec, or when it ends
        try:
            try:
                self.made, pidfds = self.launcher.spawn(self.words, self.asked, {**descriptors, "alive": there})
            finally:
                os.close(there)
            self._note_pid(pidfds)
            readable(here)
            self._require_exec()
        finally:
            os.close(here)

    def story(self) -> tuple[Answer, ...]:
        """All calls from the first to the execve, with their times. Raises Gone where they are no longer kept."""
        process = tuple(answered(self.inside, self.trace.lines()[1:]))  # the first is that of clone3, as it saw it
        left = self.inside[len(process) :] if not (process and process[-1].failed) else ()
        return (
            *self.before,
            *self.made,
            *process,
            *(Answer(call, 0) for call in left),  # an execve that succeeds says nothing
        )

    @cached_property
    def trace(self) -> SpawnTrace:
        """What became of its calls, once it makes no more of them."""
        result, _, _, *buffers = answer_of(self.launcher, "results", self.number)
        if result == "-1":
            raise Gone("the trace of this start is no longer kept: too many others have begun since")
        return SpawnTrace(*map(bytes.fromhex, buffers))

    def _note_pid(self, pidfds: list[int]) -> None:
        clone = self.made[0]
        if clone.failed:
            old = clone.errno in (ENOSYS, EPERM, EINVAL, E2BIG)  # EPERM: a policy refuses it
            raise Refused(f"clone3: {os.strerror(clone.errno)}", here=old)
        if not pidfds:  # the launcher's pidfd could not be received: no free descriptor
            raise OSError(EMFILE, os.strerror(EMFILE))
        try:
            self.carrier.pid_there, self.carrier.machine_pid = clone.result, pid_of(pidfds[0])
        finally:
            os.close(pidfds[0])
        if self.leads:
            self.carrier.pids = (self.carrier.machine_pid, clone.result, 1)
        if self.made[-1].failed:
            raise self.made[-1].error(self.made[1:])

    def _require_exec(self) -> None:
        """Raise if its end of the pipe was not closed by exec. The kernel says which a moment later."""
        pid = self.carrier.machine_pid
        while not has_called_exec(pid):
            if ended(pid, 0):
                break
            time.sleep(0.0005)
        else:
            return
        if has_called_exec(pid):  # and has ended since
            return
        story = self.story()
        if not story[-1].failed:
            raise Gone(f"the process ended inside {self.inside[max(0, self.trace.made - 1)].bare()}")
        if (story[-1].name, story[-1].errno) == ("execvpe", ENOEXEC):
            raise Refused("ENOEXEC: no #! line; execvpe(3) of libc runs /bin/sh")
        raise story[-1].error(story)

    def give_up(self) -> None:
        """Kill it, whatever it is doing, and reap it. Without a known pid it is reaped later."""
        with suppress(Gone, Busy):
            self.launcher.request("abandon", self.number)
            if self.carrier.machine_pid:
                self.carrier.wait(self.launcher)


@lru_cache(maxsize=64)
def laid_out(outside: tuple[Call, ...], common: tuple[Call, ...]) -> tuple[str, bytes]:
    """What starts of a recipe have in common: why the loop cannot carry it (empty if it can), and marshal's form."""
    refuse_unknown(common)
    why = unfit(outside, common)
    return why, b"" if why else marshal.dumps(list(map(numbered, common)))


def unfit(outside: Iterable[Call], inside: Iterable[Call]) -> str:
    """Why the loop cannot carry a list; empty if it can."""
    if any(Subject() in call.args for call in outside):
        return "a call from outside writes its number, which is not known before it is spawned"
    known, inside = numbers_here(), list(inside)
    changed = [place for place, call in enumerate(inside) if call.name in ("setresuid", "setresgid")]
    if changed and not any(call.name == "prctl" and call.args == VISIBLE for call in inside[changed[-1] :]):
        return f"{inside[changed[-1]].bare()} hides the memory that it shares"
    for call in inside:
        if call.outside:
            return f"{call.bare()} is made from outside in the midst of its own calls"
        if call.name not in known:
            return f"{call.name} is not one of the calls that the loop makes"
        if call.name == "prctl" and call.args[0] not in OWN and call.args != VISIBLE:
            return f"{call.bare()} may concern the memory that it shares"
        if call.name == "setns" and call.args[1] == k.CLONE_NEWTIME and not (EUSERS in call.accept and exec_enters()):
            return f"{call.bare()} wants memory of its own"
        if any(references(arg) for arg in call.args if isinstance(arg, tuple)):
            return f"{call.bare()} has a result within a structure"
        if any(not 0 < errno < MASK for errno in call.accept):
            return f"{call.bare()} may fail in more ways than the loop can tell"
    return ""


def exec_enters() -> bool:
    """Whether execve(2) enters the time namespace for children. Linux 6.1 does not (its programs cannot even vfork)."""
    numbers = os.uname().release.split(".")[:2]
    return [int("".join(filter(str.isdigit, each)) or 0) for each in numbers] >= [6, 3]


def numbered(call: Call) -> tuple[Any, ...]:
    """On the wire, by its number."""
    name, *rest = on_the_wire(call)
    return (numbers_here()["execve" if name in EXECS else name], *rest)


def pid_of(pidfd: int) -> int:
    """The process that a pidfd stands for, by its number as we see it. See pidfd_open(2).

    Raises Gone for one that was reaped: the kernel says -1 then, which kill(2) takes for every process.
    """
    fd = os.open(f"/proc/self/fdinfo/{pidfd}", os.O_RDONLY | os.O_CLOEXEC)  # quicker than a file object
    try:
        number = int(os.read(fd, 4096).partition(b"\nPid:")[2].split()[0])
    finally:
        os.close(fd)
    if number <= 0:
        raise Gone("the process has ended with its lab", hint=NEW_LAB)
    return number


def has_called_exec(pid: int | str) -> bool:
    """Whether it has called execve since its fork: a flag of the kernel's, the ninth field of stat in proc(5).

    False also where it has been reaped: it may be gone before the file is looked up, opened, or read.
    """
    with suppress(FileNotFoundError, ProcessLookupError):
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
        try:
            return not int(os.read(fd, 4096).rpartition(b")")[2].split()[6]) & FORKED_BUT_NO_EXEC
        finally:
            os.close(fd)
    return False


def answer_of(launcher: Carrier, kind: str, *words: object) -> list[str]:
    """The words of an answer of one line. Raises Gone where the launcher ended before it."""
    lines = launcher.request(kind, *words)
    if not lines:
        raise Gone("the launcher has ended with its lab", hint=NEW_LAB)
    return lines[0].split(" ")


def load_loop(launcher: Carrier) -> None:
    """Give the launcher the loop. Raises Refused where there can be none."""
    code = loop.code_here()
    if not code:
        raise Refused("the loop is not written for this kind of processor yet", here=True)
    _, errno, *_ = answer_of(launcher, "load", code, loop.clock())
    if errno != "0":
        raise Refused(f"memory may not be executable: {os.strerror(int(errno))}", here=True)
