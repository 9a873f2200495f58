"""Signals that `run` receives, passed on to the program.

The kernel drops a signal to a PID 1 that has no handler for it: see pid_namespaces(7). What is passed on would then do
nothing, so `run` ends the container itself: at once for a signal that is sent to end it, at the third for a key.
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

ENDING = (signal.SIGTERM, signal.SIGHUP)  # of timeout(1), of a terminal that was closed: sent once
KEYS = (signal.SIGINT, signal.SIGQUIT)  # of Ctrl-C and Ctrl-\: pressed again if need be
THIRD = 3
LOOKS, PAUSE = 10, 0.01  # seconds: how long a signal must be blocked to be blocked for good
PASSED_ON = (*ENDING, *KEYS, signal.SIGUSR1, signal.SIGUSR2)


class Signals:
    """Passes signals on, from `hold` to the end of its block; what comes before there is a program waits for it.

    A signal that `run` inherited as ignored stays ignored: nohup(1) means the container, too. `ended_by` is the
    signal for which the container was ended, or 0.
    """

    def __init__(self) -> None:
        self.ended_by = 0
        self._program: Program | None = None
        self._early: list[int] = []
        self._keys = 0  # that PID 1 did not hear
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Signals:
        return self

    def hold(self) -> None:
        """Keep signals for the program that is about to start."""
        for number in PASSED_ON:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._receive)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # else launch() takes the start back

    def __exit__(self, *_: object) -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        for number, before in self._before.items():  # `run` ends: one more key is not to end it in the midst of that
            signal.signal(number, signal.SIG_IGN if self.ended_by in KEYS and number in KEYS else before)

    def give(self, program: Program) -> Program:
        """Pass signals on to this program, also those that have come already."""
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
    """Whether the kernel drops this signal: the program is a PID 1, and neither catches, ignores nor blocks it.

    A shell blocks all signals for a moment when it forks. What is blocked for longer is waited for: see sigwait(3).
    """
    with suppress(ProcessLookupError):
        for _ in range(LOOKS):
            said = proc.status(program.host_pid)
            caught, ignored, blocked = (int(said.get(f"Sig{mask}", "0"), 16) for mask in ("Cgt", "Ign", "Blk"))
            if said["NSpid"].split()[-1] != "1" or (caught | ignored) >> (number - 1) & 1:
                return False
            if not blocked >> (number - 1) & 1:
                return True
            time.sleep(PAUSE)
    return False
