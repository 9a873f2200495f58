"""The kernel's own truth about an exercise's ground, read from /proc by process number.

Nothing here goes through a container object or a notebook's variable: the same reading is done by the cell in the
notebook and by `pyctr-lab check` in a terminal, and nothing that a program prints can mislead it. /proc does not have
the host name of another UTS namespace: a small process joins that namespace and asks.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from errno import ENOENT, ESRCH
from typing import Any, TypeVar

from ...kernel import proc
from .processes import all_below, all_pids

#: Join the namespaces named by the arguments, in order, and print the host name there; or print why not, and exit with
#: the errno. A process of its own: setns(2) into a user namespace wants a single-threaded one.
_ASK_HOSTNAME = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
try:
    for path in sys.argv[1:]:
        if libc.setns(os.open(path, os.O_RDONLY), 0):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), f"setns {path}")
except OSError as why:
    print(f"{why.filename}: {why.strerror}")
    sys.exit(why.errno)
print(os.uname().nodename)
"""

T = TypeVar("T")


class Unreadable(Exception):
    """The truth cannot be had here: a process has ended, or the kernel does not let us look."""

    def __init__(self, reason: str, way_out: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.way_out = way_out


@dataclass(frozen=True)
class Device:
    """A file system as the kernel tells it apart (major:minor), and where a process sees it."""

    number: str
    kind: str
    target: str
    propagation: tuple[str, ...]


@dataclass(frozen=True)
class KernelView:
    """The ground of one exercise: process numbers as this machine sees them, and the variant's values."""

    exercise: str
    values: Mapping[str, Any]
    boxes: Mapping[str, int]
    host: int
    facts: Mapping[str, Any] = field(default_factory=dict)

    def namespace(self, name: str, kind: str) -> int:
        """The inode of a container's namespace; `host` is the course's host."""
        return self._read(name, lambda pid: proc.namespaces(pid)[kind])

    def link(self, name: str, kind: str) -> str:
        """The same as the file says it: `amber: /proc/12/ns/uts is uts:[4026531838]`."""
        return f"{name}: /proc/{self.pid(name)}/ns/{kind} is {kind}:[{self.namespace(name, kind)}]"

    def same(self, one: str, other: str, kind: str) -> bool:
        """Whether two live in one namespace."""
        return self.namespace(one, kind) == self.namespace(other, kind)

    def walled(self, name: str, kind: str) -> bool:
        """Whether a container has another namespace than the course's host."""
        return not self.same(name, "host", kind)

    def hostname(self, name: str) -> str:
        """The host name in a container's UTS namespace, asked from within."""
        return self._read(name, self._hostname)

    def numbers(self, name: str) -> tuple[int, ...]:
        """A container's numbers (NSpid), this machine's first, its own last."""
        return self._read(name, proc.nspid)

    def status(self, name: str) -> dict[str, str]:
        """/proc/PID/status."""
        return self._read(name, proc.status)

    def uid_map(self, name: str) -> tuple[proc.IdRange, ...]:
        """The id map of a container's user namespace; its outer side is in the reader's own numbers."""
        return self._read(name, proc.uid_map)

    def mounts(self, name: str) -> tuple[Device, ...]:
        """The mounts of a container, with the device numbers that tell file systems apart."""
        text = self._read(name, lambda pid: proc.text_of(pid, "mountinfo"))
        return tuple(map(_device, text.splitlines()))

    def mounted(self, name: str, target: str) -> Device | None:
        """The file system mounted right at a path, as a container sees it: the last mount counts; None without one."""
        return next((each for each in reversed(self.mounts(name)) if each.target == target), None)

    def file(self, name: str, path: str) -> str:
        """/proc/PID/path, as text."""
        return self._read(name, lambda pid: proc.text_of(pid, path))

    def pss(self, name: str) -> int:
        """Bytes of memory of a process; a page that n processes share counts as an n-th."""
        return self._read(name, proc.pss)

    def pid(self, name: str) -> int:
        """A container's number on this machine."""
        return self.host if name == "host" else self.boxes[name]

    def inner_pid(self, pid: int) -> int | None:
        """The number that the course's host has for a process of this machine; None if it is not in there."""
        try:
            depth = len(proc.nspid(self.host))
            numbers = proc.nspid(pid)
        except (ProcessLookupError, PermissionError):
            return None
        return numbers[depth - 1] if len(numbers) >= depth and self.contains(pid) else None

    def contains(self, pid: int) -> bool:
        """Whether a process lives in the course's world: the launcher is among its ancestors, or is it."""
        while pid > 1 and pid != self.host:
            try:
                pid = int(proc.status(pid)["PPid"])
            except (ProcessLookupError, PermissionError):
                return False
        return pid == self.host

    def processes(self) -> dict[int, int]:
        """All processes of the course's world: number there -> number on this machine."""
        found = ((self.inner_pid(pid), pid) for pid in all_pids())
        return {inner: pid for inner, pid in found if inner is not None}

    def below(self, name: str) -> list[int]:
        """The descendants of a container's process, by their numbers on this machine."""
        return all_below(self.pid(name))

    def _hostname(self, pid: int) -> str:
        outer = f"/proc/{self.host}/ns/user"
        own = proc.namespace("self", "user") == proc.namespace(self.host, "user")
        paths = [*([] if own else [outer]), f"/proc/{pid}/ns/uts"]
        command = [sys.executable, "-I", "-S", "-c", _ASK_HOSTNAME, *paths]
        asked = subprocess.run(command, capture_output=True, text=True)
        said = asked.stdout.strip()
        if asked.returncode in (ENOENT, ESRCH):
            raise ProcessLookupError(said)
        if asked.returncode:
            raise PermissionError(said or asked.stderr.strip())
        return said

    def _read(self, name: str, read: Callable[[int], T]) -> T:
        try:
            return read(self.pid(name))
        except (ProcessLookupError, FileNotFoundError):
            raise Unreadable(f"the process of {name!r} has ended", again(self.exercise)) from None
        except PermissionError as why:
            raise Unreadable(f"this user may not look into {name!r}: {why}", again(self.exercise)) from None


def again(exercise: str) -> str:
    """How to come by fresh ground."""
    return f'make fresh ground: ground = exercises.start("{exercise}", lab)'


def _device(line: str) -> Device:
    head, _, tail = line.partition(" - ")
    fields = head.split(" ")
    return Device(fields[2], tail.split(" ")[0], proc.parse_mount(line).target, tuple(fields[6:]))
