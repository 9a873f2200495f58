"""A process of a lab that obeys lists of system calls, until it becomes a program or ends."""

from __future__ import annotations

import os
import signal
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import groupby

from ..errors import NEW_LAB, BadInput, Busy, Gone
from ..interrupts import uninterrupted
from ..kernel import proc
from ..kernel.calls import Answer, Call
from ..kernel.checks import check_list, check_timeout, short_repr
from ..steps.namespaces import known_kind
from .carrier import EXECS, Carrier, ended
from .outer_world import OuterWorld
from .streams import next_look


class OldName:
    """The earlier name of an attribute: it works, and says the new one."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __set_name__(self, owner: type, old: str) -> None:
        self.old = old

    def __get__(self, owner: object, kind: type | None = None) -> object:
        if owner is None:
            return self
        warnings.warn(f".{self.old} is called .{self.name} now", FutureWarning, stacklevel=2)
        return getattr(owner, self.name)


class CarriedProcess:
    """A process on its way: its carrier, the carrier whose child it is, and its end.

    `parent` is None for the first process of an outer world.
    """

    def __init__(self, world: OuterWorld, name: str, carrier: Carrier, parent: Carrier | None) -> None:
        self.world = world
        self.name = name
        self.carrier = carrier  # the process; a `pid` step goes on in a child, so it is not always the same one
        self.became: str | None = None  # the program it has turned into, if it has
        self.is_host = parent is None
        self._parent = parent
        self._waiters: list[tuple[Carrier, Carrier | None]] = []  # earlier ones that must stay: a namespace's PID 1
        self._status: int | None = None

    # --- identity
    @property
    def pid(self) -> int:
        """Its number as the lab's host sees it."""
        return self.carrier.pid_for(self.world.launcher)

    @property
    def machine_pid(self) -> int:
        """Its number as the notebook sees it: /proc/<machine_pid> is there to be read."""
        if self._status is not None:
            raise self._gone()
        return self.carrier.find_machine_pid()

    host_pid = OldName("machine_pid")

    @property
    def alive(self) -> bool:
        """Whether the process is still there."""
        return self._status is None and not ended(self.carrier.machine_pid, 0)

    def shares(self, kind: str) -> bool:
        """Whether its namespace of this kind is the lab's own."""
        known_kind(kind)
        return proc.namespace(self.machine_pid, kind) == proc.namespace(self.world.machine_pid, kind)

    def is_in(self, pid_namespace: int | None, *, parent: bool = False) -> bool:
        """Whether it (or its parent) lives in that PID namespace."""
        carrier = self.parent if parent else self.carrier
        try:
            return proc.namespace(carrier.machine_pid, "pid") == pid_namespace
        except (ProcessLookupError, PermissionError):  # it ended meanwhile, or may not be looked at
            return False

    # --- lists of calls
    @uninterrupted()
    def carry(
        self, calls: Sequence[Call], descriptors: Mapping[str, int] | None = None, timeout: float | None = None
    ) -> list[Answer]:
        """Have each call made, by this process or from outside, one message a stretch. A failure raises CallError."""
        for call in check_list(calls, "calls"):
            if not isinstance(call, Call):
                raise BadInput(
                    f"{short_repr(call)} is no system call", hint="pyctr_lab.kernel has them: unshare(CLONE_NEWUTS)"
                )
        timeout = check_timeout(timeout)
        self._still_obeys()
        answers: list[Answer] = []
        for stretch in cut_at_makers(calls):
            answers += self._carry_stretch(stretch, descriptors, timeout)
            if answers[-1].failed:
                raise answers[-1].error(answers)
        if calls and calls[-1].name in EXECS:
            self.became = str(calls[-1].args[0])
            self.carrier.close()
        return answers

    def _still_obeys(self) -> None:
        if self.became:
            raise Gone(
                f"{self.name} has become {self.became} and obeys no more", hint="a program is run in it with .run()"
            )
        if self._status is not None or (self.carrier.machine_pid and ended(self.carrier.machine_pid, 0)):
            raise self._gone()
        if self.world.has_frozen(self.carrier.machine_pid):
            raise Busy(f"{self.name} stands still: its control group is frozen", hint="`.thaw()` of the group")

    def _gone(self) -> Gone:
        if not self.world.alive:
            return Gone(f"{self.name} has ended with its lab", hint=NEW_LAB)
        return Gone(f"{self.name} has ended")

    def _carry_stretch(
        self, calls: list[Call], descriptors: Mapping[str, int] | None, timeout: float | None
    ) -> list[Answer]:
        if calls[0].outside:
            return self.world.outside(calls, self.pid)
        if calls[-1].name == "fork":
            return self._go_on_in_child(calls)
        return self.carrier.ask(calls, descriptors, timeout=timeout)

    def _go_on_in_child(self, calls: list[Call]) -> list[Answer]:
        answers, child = self.carrier.fork(calls)
        if answers[-1].failed:
            return answers
        with uninterrupted(firm=True):
            self._have_gone_on(child)
        return answers

    def _have_gone_on(self, child: Carrier) -> None:
        """Take note that the process goes on in its child."""
        before, self.carrier = self.carrier, child
        child.find_machine_pid()
        if self._parent is not None and not self._waiters and not is_init(before):
            before.close()  # it ends, and its own parent, which reaps it, inherits the child
            before.wait(self._parent)
            self.world.reaper.forget(before.machine_pid)
        else:  # a namespace ends with its PID 1
            self._waiters.append((before, self._parent))
            self._parent = before
        if not self.is_host:
            self.world.reaper.expect(self)

    # --- its end
    @property
    def parent(self) -> Carrier:
        """The carrier whose child it is, and which reaps it."""
        return self._parent or self.world.launcher

    @uninterrupted(firm=True)
    def end(self) -> None:
        """Kill the process, and all that lives in its PID namespace, and reap it. Twice is fine."""
        if self._status is None:
            visitors = self.world.reaper.visitors(self) if is_init(self.carrier) and self.alive else []
            self.world.wake(self.carrier.machine_pid)
            send_signal(self.carrier.machine_pid, signal.SIGKILL)
            for visitor in visitors:
                visitor.wait_status()
            self.wait_status()

    @uninterrupted()
    def wait_status(self, timeout: float | None = None) -> int:
        """Wait for its end; its status as wait4(2) gives it. Raises TimeExpired."""
        if self._status is None:
            self._status = self._wait_and_reap(timeout)
            self.world.reaper.forget(self.carrier.machine_pid)
            for carrier, parent in reversed(self._waiters):
                carrier.close()
                carrier.wait(parent or self.world.launcher)
                self.world.reaper.forget(carrier.machine_pid)
        return self._status

    def _wait_and_reap(self, timeout: float | None) -> int:
        parent = self.parent
        try:
            if is_init(self.carrier):
                self._wait_for_init(timeout)
                timeout = 0 if timeout is not None else None
            return self.carrier.wait(parent, timeout)
        except Gone:
            if not ended(parent.machine_pid, 5):
                raise
            if is_init(parent):
                return int(signal.SIGKILL)  # a PID namespace ends with its PID 1: the kernel kills all that is in it
            return self.carrier.wait(self.world.launcher, timeout)  # PID 1 inherits orphans

    def _wait_for_init(self, timeout: float | None) -> None:
        until = None if timeout is None else time.monotonic() + timeout
        while not ended(self.carrier.machine_pid, max(0.0, next_look(until) - time.monotonic())):
            if until is not None and time.monotonic() >= until:
                return
            self.reap_visitors()

    def reap_visitors(self) -> None:
        """Reap processes that joined its PID namespace by setns and have ended: until then its PID 1 cannot exit.

        When PID 1 exits, the kernel kills them, and waits until each is reaped; see pid_namespaces(7).
        """
        for visitor in self.world.reaper.visitors(self) if self.alive else []:
            if proc.state(visitor.carrier.machine_pid) == "Z":
                visitor.wait_status()


def is_init(carrier: Carrier) -> bool:
    """Whether it is PID 1 of its own pid namespace, which lives and dies with it."""
    try:
        return carrier.pids[-1] == 1
    except Gone:  # it has ended, whatever it was
        return False


def send_signal(machine_pid: int, number: int) -> None:
    """Send a signal to a process of the lab; one that has ended is passed over."""
    if machine_pid > 0:  # else kill(2) would take it for many
        with suppress(ProcessLookupError):
            os.kill(machine_pid, number)


def cut_at_makers(calls: Sequence[Call]) -> Iterator[list[Call]]:
    """Cut a list where another process goes on: from inside to outside and back, and behind a fork."""
    generation = 0

    def maker(call: Call) -> tuple[bool, int]:
        nonlocal generation
        now = (call.outside, generation)
        generation += call.name == "fork"
        return now

    return (list(stretch) for _, stretch in groupby(calls, maker))
