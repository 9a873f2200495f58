"""Signals that `run` receives, passed on to the program.

The kernel drops a signal to a PID 1 without a handler for it: see pid_namespaces(7). `run` then kills the container
itself: at once for SIGTERM and SIGHUP, at the third SIGINT or SIGQUIT.
"""

from __future__ import annotations

import signal
import sys
import time
from contextlib import suppress
from types import FrameType
from typing import Any

from ..kernel import proc
from ..runtime import Program

ENDING = (signal.SIGTERM, signal.SIGHUP)  # from timeout(1), from a closed terminal: sent once
KEYS = (signal.SIGINT, signal.SIGQUIT)  # from Ctrl-C and Ctrl-\: can be pressed again
THIRD = 3
LOOKS, PAUSE = 10, 0.01  # looks, and seconds between them: a signal blocked for longer counts as blocked
PASSED_ON = (*ENDING, *KEYS, signal.SIGUSR1, signal.SIGUSR2)


class Signals:
    """Pass signals on, from `hold` to the end of the block; signals that come before the program starts wait for it.

    A signal that `run` inherited as ignored stays ignored (nohup(1)). `ended_by` is the signal for which `run` killed
    the container, or 0.
    """

    def __init__(self) -> None:
        self.ended_by = 0
        self._program: Program | None = None
        self._early: list[int] = []
        self._keys = 0  # signals of KEYS that PID 1 has dropped
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Signals:
        return self

    def hold(self) -> None:
        """Keep signals for the program that is about to start."""
        for number in PASSED_ON:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._receive)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # it would make launch() undo the start

    def __exit__(self, *_: object) -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        for number, before in self._before.items():  # another key must not interrupt the end of `run`
            signal.signal(number, signal.SIG_IGN if self.ended_by in KEYS and number in KEYS else before)

    def give(self, program: Program) -> Program:
        """Pass signals on to this program, earlier ones included."""
        self._program = program
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        for number in self._early:
            self._receive(number, None)
        return program

    def _receive(self, number: int, _: FrameType | None) -> None:
        if self._program is None:
            self._early.append(number)
            if len(self._early) >= THIRD:  # the start hangs
                raise KeyboardInterrupt
            return
        dropped = drops(self._program, number)
        self._program.kill(number)
        if dropped and (number in ENDING or (number in KEYS and self._is_third())):
            self.ended_by = number
            self._program.kill()

    def _is_third(self) -> bool:
        self._keys += 1
        if self._keys == 2 and self._program is not None:
            print(f"\npyctr-lab: {NO_HANDLER.format(self._program.args[0])}", file=sys.stderr)
        return self._keys >= THIRD


NO_HANDLER = "{} is PID 1 and has no handler for this signal, so the kernel drops it; a third ends it (or see --init)"


def drops(program: Program, number: int) -> bool:
    """Whether the kernel drops this signal: the program is PID 1 and neither catches, ignores nor blocks it.

    A shell blocks all signals briefly when it forks. A signal blocked for longer is awaited by sigwait(3).
    """
    with suppress(ProcessLookupError):
        for _ in range(LOOKS):
            said = proc.status(program.machine_pid)
            caught, ignored, blocked = (int(said.get(f"Sig{mask}", "0"), 16) for mask in ("Cgt", "Ign", "Blk"))
            if said["NSpid"].split()[-1] != "1" or (caught | ignored) >> (number - 1) & 1:
                return False
            if not blocked >> (number - 1) & 1:
                return True
            time.sleep(PAUSE)
    return False
