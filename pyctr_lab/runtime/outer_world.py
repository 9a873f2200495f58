"""What the containers of one lab share: the launcher in its outer world, the reaper, and the lab's control groups."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

from ..cgroups.lab_groups import LabGroups
from ..errors import NEW_LAB, Busy, Gone
from ..interrupts import uninterrupted
from ..kernel import proc
from ..kernel.arguments import Ref
from ..kernel.calls import Answer, Call, setns, unshare, wait4
from ..kernel.constants import CLONE_NEWCGROUP
from ..launcher import MAIN
from ..steps import ENVIRONMENT
from .carrier import Carrier, ended
from .reaper import Reaper


class OuterWorld:
    """The launcher's process, and what it is asked for. A lab owns it; containers are given it."""

    def __init__(self) -> None:
        self.launcher = self._first = Carrier(None)  # once it has been carried into its namespaces, their PID 1
        with self._first.theirs as theirs:
            self._process = start_launcher(theirs.fileno())
        self.reaper = Reaper()
        self.ids = 0  # how many user ids a container may have
        self.cuts: tuple[int, ...] = ()  # where a range of the outer world's map ends and the next begins
        self.cgroup_root = ""  # the group that is `/` in its cgroup namespace
        self.closed = False
        self._groups: LabGroups | None = None

    # --- identity
    @property
    def machine_pid(self) -> int:
        """The number of its PID 1, as we see it."""
        return self.launcher.machine_pid

    @property
    def alive(self) -> bool:
        """Whether it is open, and its PID 1 lives."""
        return not self.closed and not ended(self.launcher.machine_pid, 0)

    def require_open(self) -> None:
        """Raise Gone where it has ended."""
        if not self.alive:
            raise Gone("this lab is closed" if self.closed else "this lab has ended", hint=NEW_LAB)

    def processes(self) -> set[int]:
        """The lab's own processes, by their numbers as the notebook sees them."""
        own = {self.launcher.machine_pid} if not ended(self.launcher.machine_pid, 0) else set()
        return own | self.reaper.pids

    def essential(self) -> set[int]:
        """Processes without which the lab ends."""
        return {self.launcher.machine_pid}

    # --- what it does
    def outside(self, calls: Sequence[Call], pid: int | None = None) -> list[Answer]:
        """Have the launcher make calls, for the process with this number as the launcher sees it."""
        group = self.groups.name if any(call.of_group for call in calls) else ""
        return self.launcher.ask([call.resolved(pid=pid, lab=group) for call in calls])

    # --- control groups
    @property
    def groups(self) -> LabGroups:
        """The lab's control groups, made when first asked for. Raises Unsupported where none can be made."""
        if self._groups is None:
            with self.reaper.lock:  # two threads may ask for their first group at once
                if self._groups is None:
                    self.require_open()
                    self._groups = LabGroups(self)
        return self._groups

    def has_frozen(self, machine_pid: int) -> bool:
        """Whether a process is in a frozen control group of the lab."""
        return self._groups is not None and self._groups.has_frozen(machine_pid)

    def wake(self, machine_pid: int) -> None:
        """Thaw the control group of a process that is about to be killed, where the kernel needs that."""
        if self._groups is not None:
            self._groups.wake(machine_pid)

    def see_groups_from(self, path: str) -> None:
        """Make the cgroup namespace anew, where the lab's own group is: that is `/` in it from now on.

        Processes cannot be moved out of what the namespace shows (cgroup-v2.rst, nsdelegate); the first one shows
        the group in which the lab was started.
        """
        before = proc.namespace(self.machine_pid, "cgroup")
        sharing = [child.carrier for child in self.reaper.children if shares_cgroup(child.carrier, before)]
        self.launcher.ask([unshare(CLONE_NEWCGROUP)])
        fd = os.open(f"/proc/{self.machine_pid}/ns/cgroup", os.O_RDONLY | os.O_CLOEXEC)
        for carrier in sharing:
            with suppress(Gone, Busy):
                carrier.ask([setns(Ref("cgroup"), CLONE_NEWCGROUP)], {"cgroup": fd})
        os.close(fd)
        self.cgroup_root = path

    # --- its end
    @uninterrupted(firm=True)
    def close(self) -> None:
        """End PID 1, and with it the outer world and all that is inside. Twice is fine."""
        if self._groups is not None:
            self._groups.thaw_all()
        self.closed = True
        carrier = self.launcher
        while carrier.parent is not None:  # innermost first, so that each is reaped by its own parent
            let_end(carrier, carrier.parent)
            carrier = carrier.parent
        self.end()
        if self._groups is not None:
            self._groups.close()

    def end(self) -> None:
        """Close all channels, and wait until the launcher and its world are no more. Twice is fine."""
        self.reaper.let_go()
        self._first.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def shares_cgroup(carrier: Carrier, namespace: int | None) -> bool:
    """Whether a process obeys still, and is in this cgroup namespace."""
    try:
        return not carrier.closed and proc.namespace(carrier.machine_pid, "cgroup") == namespace
    except (ProcessLookupError, PermissionError):
        return False


def start_launcher(channel: int) -> subprocess.Popen[bytes]:
    """Start the launcher: as small as an interpreter can be, without the terminal's signals and our environment."""
    environment = {"PATH": ENVIRONMENT["PATH"], "LANG": "C.UTF-8"}
    command = [sys.executable, "-I", "-S", str(MAIN), str(channel)]
    null = subprocess.DEVNULL  # a container is not shown the terminal of the notebook's process
    return subprocess.Popen(
        command, pass_fds=[channel], start_new_session=True, cwd="/", env=environment, stdin=null, stdout=null
    )


def let_end(carrier: Carrier, parent: Carrier) -> None:
    """Close the channel of a PID 1, which ends then with all in its namespace, and reap it."""
    carrier.close()
    if not parent.closed and carrier.machine_pid and ended(carrier.machine_pid, 5):
        with suppress(Gone, Busy):
            parent.ask([wait4(carrier.pid_there)])
