"""A virtual machine: QEMU as a process of the lab, with a kernel of its own inside."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ..errors import Gone, TimeExpired
from ..kernel import proc, size
from ..runtime import Lab, Run
from ..runtime.program import words
from . import boot_log, guest_kernel, initramfs, tsc
from .boot_log import Message
from .hardware import Hardware
from .ports import Asked, Ports
from .wires import Wires

MEMORY = "256M"
FIRST_ANSWER = 60.0  # seconds that a guest may take until it answers
ENDING = 5.0  # seconds that a guest may take to end a command, or itself


class Machine:
    """A virtual machine that has booted. It ends with its `with` block, by `power_off` or `kill`, or with its lab."""

    def __init__(
        self,
        *,
        memory: int | str = MEMORY,
        cpus: int = 1,
        disk: Path | str | None = None,
        lab: Lab | None = None,
        kernel: Path | str | None = None,
        accelerator: str | None = None,
        timeout: float = FIRST_ANSWER,
    ) -> None:
        self.hardware = Hardware(size.parse(memory, what="memory"), cpus, disk=disk is not None, tsc_khz=tsc.khz())
        found = guest_kernel.find()
        current = lab or Lab.current()
        self._own = Lab() if current is None else None
        self.lab = current or self._own or Lab()
        contents = {"kernel": found.image.read_bytes(), "initramfs": initramfs.make(found)}
        files = {"disk": os.open(disk, os.O_RDWR | os.O_CLOEXEC)} if disk is not None else {}
        wires = Wires(contents, files)
        self._wires = wires
        self._ports = Ports(wires.ours)
        self._lock = threading.RLock()
        began = time.monotonic()
        self._program = self.lab.host.launch(self.hardware.command(wires.numbers), wires)
        try:
            if not self._ports.ready(timeout):
                raise TimeExpired(f"the guest had not answered after {timeout} s")
        except BaseException:
            self.kill()
            raise
        self.boot_seconds = time.monotonic() - began
        for fd in files.values():
            os.close(fd)

    # --- seen
    @property
    def accelerator(self) -> str:
        """ "kvm": the guest's instructions run on the real processor; "tcg": they are translated by software."""
        return self.hardware.accelerator

    @property
    def pid(self) -> int:
        """The number of QEMU's process as lab.host sees it."""
        return self._program.pid

    @property
    def host_pid(self) -> int:
        """The number of QEMU's process as the notebook sees it."""
        return self._program.host_pid

    @property
    def console(self) -> str:
        """All that the guest has written to its serial line so far."""
        return self._program.stdout

    @property
    def boot_log(self) -> tuple[Message, ...]:
        """What its kernel has said so far, with the time by the guest's own clock."""
        return boot_log.parse(self.console)

    @property
    def memory(self) -> int:
        """Bytes that QEMU's process takes now: PSS, with its share of what it shares with others; see proc(5)."""
        found = re.search(r"^Pss: +(\d+) kB", proc.text_of(self.host_pid, "smaps_rollup"), re.MULTILINE)
        assert found
        return int(found[1]) * 1024

    @property
    def cpu_seconds(self) -> float:
        """Seconds of processor time that QEMU's process has used so far."""
        fields = proc.text_of(self.host_pid, "stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    # --- used
    def run(self, argv: Iterable[str], *, timeout: float | None = None) -> Run:
        """Runs a command in the guest and waits for its end. After `timeout` seconds it is killed: TimeExpired."""
        command, began = words(argv), time.monotonic()
        with self._lock:
            try:
                asked = self._ports.ask(command)
                in_time = self._finish(asked, None if timeout is None else began + timeout)
            except (ConnectionError, OSError):
                raise Gone(f"the machine ended during {command[0]}") from None
        said = {name: bytes(data).decode(errors="replace") for name, data in asked.said.items()}
        run = Run(command, asked.returncode, said["out"], said["err"], time.monotonic() - began)
        if not in_time:
            raise TimeExpired(f"{command[0]} had not ended after {timeout} s", run=run)
        return run

    def _finish(self, asked: Asked, until: float | None) -> bool:
        try:
            in_time = self._ports.wait(asked, until)
        except BaseException:
            self._ports.end(asked, ENDING)
            raise
        if not in_time and not self._ports.end(asked, ENDING):
            self.kill()
        return in_time

    # --- its end
    def power_off(self) -> None:
        """Has the guest write what it has not yet written, and switch itself off."""
        if not self._program.poll() and not self._program.result:
            self._ports.power_off()
            with suppress(TimeExpired):
                self._program.wait(ENDING)
        self.kill()

    def kill(self) -> None:
        """Pulls the plug: SIGKILL for QEMU's process. Twice is fine."""
        self._program.kill()
        self._program.wait()
        self._wires.hang_up()
        if self._own:
            self._own.close()

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, *_: object) -> None:
        self.power_off()
