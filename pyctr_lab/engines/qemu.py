"""A virtual machine, as in lesson 02: QEMU, a kernel of its own, and the same files."""

from __future__ import annotations

import time
from collections.abc import Iterable

from ..errors import LabError, Unsupported
from ..machines import Machine, guest_kernel
from ..machines.machine_options import check_emulator
from ..runtime import Lab, Run
from .engine import PATIENCE, READY, SECONDS, Available, Engine, Instance, processes

MEMORY = "128M"
BOOT = 300.0  # seconds that a boot may take: emulated in an emulated machine it needs minutes


class Qemu(Engine):
    """Boots for each run, and is powered off. What runs in it is no process of the host."""

    name = "qemu"
    title = "virtual machine"
    kind = "machine"
    about = "a virtual machine: a kernel of its own"
    slack = 5.0  # a program has this many boots' time at least: where booting is slow, all is

    def available(self) -> Available:
        try:
            check_emulator()
        except Unsupported as why:
            return Available(False, why.message, why.hint)
        if not (guest_kernel.of_host() or guest_kernel.in_cache()):  # a sandbox has no way to the network
            return Available(False, "there is no kernel for a guest", "`pyctr_lab.Machine()` fetches one, once", True)
        return Available(True)

    def prepare(self) -> None:
        self.lab = self.stack.enter_context(Lab())

    def _machine(self) -> Machine:
        machine = Machine(memory=MEMORY, files=self.rootfs, lab=self.lab, timeout=BOOT)
        self.emulated = machine.accelerator == "tcg"
        return machine

    def run(self, argv: Iterable[str], *, timeout: float = PATIENCE) -> Run:
        began = time.monotonic()
        with self._machine() as machine:
            run = machine.run(argv, timeout=max(timeout, machine.boot_seconds * self.slack))
        return Run(run.args, run.returncode, run.stdout, run.stderr, time.monotonic() - began)

    def start(self, *, timeout: float = PATIENCE) -> Instance:
        before, began = processes(), time.monotonic()
        machine = self._machine()
        script = f"setsid sleep {SECONDS} >/dev/null 2>&1 & echo {READY}"
        try:
            said = machine.run(["/bin/sh", "-c", script], timeout=max(timeout, machine.boot_seconds * self.slack))
            if said.stdout.strip() != READY:
                raise LabError(f"{self.name} did not start: {said.stderr.strip()[:300] or 'it said nothing'}")
        except BaseException:  # an interrupt too: the lab, and with it the machine, would live on
            machine.kill()
            raise
        return Instance(self, machine.kill, before, time.monotonic() - began)

    def time_script(self, script: str, *, timeout: float = PATIENCE) -> float:
        with self._machine() as machine:
            run = machine.run(["/bin/sh", "-c", f"{{ {script}; }} >/dev/null"], timeout=max(timeout, BOOT))
        if run.returncode:
            raise LabError(f"{self.name} did not run it to its end: {run.stderr.strip()[:300]}")
        return run.seconds

    def add_to_crowd(self) -> None:
        self.crowd.append(self._machine().kill)

    def payload(self, pids: Iterable[int]) -> None:
        """It is a process of the guest's kernel: the host has none."""
