"""QEMU as a process of the lab, from its start to the guest's first answer, and its errors."""

from __future__ import annotations

import os
import re
import shutil
import time
import weakref
from collections.abc import Mapping

from ..errors import Busy, Gone, LabError, TimeExpired, Unsupported
from ..runtime import Lab, Program, Run
from .channels import Channels
from .hardware import Hardware
from .qemu_streams import QemuStreams

LAST = 8  # lines of the console that an error shows
GLANCE = 0.2  # seconds between two looks at the console: it is a file in memory, which cannot be polled
ENDING = 5.0  # seconds for a machine to end after its channels have closed
PANIC = re.compile(r"Kernel panic - not syncing: (.*)")
LOCKED = '"write" lock'  # QEMU: Failed to get "write" lock


class Panicked(Gone):
    """Kernel panic in the guest, after output on its console."""


class Ended(Gone):
    """QEMU has ended, and the console shows no panic."""


class Silent(TimeExpired):
    """The guest has written nothing to its console for too long."""


class Emulator:
    """A QEMU process, whose guest may not have answered yet."""

    def __init__(self, lab: Lab, hardware: Hardware, contents: Mapping[str, bytes], files: Mapping[str, int]) -> None:
        self.hardware = hardware
        self._streams = QemuStreams(contents, files)
        self.channels = Channels(self._streams.ours)
        self.began = time.monotonic()
        try:
            name, *options = hardware.command(self._streams.numbers)
            command = [shutil.which(name) or name, *options]  # looked up here: PATH in the lab has fewer folders
            self.program: Program = lab.host.launch(command, self._streams)
        except BaseException:
            self._streams.hang_up()
            raise
        self._abandoned = weakref.finalize(self, abandon, lab, self.program, self._streams)

    @property
    def console(self) -> str:
        """The output of the guest's serial line so far."""
        return self.program.stdout

    @property
    def alive(self) -> bool:
        """Whether the process is still running."""
        return self.program.poll() is None

    def await_answer(self, limit: float, silence: float) -> float:
        """Wait for the guest's first answer; return the seconds from the start of QEMU until then.

        Raises TimeExpired after `limit` seconds, Silent after `silence` seconds without new output on the console,
        Gone or Unsupported if the process has ended.
        """
        written, since = 0, self.began
        try:
            while not self.channels.answered(GLANCE):
                now, size = time.monotonic(), len(self.console)
                written, since = (size, now) if size != written else (written, since)
                if now - self.began > limit:
                    raise TimeExpired(self.story(f"the guest had not answered after {now - self.began:.0f} s"))
                if now - since > silence:
                    raise Silent(self.story(f"the guest has been silent for {now - since:.0f} s"))
        except ConnectionError:
            raise self.why_it_ended("before it answered") from None
        return time.monotonic() - self.began

    def why_it_ended(self, when: str) -> LabError:
        """The error for a process that has ended: panic, a disk in use, QEMU's own complaint, or a signal."""
        run = self.program.wait(ENDING)
        panic = PANIC.search(run.stdout)
        if panic:
            return Panicked(self.story(f"the guest ended {when}: kernel panic: {panic[1].strip()}"))
        if LOCKED in run.stderr:
            return Busy("another machine has this disk open", hint="`.kill()` of that machine pulls its plug")
        if run.returncode > 0:
            return Unsupported(f"QEMU gave up {when}: {complaint(run)}")
        by = f", by {run.signal}" if run.signal else ""
        return Ended(self.story(f"the machine ended {when}{by}"))

    def story(self, what: str) -> str:
        """The message `what`, and the console's last lines; of a panic the lines before it, not its dump."""
        dying = PANIC.search(self.console)
        text = self.console[: dying.end()] if dying else self.console
        lines = [line.rstrip() for line in text.splitlines() if line.strip()][-LAST:]
        return "\n    ".join([what + (", after these last words:" if lines else "; its console is empty"), *lines])

    def kill(self) -> None:
        """Send SIGKILL and wait for the end. A second call does nothing."""
        if self._abandoned.detach():
            self.program.kill()
            self.program.wait()
            self._streams.hang_up()


def abandon(lab: Lab, program: Program, streams: QemuStreams) -> None:
    """Kill the QEMU of a machine without references.

    The garbage collector may call this during any statement, also during a message to the launcher. So it sends the
    launcher none: the lab reaps the process later, with others that have no waiter.
    """
    program.kill()
    lab.reaper.forget(program.machine_pid)
    streams.hang_up()


def complaint(run: Run) -> str:
    """QEMU's error message, without its name before each line."""
    lines = [line.removeprefix(f"{os.path.basename(run.args[0])}: ").strip() for line in run.stderr.splitlines()]
    return " ".join(lines) or f"status {run.returncode}"
