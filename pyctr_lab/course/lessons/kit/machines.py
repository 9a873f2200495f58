"""Virtual machines as ground of an exercise, and QEMU's processes as a check sees them."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from .... import Unsupported
from ...grading import Exercise, Ground, KernelView, all_below

if TYPE_CHECKING:
    from ....machines import Machine

BOOT_PATIENCE = 60.0  # seconds for a machine to be put together, on a host that is itself emulated


class OfMachines(Exercise):
    """An exercise that needs QEMU."""

    def unavailable_reason(self) -> str:
        """Where QEMU is missing: what to install."""
        from ....machines import check_emulator

        try:
            check_emulator()
        except Unsupported as why:
            return str(why)
        return ""

    def teardown(self, ground: Ground) -> None:
        for held in ground.held.values():
            (held.close if hasattr(held, "close") else held.kill)()
        ground.held.clear()


def qemu(memory: int, *options: str, cpus: int = 1, prepaid: bool = False, translated: int = 64) -> list[str]:
    """QEMU's command line for a machine that stands at its first instruction (-S) and goes no further.

    `memory` in MiB is promised, and taken at once if it is `prepaid`; `translated` MiB of addresses are set aside for
    the translations of the guest's code.
    """
    from ....machines import BOARD, QEMU

    machine = os.uname().machine
    command = [QEMU[machine], "-nodefaults", "-no-user-config", "-display", "none", "-S", "-machine", BOARD[machine]]
    command += ["-accel", f"tcg,tb-size={translated}", "-m", f"{memory}M", "-smp", str(cpus), *options]
    if prepaid:
        command += [
            "-object",
            f"memory-backend-ram,id=ram,size={memory}M,prealloc=on",
            "-machine",
            "memory-backend=ram",
        ]
    return command


def hold(ground: Ground, **given: object) -> Machine:
    """A machine that runs for as long as the ground is there."""
    from ....machines import Machine

    ground.held["machine"] = machine = Machine(lab=ground.lab, **given)  # type: ignore[arg-type]
    return machine


def machines_in(view: KernelView) -> set[int]:
    """The QEMU processes of the lab, by their numbers on this machine: found by /proc/PID/exe, not by a name."""
    return {pid for pid in all_below(view.host) if is_qemu(pid)}


def is_qemu(pid: int) -> bool:
    """Whether a process is QEMU."""
    with suppress(OSError):
        return os.path.basename(os.readlink(f"/proc/{pid}/exe")).startswith("qemu-system-")
    return False
