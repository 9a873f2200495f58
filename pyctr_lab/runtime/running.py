"""Labs of this user that run now, in any process: found by their launchers. See proc(5)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import Gone
from ..kernel import proc

NAME = "launcher"  # of the first thread of a lab's PID 1: PR_SET_NAME


@dataclass(frozen=True)
class RunningLab:
    """A lab by the number of its PID 1, as seen here, and of the process that opened it: `run`, or a notebook's."""

    machine_pid: int
    owner: int

    def require_open(self) -> None:
        """Raise Gone where it has ended."""
        if proc.has_ended(self.machine_pid):
            raise Gone("this lab has ended", hint="it ends with the process that opened it")


def running_labs() -> list[RunningLab]:
    """All labs of this user, the oldest first; not those within labs, and not those of others."""
    pids = sorted(int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit())
    return [lab for pid in pids for lab in _lab_of(pid)]


def _lab_of(pid: int) -> Iterator[RunningLab]:
    """The lab whose PID 1 this is."""
    try:
        if proc.text_of(pid, "comm").strip() != NAME or not _is_first(pid):
            return
        _, owner, *_ = proc.ancestors(pid)
        if int(proc.status(owner)["Uid"].split()[0]) == os.getuid():
            yield RunningLab(pid, owner)
    except (ProcessLookupError, PermissionError, ValueError):  # it ends, or is another user's
        return


def _is_first(pid: int) -> bool:
    """Whether it is PID 1 of a PID namespace right below ours."""
    seen = proc.nspid(pid)
    return len(seen) == len(proc.nspid("self")) + 1 and seen[-1] == 1


def process_words(pid: int) -> list[str]:
    """The words of a process; empty where it has ended."""
    try:
        return proc.text_of(pid, "cmdline").split("\0")[:-1]
    except (ProcessLookupError, PermissionError):
        return []
