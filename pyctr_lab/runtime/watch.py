"""Watch system calls of a live container, and refuse some, by seccomp's user notification. See seccomp_unotify(2).

The container's process loads a filter with a listener, which the notebook takes over (pidfd_getfd(2)) and whose copy
the process closes. A thread of the notebook receives each watched call, reads its paths, and answers.

To let a call go on is no wall: another thread of the process can change the path between this look and the kernel's
own. To refuse is safe; a policy that must hold is a filter (`Seccomp`), or what the file system forbids.

No call waits for ever: as long as the container lives its calls are answered, also when the watch is closed, for
without a listener each would fail with ENOSYS, and no program start. If the notebook's process dies, its lab ends.
"""

from __future__ import annotations

import errno as errnos
import os
import queue
import select
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from errno import EACCES, EBUSY
from functools import partial
from html import escape
from typing import Any, Literal, Self, TypeAlias

from ..errors import BadInput, Busy, Gone, LabError, TimeExpired, in_one_line
from ..interrupts import uninterrupted, waiting
from ..kernel import constants as k
from ..kernel import proc
from ..kernel.arguments import Spelled, Struct
from ..kernel.calls import Answer, Call, close, getpid, prctl
from ..kernel.checks import check_count, check_list, check_timeout, short_repr
from ..kernel.filters import check_syscall_names, encode_program, notify_program
from ..kernel.filters.policy import MOST_ERRNO
from ..kernel.signatures import paths_in, read_texts
from ..kernel.syscall_table import SYSCALLS
from .process import CarriedProcess
from .sockets import fetch_descriptor
from .watched import GONE, WAITING, Listener, Notification, WatchedCall, errno_name, identify, read_memory

Verdict: TypeAlias = int | str | None
Decide: TypeAlias = Callable[[WatchedCall], Verdict]
MOST_KEPT = 10_000
PATIENCE = 1.0  # seconds that a process which obeys the notebook waits for a decision
SHOWN, WIDEST = 20, 160  # calls of a table, and characters of one
# The live process makes these for each list, also before the notebook has the listener: found by watching all calls.
# clock_gettime is a call where there is no vDSO; the kernel itself makes restart_syscall and rt_sigreturn needful.
NEEDED = (
    *("sendmsg", "recvmsg", "mmap", "munmap", "mremap", "brk", "madvise", "clock_gettime"),
    *("restart_syscall", "rt_sigreturn"),
)

_watches: weakref.WeakSet[CallWatch] = weakref.WeakSet()


def _let_go_in_child() -> None:
    """In a process that the notebook has forked: calls would wait for that one, too, once the notebook has ended."""
    for watch in list(_watches):
        watch.listener.close()


os.register_at_fork(after_in_child=_let_go_in_child)


class CallWatch:
    """Calls of one container, as they come. Made by `Container.watch`; see there for `decide`.

    `calls` are the first 10,000; `dropped` counts later ones.
    """

    def __init__(self, listener: Listener, depth: int, decide: Decide | Literal["ask"] | None) -> None:
        self.listener = listener
        self.dropped = 0
        self.error = ""  # the first that `decide` raised
        self._depth = depth  # of the lab's PID namespace below ours
        self._decide = decide
        self._names = {number: name for name, number in SYSCALLS[os.uname().machine].items()}
        self._kept: list[WatchedCall] = []
        self._count = 0
        self._pending: dict[int, tuple[WatchedCall, int, int, float]] = {}  # number -> call, id, when it came, patience
        self._silent = True  # closed, or not begun: each call goes on, unseen
        self._changed = threading.Condition(threading.RLock())
        self._questions: queue.SimpleQueue[WatchedCall | None] = queue.SimpleQueue()
        _watches.add(self)
        self._server = threading.Thread(target=self._serve, name="watch", daemon=True)
        self._server.start()
        if callable(decide):
            threading.Thread(target=self._decide_all, args=(decide,), name="watch decides", daemon=True).start()

    # --- seen
    @property
    def calls(self) -> list[WatchedCall]:
        """The calls until now, in the order in which they came."""
        return self._kept[:]

    @property
    def waiting(self) -> list[WatchedCall]:
        """The calls that wait for an answer."""
        with self._changed:
            self._forget_the_dead()
            return [call for call, *_ in self._pending.values()]

    @property
    def closed(self) -> bool:
        """Whether it was closed, or its container has ended."""
        return self._silent

    # --- answered
    @uninterrupted()
    def next_waiting(self, timeout: float | None = None) -> WatchedCall:
        """Wait until a call waits for an answer; the first. Raises TimeExpired, and Gone when the watch is closed."""
        timeout = check_timeout(timeout)
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            with self._changed:
                if found := self.waiting:
                    return found[0]
                if self._silent:
                    raise Gone("this watch has ended: no call waits", hint="box.watch() of a live container")
                left = 1.0 if until is None else min(1.0, until - time.monotonic())
                if left <= 0:
                    raise TimeExpired(f"no call waited within {timeout} s")
                with waiting():
                    self._changed.wait(left)

    @uninterrupted(firm=True)
    def answer(self, call: WatchedCall, errno: int | str | None = None) -> None:
        """Let a call go on that waits, or refuse it with an errno: `EPERM` by name or number.

        Raises BadInput for a call that does not wait (any more).
        """
        if not isinstance(call, WatchedCall):
            raise BadInput(f"{short_repr(call)} is no watched call", hint="one of watch.waiting")
        number = errno_number(errno)
        if not self._finish(call, number):
            ways = {"": "it has gone on", GONE: "its process has ended, or a signal came"}
            how = ways.get(call.answer, f"refused: {call.answer}")
            raise BadInput(f"{shortened(str(call))} does not wait for an answer: {how}", hint="see watch.waiting")

    @uninterrupted(firm=True)
    def close(self) -> None:
        """Watch no more: calls that wait go on, and so do all that come. Twice is fine.

        The thread lives on until the container ends: without it the kernel would refuse the calls with ENOSYS.
        """
        with self._changed:
            self._silent = True
            for call, *_ in list(self._pending.values()):
                self._finish(call, 0)
            self._changed.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- the thread
    def begin(self) -> None:
        """Watch from now on."""
        self._silent = False

    def _serve(self) -> None:
        """Receive calls until no process is left that has the filter."""
        poll = select.poll()
        poll.register(self.listener.fd, select.POLLIN)
        try:
            while True:
                ready = dict(poll.poll(self._patience_left()))
                if any(events & select.POLLIN for events in ready.values()):
                    self._receive()
                elif ready:
                    return
                self._forget_the_dead()
                self._let_the_impatient_go()
        finally:
            self._end()

    def _receive(self) -> None:
        seen = self.listener.receive()
        if seen is None:
            return
        if self._silent:
            self.listener.send(seen.id)
            return
        came = time.monotonic_ns()
        call = self._look_at(seen)
        with self._changed:
            self._keep(call)
            patience = time.monotonic() + PATIENCE if self._decide and obeys(seen.thread) else float("inf")
            self._pending[call.number] = (call, seen.id, came, patience)
            if self._decide is None or self._silent:
                self._finish(call, 0)
            elif self._decide == "ask":
                self._changed.notify_all()
            else:
                self._questions.put(call)

    def _look_at(self, seen: Notification) -> WatchedCall:
        name = self._names[seen.number]
        program, pid = identify(seen.thread, self._depth)
        texts = read_texts(name, seen.arguments, partial(read_memory, seen.thread))
        if not self.listener.valid(seen.id):  # another process may have the number now
            program, pid, texts = "", 0, {}
        self._count += 1
        return WatchedCall(self._count, pid, program, name, seen.arguments, paths_in(name, texts), texts=texts)

    def _keep(self, call: WatchedCall) -> None:
        if len(self._kept) < MOST_KEPT:
            self._kept.append(call)
        else:
            self.dropped += 1

    def _finish(self, call: WatchedCall, errno: int) -> bool:
        """Answer a call that waits. False if it does not."""
        with self._changed:
            found = self._pending.pop(call.number, None)
            if found is None:
                return False
            call, id, came, _ = found
            call.waited_ns = time.monotonic_ns() - came
            call.answer = errno_name(errno) if errno else ""  # before it goes on: what follows from it may be seen
            if not self.listener.send(id, errno):
                call.answer = GONE
            return True

    def _patience_left(self) -> float | None:
        """Milliseconds until the first process that obeys has waited long enough; None without one."""
        with self._changed:
            soonest = min((patience for *_, patience in self._pending.values()), default=float("inf"))
        return None if soonest == float("inf") else max(0.0, (soonest - time.monotonic()) * 1000 + 1)

    def _let_the_impatient_go(self) -> None:
        now = time.monotonic()
        with self._changed:
            for call, _, _, patience in list(self._pending.values()):
                if patience <= now:
                    self._finish(call, 0)

    def _forget_the_dead(self) -> None:
        """Take calls that can get no answer any more for gone."""
        with self._changed:
            for number, (call, id, *_) in list(self._pending.items()):
                if not self.listener.valid(id):
                    del self._pending[number]
                    call.answer = GONE

    def _end(self) -> None:
        with self._changed:
            self._silent = True
            self.listener.close()
            for call, *_ in self._pending.values():
                call.answer = GONE
            self._pending.clear()
            self._changed.notify_all()
        self._questions.put(None)

    # --- the caller's function
    def _decide_all(self, decide: Decide) -> None:
        """Ask the caller's function of one call after the other: it may take its time, and only programs wait."""
        while (call := self._questions.get()) is not None:
            if call.answer == WAITING:
                self._finish(call, self._decided(decide, call))

    def _decided(self, decide: Decide, call: WatchedCall) -> int:
        try:
            return errno_number(decide(call))
        except BaseException as why:  # noqa: BLE001  it would end the thread, and calls would wait for ever
            self._report(call, why)
            return 0

    def _report(self, call: WatchedCall, why: BaseException) -> None:
        """Show the first error of the caller's function; later ones would bury the cell."""
        if not self.error:
            said = in_one_line(why) if isinstance(why, LabError) else f"{type(why).__name__}: {why}"
            self.error = f"watch: `decide` failed for {call.name}, which goes on: {said}"
            print(self.error, file=sys.stderr)

    # --- shown
    def rows(self) -> list[list[str]]:
        """A line for each of the last 20 calls, in words; the first is the heading."""
        last = self._kept[-SHOWN:]
        words = {"": "went on", WAITING: "waits", GONE: "not made"}
        cells = ((str(each.number), each.program, shortened(str(each)), each.answer) for each in last)
        body = [[number, program, call, words.get(answer, answer)] for number, program, call, answer in cells]
        return [["", "program", "system call", "answer"], *body]

    def _heading(self) -> str:
        count = f"{self._count} system call{'s' * (self._count != 1)} watched"
        more = f", the last {SHOWN} kept here" if len(self._kept) > SHOWN else ""
        return count + (f", {self.dropped} of them not kept" if self.dropped else "") + more

    def __str__(self) -> str:
        rows = self.rows()
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
        return "\n".join([self._heading(), *map(str.rstrip, lines)])

    def __repr__(self) -> str:
        return f"CallWatch({self._heading()}{', closed' if self._silent else ''})"

    def _repr_html_(self) -> str:
        head, *body = self.rows()
        line = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
        lines = "".join(
            f'<tr><th scope="row">{number}</th><td>{escape(program)}</td><td><code>{escape(call)}</code></td>'
            f"<td>{escape(answer)}</td></tr>"
            for number, program, call, answer in body
        )
        caption = f"<caption>{escape(self._heading())}</caption>"
        return f"<table>{caption}<thead><tr>{line}</tr></thead><tbody>{lines}</tbody></table>"


def shortened(text: str) -> str:
    """A call in a table: at most WIDEST characters."""
    return text if len(text) <= WIDEST else text[: WIDEST - 3] + "..."


def errno_number(value: Any) -> int:
    """An errno by its name or number; 0 for None. Raises BadInput for anything else."""
    if value is None:
        return 0
    number = getattr(errnos, value, None) if isinstance(value, str) and value.startswith("E") else value
    return check_count(number if isinstance(number, int) else value, "an errno", most=MOST_ERRNO)


def obeys(thread: int) -> bool:
    """Whether a process still obeys the notebook: it has not become a program. See `rename` in launcher/main.py."""
    try:
        return proc.text_of(thread, "cmdline").rstrip("\0") == "carrier"
    except (ProcessLookupError, PermissionError):
        return False


@uninterrupted(firm=True)
def watch_calls(process: CarriedProcess, calls: Iterable[str], decide: Any) -> CallWatch:
    """Load the filter in a live process, and serve it. See `Container.watch`."""
    names = watchable(calls)
    if decide is not None and decide != "ask" and not callable(decide):
        raise BadInput(f"{short_repr(decide)} decides nothing", hint='a function of a call, "ask", or None')
    if process.is_host:
        raise BadInput("the lab's host is not watched: it serves every container", hint="lab.container() makes one")
    depth = len(process.world.launcher.pids) - 1
    process.carry([getpid()])  # it obeys
    carrier = process.carrier
    os.close(fetch_descriptor(carrier, Answer(getpid(), 0)))  # so will the listener be fetched: calls hang without it
    loaded = load_listener(process, names)
    try:
        listener = Listener(fetch_descriptor(carrier, loaded))
    except BaseException:
        carrier.ask([close(loaded.result)])
        raise
    watch = CallWatch(listener, depth, decide)
    carrier.ask([close(loaded.result)])
    watch.begin()
    return watch


def watchable(calls: Iterable[str]) -> tuple[str, ...]:
    """Names of calls that can be watched. Raises BadInput for others."""
    names = check_syscall_names(check_list(calls, "system calls", hint='("openat", "mkdirat")'))
    if not names:
        raise BadInput("no system call to watch", hint='("openat", "mkdirat")')
    needed = [name for name in names if name in NEEDED]
    if needed:
        raise BadInput(f"{', '.join(needed)} cannot be watched: the live process needs it to answer the notebook",
                       hint="strace -f in a container shows it")  # fmt: skip
    return names


def load_listener(process: CarriedProcess, names: tuple[str, ...]) -> Answer:
    """Have the process load the filter; its answer has the listener's number there. Raises CallError."""
    program = notify_program(names)
    filter = Spelled(encode_program(program), f"[/* {len(program)} instructions */]")
    what = (k.SECCOMP_SET_MODE_FILTER, k.SECCOMP_FILTER_FLAG_NEW_LISTENER, Struct(len=len(program), filter=filter))
    load = Call("seccomp", what, result="listener")
    answers = process.carrier.ask([load])
    if answers[-1].errno == EACCES:  # without CAP_SYS_ADMIN the kernel demands this first
        answers = process.carrier.ask([prctl(k.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), load])
    if answers[-1].failed:
        why = answers[-1].error(answers)
        if why.errno != EBUSY:
            raise why
        hint = "name all calls in one watch of a fresh container; an engine around the lab may have one, as LXD does"
        raise Busy(f"{process.name} has a listener already, and takes no second: EBUSY", hint=hint) from why
    return answers[-1]
