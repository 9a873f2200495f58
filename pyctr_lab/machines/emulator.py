"""QEMU as a process of the lab, from its start to the guest's first answer, and what went wrong on the way."""

from __future__ import annotations

import os
import re
import shutil
import time
import weakref
from collections.abc import Mapping

from ..errors import Gone, LabError, TimeExpired, Unsupported
from ..runtime import Lab, Program, Run
from .hardware import Hardware
from .ports import Ports
from .wires import Wires

LAST = 8  # lines of the console that an error shows
GLANCE = 0.2  # seconds between two looks at the console: nothing tells when a file in memory grows
ENDING = 5.0  # seconds for a machine whose ports are closed to be gone
PANIC = re.compile(r"Kernel panic - not syncing: (.*)")


class Panicked(Gone):
    """The guest's kernel gave up. It had come to speak before."""


class Ended(Gone):
    """The machine is no longer there, and its guest has not said why."""


class Silent(TimeExpired):
    """The guest has said nothing new for too long."""


class Emulator:
    """A QEMU process. Its guest may still be silent."""

    def __init__(self, lab: Lab, hardware: Hardware, contents: Mapping[str, bytes], files: Mapping[str, int]) -> None:
        self.hardware = hardware
        self._wires = Wires(contents, files)
        self.ports = Ports(self._wires.ours)
        self.began = time.monotonic()
        try:
            name, *options = hardware.command(self._wires.numbers)
            command = [shutil.which(name) or name, *options]  # where we find it: the lab looks in fewer places
            self.program: Program = lab.host.launch(command, self._wires)
        except BaseException:
            self._wires.hang_up()
            raise
        self._abandoned = weakref.finalize(self, abandon, lab, self.program, self._wires)

    @property
    def console(self) -> str:
        """All that the guest has written to its serial line so far."""
        return self.program.stdout

    @property
    def alive(self) -> bool:
        """Whether the process is still there."""
        return self.program.poll() is None

    def await_answer(self, limit: float, silence: float) -> float:
        """Waits for the guest's first answer; seconds from the start of QEMU till then.

        Raises TimeExpired after `limit` seconds, Silent when the console has said nothing new for `silence` seconds;
        Gone or Unsupported when the process has ended.
        """
        said, since = 0, self.began
        try:
            while not self.ports.answered(GLANCE):
                now, size = time.monotonic(), len(self.console)
                said, since = (size, now) if size != said else (said, since)
                if now - self.began > limit:
                    raise TimeExpired(self.story(f"the guest had not answered after {now - self.began:.0f} s"))
                if now - since > silence:
                    raise Silent(self.story(f"the guest has been silent for {now - since:.0f} s"))
        except ConnectionError:
            raise self.why_it_ended("before it answered") from None
        return time.monotonic() - self.began

    def why_it_ended(self, when: str) -> LabError:
        """The error that tells why the process is no longer there."""
        run = self.program.wait(ENDING)
        panic = PANIC.search(run.stdout)
        if panic:
            return Panicked(self.story(f"the guest ended {when}: kernel panic: {panic[1].strip()}"))
        if run.returncode > 0:
            return Unsupported(f"QEMU gave up {when}: {complaint(run)}")
        by = f", by {run.signal}" if run.signal else ""
        return Ended(self.story(f"the machine ended {when}{by}"))

    def story(self, what: str) -> str:
        """What happened, and behind it the console's last lines; of a panic those that led to it, not its dump."""
        dying = PANIC.search(self.console)
        told = self.console[: dying.end()] if dying else self.console
        lines = [line.rstrip() for line in told.splitlines() if line.strip()][-LAST:]
        return "\n    ".join([what + (", after these last words:" if lines else "; its console is empty"), *lines])

    def kill(self) -> None:
        """Pulls the plug, and waits until the process is gone. Twice is fine."""
        if self._abandoned.detach():
            self.program.kill()
            self.program.wait()
            self._wires.hang_up()


def abandon(lab: Lab, program: Program, wires: Wires) -> None:
    """Pulls the plug of one that nobody refers to any more.

    That is found out in the midst of anything, also of a talk with the launcher. So the launcher is asked nothing: the
    lab buries the process later, as it does all whom nobody waits for.
    """
    program.kill()
    lab.reaper.forget(program.host_pid)
    wires.hang_up()


def complaint(run: Run) -> str:
    """What QEMU said against what it was asked, without its own name before each line."""
    lines = [line.removeprefix(f"{os.path.basename(run.args[0])}: ").strip() for line in run.stderr.splitlines()]
    return " ".join(lines) or f"status {run.returncode}"
