"""The launcher's way to start a process for which nothing is copied: see `loop.py`. The launcher imports it.

The child shares our memory until it becomes a program. Whatever it reads and writes there lies still until somebody
asks for its results, and nobody asks before it has become a program or has ended.
"""

from __future__ import annotations

import ctypes
import marshal
import os
import time

from layout import LOOKED_PAST, WORD, Call, Laid, word  # type: ignore[import-not-found]

EACCES = 13
SHARING = 0x100 | 0x1000 | 0x1_0000_0000  # CLONE_VM, CLONE_PIDFD, CLONE_CLEAR_SIGHAND
SIGCHLD, SIGKILL = 17, 9
PROT_READ_EXEC, MAP_PRIVATE = 1 | 4, 2
MOST_KEPT = 8  # lists that stay laid out


class Spawner:
    """Starts processes by the loop, and remembers those whose results nobody has asked for yet."""

    def __init__(self, code: bytes, ticks: int) -> None:
        """`code` is the loop, `ticks` where in it its clock is. Raises OSError where memory may not be executable."""
        at = executable(code)
        self._spawn = ctypes.PYFUNCTYPE(ctypes.c_long, ctypes.c_void_p, ctypes.c_long, ctypes.c_void_p)(at)
        self._ticks = ctypes.PYFUNCTYPE(ctypes.c_long)(at + ticks)
        self._set = self._ticks(), time.perf_counter_ns()
        self._kept: dict[bytes, Laid] = {}
        self._started: dict[int, tuple[Laid, int, int]] = {}  # by pid: its list, when it began, folders looked through
        self._dying: dict[int, Laid] = {}  # killed; as long as they are not dead their lists must lie still

    def spawn(
        self,
        flags: int,
        group: str,
        kept: bytes,
        tail: tuple[Call, ...],
        known: dict[str, int],
    ) -> tuple[int, int]:
        """A process that begins with a list, of which the last is an execve. Returns its pid and its pidfd.

        `kept` is what other starts begin with too, in marshal's form.
        """
        *others, last = tail
        search = looked_up(last)
        laid = self._laid(kept, len(others) + len(search))
        laid.follow([*others, *search], known)
        memory: list[tuple[bytes, bytearray]] = []
        fd = os.open(group, os.O_DIRECTORY | os.O_CLOEXEC) if group else 0
        try:
            place = word((flags | SHARING, bytes(WORD), 0, 0, SIGCHLD, 0, 0, 0, 0, 0, fd), {}, memory)
            began = self._ticks()
            pid = self._spawn(place, 11 * WORD, laid.start)
        finally:
            if group:
                os.close(fd)
        if pid < 0:
            raise OSError(-pid, "clone3")
        self._started[pid] = laid, began, len(search)
        return pid, int.from_bytes(memory[0][1][:4], "little")

    def _laid(self, kept: bytes, tail: int) -> Laid:
        laid = self._kept.get(kept)
        self._dying = {pid: other for pid, other in self._dying.items() if not dead(pid)}
        used = [*self._dying.values(), *(other for other, _, _ in self._started.values())]
        if laid is None or tail > laid.tail or any(laid is other for other in used):
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            laid = self._kept[kept] = Laid(marshal.loads(kept), tail)
        return laid

    def gate(self, pid: int) -> int:
        """Opens the gate of a process, and says where it is."""
        return int(self._started[pid][0].open_gate())

    def results(self, pid: int) -> list[str]:
        """A line for each call that came back; the first is that of clone3 as the process saw it."""
        laid, began, folders = self._started.pop(pid)
        now, at = self._ticks(), time.perf_counter_ns()
        lines = laid.told(began, (at - self._set[1]) / max(1, now - self._set[0]))
        before = len(laid.memory) - folders
        return [*lines[:before], *found(lines[before:], folders)]

    def abandon(self) -> None:
        """Ends those whose results nobody has asked for."""
        while self._started:
            pid, (self._dying[pid], _, _) = self._started.popitem()
            os.kill(pid, SIGKILL)  # it is there: nobody has reaped it


def dead(pid: int) -> bool:
    """Whether a child has ended; it is not reaped by this."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def executable(code: bytes) -> int:
    """Memory that can be read and executed, and never written: the pages of a file that has no name."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    fd = os.memfd_create("loop", os.MFD_CLOEXEC)
    try:
        os.write(fd, code)
        at = libc.mmap(None, ctypes.c_size_t(len(code)), PROT_READ_EXEC, MAP_PRIVATE, fd, ctypes.c_long(0))
    finally:
        os.close(fd)
    if at == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), "mmap")
    return int(at)


def looked_up(call: Call) -> list[Call]:
    """execvpe(3) as libc does it: a bare name is tried in each folder of PATH."""
    number, args, fine, result = call
    if "/" in args[0]:
        return [call]
    paths = [f"{folder or '.'}/{args[0]}" for folder in os.environ["PATH"].split(":")]
    return [
        (number, (path, *args[1:]), (*fine, *LOOKED_PAST) if path is not paths[-1] else fine, result) for path in paths
    ]


def found(lines: list[str], folders: int) -> list[str]:
    """What such a search came to, as one line; none if it has become a program. See execvpe(3) for EACCES."""
    if not lines:
        return []
    errnos = [int(line.split(" ")[1]) for line in lines]
    if len(lines) < folders and errnos[-1] in LOOKED_PAST:
        return []
    errno = EACCES if EACCES in errnos and errnos[-1] in LOOKED_PAST else errnos[-1]
    return [f"-1 {errno} {sum(int(line.split(' ')[2]) for line in lines)}"]
