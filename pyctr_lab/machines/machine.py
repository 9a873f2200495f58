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
from ..kernel.checks import check_seconds
from ..runtime import Lab, Run
from ..runtime.process import OldName
from ..runtime.program import check_command
from . import boot_log, guest_kernel, initramfs, machine_options, tsc
from .boot import boot_guest, start_guest
from .boot_log import Message
from .channels import GuestCommand
from .hardware import Hardware

ANSWER = 300.0  # seconds until a guest must answer: one that is emulated in an emulated machine needs minutes
PATIENCE = 10.0  # seconds for a guest to end a killed command
Number = TypeVar("Number", int, float)
OFF = 30.0  # seconds for a guest to power off


class Machine:
    """A virtual machine that has booted. It ends with its `with` block, by `power_off` or `kill`, or with its lab.

    `memory` is a size ("256M"), `cpus` may be more than the host has. `disk` is a file that becomes the guest's
    /dev/vda and outlives it; `disk_size` makes it if it does not exist. `lab` is the lab whose process QEMU
    becomes; by default the newest lab, or a lab of its own. `kernel` is the image of another kernel. The content of
    the folder `files` is copied below the guest's `/`; files that the guest has already stay. `accelerator` is "kvm" or
    "tcg"; by default KVM if guests are known to run under it. `timeout`: seconds until the guest must answer; a silent
    guest is started once more, with the same timeout.

    `boot_seconds` is the time from the start of QEMU to the guest's first answer; `kvm` says whether KVM `.works` here,
    and if not the `.reason`.

    Raises BadInput for wrong arguments, Unsupported if a program or kernel is missing, Busy if another machine has the
    disk, and Gone or TimeExpired with the console's last lines if the guest ends or hangs during boot. No process is
    left then.
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
        wanted = machine_options.check_options(memory, cpus, disk, disk_size, kernel, accelerator, timeout)
        tree = None if files is None else machine_options.check_files(files)
        self.kernel = wanted.kernel or guest_kernel.find_kernel()
        contents = {"kernel": self.kernel.image.read_bytes(), "initramfs": initramfs.make_initramfs(self.kernel, tree)}
        hardware = Hardware(wanted.memory, wanted.cpus, disk=wanted.disk is not None, tsc_khz=tsc.khz())
        self._lock = threading.RLock()
        with ExitStack() as undo, ExitStack() as opened:
            self.lab = lab or Lab.current() or undo.enter_context(Lab(private=True))
            file = wanted.open_disk()
            descriptors = {"disk": opened.enter_context(file).fileno()} if file else {}
            start = partial(start_guest, self.lab, hardware, contents, descriptors, wanted.timeout)
            booted = boot_guest(start, wanted.accelerator)
            self._emulator, self.boot_seconds, self.kvm = booted.emulator, booted.seconds, booted.kvm
            undo.callback(self._emulator.kill)
            self._end = undo.pop_all()

    # --- state
    @property
    def accelerator(self) -> str:
        """ "kvm": the processor runs the guest's instructions; "tcg": QEMU translates them."""
        return self.hardware.accelerator

    @property
    def hardware(self) -> Hardware:
        """The hardware of the guest."""
        return self._emulator.hardware

    @property
    def alive(self) -> bool:
        """Whether the QEMU process is still running."""
        return self._emulator.alive

    @property
    def pid(self) -> int:
        """The pid of QEMU in the PID namespace of lab.host."""
        return self._emulator.program.pid

    @property
    def machine_pid(self) -> int:
        """The pid of QEMU in the PID namespace of the notebook."""
        return self._emulator.program.machine_pid

    host_pid = OldName("machine_pid")

    @property
    def console(self) -> str:
        """The output of the guest's serial line so far."""
        return self._emulator.console

    @property
    def boot_log(self) -> tuple[Message, ...]:
        """The messages of the guest's kernel so far, with times by the guest's clock."""
        return boot_log.parse_log(self.console)

    @property
    def memory(self) -> int:
        """Bytes of memory of the QEMU process: its PSS (proc(5)), in which a page that two share counts as half."""
        return self._ask_proc(proc.pss)

    @property
    def cpu_seconds(self) -> float:
        """Seconds of processor time that the QEMU process has used so far."""
        return self._ask_proc(proc.cpu_seconds)

    def _ask_proc(self, field: Callable[[int], Number]) -> Number:
        if not self.alive:
            raise self._gone()
        try:
            return field(self.machine_pid)
        except ProcessLookupError:  # another thread has killed it meanwhile
            raise self._gone() from None

    def _gone(self) -> Gone:
        return Gone("this machine is switched off", hint="Machine() boots another")

    # --- commands
    def run(self, argv: Iterable[str], *, timeout: float | None = None) -> Run:
        """Run a command in the guest and wait for its end. Its standard input is empty.

        After `timeout` seconds the command is killed with all of its session, and TimeExpired raised; interrupting the
        cell kills it too. Raises Gone if the machine has ended or ends meanwhile. A command that does not exist returns
        127, as in a shell. Output of a process left in the background may come with the next command's output.
        """
        command, began = check_command(argv), time.monotonic()
        if timeout is not None:
            check_seconds(timeout, "timeout")
        with self._lock:
            if not self.alive:
                raise self._gone()
            try:
                sent = self._emulator.channels.command(command)
                in_time = self._finish(sent, None if timeout is None else began + timeout)
            except ConnectionError:
                raise self._emulator.why_it_ended(f"during {shlex.join(command)}") from None
        output = {name: bytes(data).decode(errors="replace") for name, data in sent.output.items()}
        run = Run(command, sent.returncode, output["out"], output["err"], time.monotonic() - began)
        if not in_time:
            hint = "it was killed" if sent.done else "it could not be killed, so the machine was"
            raise TimeExpired(f"{shlex.join(command)} had not ended after {timeout} s", run=run, hint=hint)
        return run

    def _finish(self, sent: GuestCommand, until: float | None) -> bool:
        """Start a command; return whether it ended in time. Otherwise kill it; if that fails, kill the machine."""
        try:
            self._emulator.channels.begin(sent)
            in_time = self._emulator.channels.wait(sent, until)
        except ConnectionError:  # the machine has ended by itself
            raise
        except BaseException:  # an interrupted cell: the command must not go on in the background
            self._kill_command(sent)
            raise
        if not in_time:
            self._kill_command(sent)
        return in_time

    def _kill_command(self, sent: GuestCommand) -> None:
        try:
            ended = self._emulator.channels.end(sent, PATIENCE)
        except BaseException:  # interrupted again: the rest of its output would come with the next command's
            self.kill()
            raise
        if not ended:
            self.kill()

    # --- end
    def power_off(self) -> None:
        """Have the guest write unsaved data to its disk and power off. A second call does nothing."""
        try:
            with suppress(ConnectionError, TimeExpired):
                if self.alive:
                    self._emulator.channels.power_off()
                    self._emulator.program.wait(OFF)
        finally:
            self.kill()

    def kill(self) -> None:
        """Send SIGKILL to QEMU, as pulling the plug. Data not yet on disk is lost. A second call does nothing."""
        self._end.close()

    def __repr__(self) -> str:
        off = "" if self.alive else ", switched off"
        return f'Machine(memory="{size.spell_size(self.hardware.memory)}", cpus={self.hardware.cpus}{off})'

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.power_off()
        else:
            self.kill()
