"""Spawn a process for which nothing is copied: see `runtime/faststart/loop.py`. The launcher imports it.

The child shares our memory until it becomes a program, or ends. Until then all that it reads and writes there lies
still. The kernel itself says when that is: it clears a word, CLONE_CHILD_CLEARTID in clone(2).
"""

from __future__ import annotations

import ctypes
import marshal
import os
import time

from layout import LOOKED_PAST, WORD, Block, Call, Laid, search_path, word  # type: ignore[import-not-found]

SHARING = 0x100 | 0x1000 | 0x20_0000 | 0x1_0000_0000  # CLONE_VM, _PIDFD, _CHILD_CLEARTID, _CLEAR_SIGHAND
SIGCHLD, SIGKILL, ENOENT = 17, 9, 2
PR_SET_DUMPABLE = 4
PROT_READ_EXEC, MAP_PRIVATE = 1 | 4, 2
MOST_KEPT = 8  # lists that stay laid out
STORIES = 64  # that are kept of starts that are over


class Spawner:
    """Starts processes by the loop, one after another, each with a number; remembers what became of the last ones."""

    def __init__(self, code: bytes, ticks: int) -> None:
        """`code` is the loop, `ticks` where in it its clock is. Raises OSError where memory may not be executable."""
        at = executable(code)
        self._spawn = ctypes.PYFUNCTYPE(ctypes.c_long, ctypes.c_void_p, ctypes.c_long, ctypes.c_void_p)(at)
        self._ticks = ctypes.PYFUNCTYPE(ctypes.c_long)(at + ticks)
        self._kept: dict[bytes, Laid] = {}
        self._begun: dict[int, tuple[int, Laid, int, int, int]] = {}
        """Pid, its list, when by the processor's clock and by the system's, in how many folders it looks."""
        self._stories: dict[int, list[bytes]] = {}
        self._abandoned = False

    def spawn(
        self,
        number: int,
        flags: int,
        group: str,
        first: tuple[Call, ...],
        last: tuple[Call, ...],
        kept: bytes,
        known: dict[str, int],
    ) -> tuple[int, int]:
        """A process that makes the calls `first`, `kept`, and `last`, which ends with an execve.

        `kept` is what other starts have too, in marshal's form. Returns its pid and its pidfd.
        """
        self._note()
        self.show_memory()
        *others, exec_ = last
        search = looked_up(exec_)
        laid = self._laid(kept, len(first), len(others) + len(search))
        laid.fill(first, [*others, *search], known)
        memory: list[Block] = []
        fd = os.open(group, os.O_DIRECTORY | os.O_CLOEXEC) if group else 0
        try:
            place = word((flags | SHARING, bytes(WORD), laid.share(), 0, SIGCHLD, 0, 0, 0, 0, 0, fd), {}, memory)
            began, then = self._ticks(), time.perf_counter_ns()
            pid = self._spawn(place, 11 * WORD, laid.start)
        finally:
            if group:
                os.close(fd)
        if pid < 0:
            laid.unshare()
            raise OSError(-pid, "clone3")
        self._begun[number] = pid, laid, began, then, len(search)
        return pid, int.from_bytes(memory[0][1][:4], "little")

    def _laid(self, kept: bytes, before: int, behind: int) -> Laid:
        laid = self._kept.get(kept)
        if laid is None or laid.shared or before > laid.before or behind > laid.behind:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            laid = self._kept[kept] = Laid(marshal.loads(kept), before, behind)
        return laid

    def _note(self) -> None:
        """What those have to tell whose memory is ours alone again; then their lists may be used anew."""
        for number in [number for number, (_, laid, _, _, _) in self._begun.items() if not laid.shared]:
            self._stories[number] = self._trace_of(number)
            del self._begun[number]
            if len(self._stories) > STORIES:
                del self._stories[next(iter(self._stories))]

    def _trace_of(self, number: int) -> list[bytes]:
        _, laid, began, then, folders = self._begun[number]
        ticks, nanoseconds = self._ticks() - began, time.perf_counter_ns() - then  # not of earlier: it may have slept
        clock = b"".join([each.to_bytes(WORD, "little") for each in (began, ticks, nanoseconds, folders)])
        return [clock, *laid.collect()]

    def gate(self, number: int) -> int:
        """Opens the gate of a process, and says where it is."""
        return int(self._begun[number][1].open_gate())

    def results(self, number: int) -> list[bytes]:
        """What became of a list, as `trace.py` reads it. It must be over. Raises OSError when that was forgotten."""
        if number in self._begun:
            return self._trace_of(number)
        if number not in self._stories:
            raise OSError(ENOENT, "forgotten")
        return self._stories[number]

    def abandon(self, number: int) -> None:
        """Ends one that is not over, if it has begun."""
        self._abandoned = True
        if number in self._begun:
            os.kill(self._begun[number][0], SIGKILL)  # it is there: not reaped yet

    def show_memory(self) -> None:
        """Make our memory visible again, before a fork copies it.

        An abandoned process may have ended between a change of ids, which hides it, and its own PR_SET_DUMPABLE.
        """
        if self._abandoned:
            ctypes.CDLL(None).prctl(*map(ctypes.c_ulong, (PR_SET_DUMPABLE, 1, 0, 0, 0)))
            self._abandoned = any(laid.shared for _, laid, _, _, _ in self._begun.values())


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
    """execvpe(3) as libc does it: a bare name is tried in each folder of the program's PATH."""
    number, args, fine, result, own = call
    if "/" in args[0]:
        return [call]
    paths = [f"{folder or '.'}/{args[0]}" for folder in search_path(args[2]).split(":")]
    return [
        (number, (path, *args[1:]), (*fine, *LOOKED_PAST) if path is not paths[-1] else fine, result, own)
        for path in paths
    ]
