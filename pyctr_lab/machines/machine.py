"""A virtual machine: QEMU as a process of the lab, with a kernel of its own inside."""

from __future__ import annotations

import shlex
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

from ..errors import BadInput, Gone, TimeExpired
from ..kernel import proc, size
from ..runtime import Lab, Run
from ..runtime.program import check_command
from . import boot_log, demands, guest_kernel, initramfs, tsc
from .boot import boot, started
from .boot_log import Message
from .hardware import Hardware
from .ports import Asked

ANSWER = 300.0  # seconds that a guest may take until it answers: emulated in an emulated machine it needs minutes
PATIENCE = 10.0  # seconds that a guest may take to end a command
Number = TypeVar("Number", int, float)
OFF = 30.0  # seconds that a guest may take to switch itself off


class Machine:
    """A virtual machine that has booted. It ends with its `with` block, by `power_off` or `kill`, or with its lab.

    `memory` is a size ("256M"), `cpus` may be more than the host has. `disk` is a file that becomes the guest's
    /dev/vda and outlives it; with a `disk_size` it is made where it is not there. `lab` is the lab whose process QEMU
    becomes: else the newest, else one of its own. `kernel` is another kernel than the one that is found. What is
    in the folder `files` the guest finds below its `/`, but for what is there already. `accelerator` is "kvm" or "tcg",
    else KVM where guests are known to run under it. `timeout`: seconds until the guest must answer;
    one that falls silent is begun again once, and has them anew.

    `boot_seconds` is the time from the start of QEMU to the guest's first answer; `kvm` is what is known of KVM here:
    whether it `.works`, and if not the `.reason`.

    Raises BadInput for what cannot be, Unsupported where something is not installed, and Gone or TimeExpired with the
    console's last lines when the guest ends or hangs as it boots. Nothing is left running then.
    """

    def __init__(
        self,
        *,
        memory: int | str = "256M",
        cpus: int = 1,
        disk: Path | str | None = None,
        disk_size: int | str | None = None,
        lab: Lab | None = None,
        kernel: Path | str | None = None,
        files: Path | str | None = None,
        accelerator: str | None = None,
        timeout: float = ANSWER,
    ) -> None:
        if lab is not None and not isinstance(lab, Lab):
            raise BadInput(f"a machine lives in a Lab, not in {type(lab).__name__}")
        demand = demands.check(memory, cpus, disk, disk_size, kernel, accelerator, timeout)
        tree = None if files is None else demands.check_files(files)
        self.kernel = demand.kernel or guest_kernel.find()
        contents = {"kernel": self.kernel.image.read_bytes(), "initramfs": initramfs.make(self.kernel, tree)}
        hardware = Hardware(demand.memory, demand.cpus, disk=demand.disk is not None, tsc_khz=tsc.khz())
        self._lock = threading.RLock()
        with ExitStack() as undo, ExitStack() as opened:
            self.lab = lab or Lab.current() or undo.enter_context(Lab(private=True))
            file = demand.open_disk()
            descriptors = {"disk": opened.enter_context(file).fileno()} if file else {}
            start = partial(started, self.lab, hardware, contents, descriptors, demand.timeout)
            booted = boot(start, demand.accelerator)
            self._emulator, self.boot_seconds, self.kvm = booted.emulator, booted.seconds, booted.kvm
            undo.callback(self._emulator.kill)
            self._end = undo.pop_all()

    # --- seen
    @property
    def accelerator(self) -> str:
        """ "kvm": the processor itself carries out the guest's instructions; "tcg": software translates them."""
        return self.hardware.accelerator

    @property
    def hardware(self) -> Hardware:
        """What the guest was given."""
        return self._emulator.hardware

    @property
    def alive(self) -> bool:
        """Whether it is still switched on."""
        return self._emulator.alive

    @property
    def pid(self) -> int:
        """The number of QEMU's process as lab.host sees it."""
        return self._emulator.program.pid

    @property
    def host_pid(self) -> int:
        """The number of QEMU's process as the notebook sees it."""
        return self._emulator.program.host_pid

    @property
    def console(self) -> str:
        """All that the guest has written to its serial line so far."""
        return self._emulator.console

    @property
    def boot_log(self) -> tuple[Message, ...]:
        """What its kernel has said so far, with the time by the guest's own clock."""
        return boot_log.parse(self.console)

    @property
    def memory(self) -> int:
        """Bytes of memory that QEMU's process takes now: its PSS (proc(5)), which halves what two share."""
        return self._ask_proc(proc.pss)

    @property
    def cpu_seconds(self) -> float:
        """Seconds of processor time that QEMU's process has used so far."""
        return self._ask_proc(proc.cpu_seconds)

    def _ask_proc(self, field: Callable[[int], Number]) -> Number:
        if not self.alive:
            raise self._gone()
        try:
            return field(self.host_pid)
        except ProcessLookupError:  # it was killed meanwhile, by another thread
            raise self._gone() from None

    def _gone(self) -> Gone:
        return Gone("this machine is switched off", hint="Machine() boots another")

    # --- used
    def run(self, argv: Iterable[str], *, timeout: float | None = None) -> Run:
        """Runs a command in the guest and waits for its end. Its standard input is empty.

        After `timeout` seconds it is killed with all of its session, and TimeExpired raised; interrupting the cell
        kills it too. Raises Gone when the machine has ended or ends meanwhile. A command that is not there ends with
        127, as in a shell. What a process left in the background says later may come with the next command's output.
        """
        command, began = check_command(argv), time.monotonic()
        if timeout is not None:
            demands.check_seconds(timeout, "a command")
        with self._lock:
            if not self.alive:
                raise self._gone()
            try:
                asked = self._emulator.ports.ask(command)
                in_time = self._finish(asked, None if timeout is None else began + timeout)
            except ConnectionError:
                raise self._emulator.why_it_ended(f"during {shlex.join(command)}") from None
        said = {name: bytes(data).decode(errors="replace") for name, data in asked.said.items()}
        run = Run(command, asked.returncode, said["out"], said["err"], time.monotonic() - began)
        if not in_time:
            hint = "it was killed" if asked.done else "it could not be killed, so the machine was"
            raise TimeExpired(f"{shlex.join(command)} had not ended after {timeout} s", run=run, hint=hint)
        return run

    def _finish(self, asked: Asked, until: float | None) -> bool:
        """Begins a command; whether it ended in time. When it did not it is made to, or else the machine is."""
        try:
            self._emulator.ports.begin(asked)
            in_time = self._emulator.ports.wait(asked, until)
        except ConnectionError:  # it has ended by itself
            raise
        except BaseException:  # an interrupted cell: nothing may go on behind its back
            self._make_end(asked)
            raise
        if not in_time:
            self._make_end(asked)
        return in_time

    def _make_end(self, asked: Asked) -> None:
        try:
            ended = self._emulator.ports.end(asked, PATIENCE)
        except BaseException:  # interrupted again: what it says now would come with the next command's output
            self.kill()
            raise
        if not ended:
            self.kill()

    # --- its end
    def power_off(self) -> None:
        """Has the guest write to its disk what it has not yet written, and switch itself off. Twice is fine."""
        try:
            with suppress(ConnectionError, TimeExpired):
                if self.alive:
                    self._emulator.ports.power_off()
                    self._emulator.program.wait(OFF)
        finally:
            self.kill()

    def kill(self) -> None:
        """Pulls the plug: SIGKILL for QEMU's process. What the guest had not yet written is lost. Twice is fine."""
        self._end.close()

    def __repr__(self) -> str:
        off = "" if self.alive else ", switched off"
        return f'Machine(memory="{size.shown(self.hardware.memory)}", cpus={self.hardware.cpus}{off})'

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.power_off()
        else:
            self.kill()
