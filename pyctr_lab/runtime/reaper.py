"""The processes of a lab that have a waiter, and the zombies that have none. See wait(2)."""

from __future__ import annotations

import threading
from typing import Protocol

from ..errors import Gone
from ..interrupts import uninterrupted
from ..kernel import proc
from ..kernel.calls import wait4
from ..kernel.constants import WNOHANG
from .carrier import Carrier


class Child(Protocol):
    """A process for which a caller waits."""

    carrier: Carrier

    def is_in(self, pid_namespace: int | None, *, parent: bool = False) -> bool:
        """Whether it (or its parent) lives in that PID namespace."""

    def wait_status(self, timeout: float | None = None) -> int:
        """Wait for its end."""


class Reaper:
    """Reap zombies that no caller waits for: orphans that were re-parented to a PID 1 of the lab."""

    def __init__(self) -> None:
        self.lock = threading.RLock()  # held from fork until the child has a waiter; otherwise a thread may reap it
        self._expected: dict[int, Child] = {}  # processes that have a waiter, by their numbers as we see them
        self._abandoned: set[int] = set()  # those of them whose Program object is gone, so that no caller can wait
        self._starts = 0  # since the last look for zombies

    @property
    def pids(self) -> set[int]:
        """All processes that have a waiter."""
        return set(self._expected)

    @property
    def children(self) -> list[Child]:
        """The same, as objects."""
        return list(self._expected.values())

    def expect(self, child: Child) -> None:
        """Take note that a caller will wait for this process."""
        self._expected[child.carrier.machine_pid] = child

    def forget(self, machine_pid: int) -> None:
        """Take note that a process has been reaped."""
        self._expected.pop(machine_pid, None)
        self._abandoned.discard(machine_pid)

    def abandon(self, child: Child) -> None:
        """Take note that no caller will wait for a process: `reap` may."""
        pid = child.carrier.machine_pid
        if self._expected.get(pid) is child:
            self._abandoned.add(pid)

    def let_go(self) -> None:
        """Close the channels of all processes: their lab has ended."""
        while self._expected:
            _, child = self._expected.popitem()
            child.carrier.close()

    @uninterrupted()
    def reap(self, init: Carrier) -> None:
        """Reap the zombies among a carrier's children that no caller waits for. Raises Gone when it has ended."""
        depth = len(init.pids) - 1
        try:
            with self.lock:
                for pid in proc.children(init.find_machine_pid()):
                    if (pid not in self._expected or pid in self._abandoned) and proc.state(pid) == "Z":
                        init.ask([wait4(proc.nspid(pid)[depth], WNOHANG)])
                        self.forget(pid)
        except ProcessLookupError:  # the kernel reaps them with it
            raise Gone("the process has ended") from None

    def reap_now_and_then(self, init: Carrier) -> None:
        """Reap, but not at each start: to look through all children would make each dearer than the one before."""
        self._starts += 1
        if self._starts > 8 + len(self._expected) // 8:
            self._starts = 0
            self.reap(init)

    def visitors(self, box: Child) -> list[Child]:
        """Processes that joined box's PID namespace by setns. Its PID 1 cannot exit until they are reaped."""
        home = proc.namespace(box.carrier.machine_pid, "pid")
        inside = [other for other in self.children if other is not box and other.is_in(home)]
        return [other for other in inside if not other.is_in(home, parent=True)]
