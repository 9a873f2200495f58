"""Lesson 02: virtual machines, graded by what the host's kernel knows of QEMU's processes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING

from ....errors import Unsupported
from ...grading.exercise import Exercise, Ground, Misconception, Values
from ...grading.submissions import Answer, Names
from ...grading.verdicts import Requirement
from ...grading.view import Scene, descendants, until
from ..lesson_03.two_in_one_room import named, role

if TYPE_CHECKING:
    from ....machines import Machine

MIB = 1 << 20
PATIENCE = 60.0  # seconds for a machine to be put together, on a host that is itself emulated


class OfMachines(Exercise):
    """An exercise that needs QEMU."""

    def hindrance(self) -> str:
        """Where QEMU is missing: what to install."""
        from ....machines import machine_options

        try:
            machine_options.check_emulator()
        except Unsupported as why:
            return str(why)
        return ""

    def dissolve(self, ground: Ground) -> None:
        for held in ground.held.values():
            (held.close if hasattr(held, "close") else held.kill)()
        ground.held.clear()


def qemu(memory: int, *options: str, cpus: int = 1, prepaid: bool = False, translated: int = 64) -> list[str]:
    """QEMU's command line for a machine that stands at its first instruction (-S) and goes no further.

    `memory` in MiB is promised, and taken at once if it is `prepaid`; `translated` MiB of addresses are set aside for
    the translations of the guest's code.
    """
    from ....machines.hardware import BOARD, QEMU

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


class WhoTakesMost(OfMachines):
    """Four machines, each of them the largest in some way, and one that really takes memory from the host."""

    id = "2.1"
    title = "Promised is not taken"
    question = """On {box} stand four virtual machines, {all}, all switched on a moment ago and stopped before their
    first instruction. Which of them takes the most memory from the host, right now?"""
    wants = Names("one name", "...", count=1)
    hints = (
        """A machine is a process: ground.programs["{first}"].host_pid is its number on your machine. What a process
        takes, the kernel knows; what it was promised stands on its command line. These are two things.""",
        """/proc/PID/status has several sizes. VmSize counts addresses, taken or not. Look for one that counts memory
        that is really there: VmRSS, or Pss in /proc/PID/smaps_rollup.""",
        """For each name: open(f"/proc/{ground.programs[name].host_pid}/smaps_rollup").read(), and compare the line
        that begins with Pss.""",
    )
    misconceptions = (
        Misconception(
            "M1",
            "A machine takes what it was promised.",
            """That one was promised the most (-m on its command line). A promise is only a range of addresses: a page
            is taken when it is touched for the first time, and this guest has touched none.""",
            lambda scene, answer: role(scene, 1) in named(answer),
            lambda ground: role(ground, 1),
        ),
        Misconception(
            "M2",
            "The size of a process (VmSize, VSZ) is the memory that it takes.",
            """That one has the most addresses (VmSize): it has set aside room for translated code. Nobody has
            written there yet, so there is no memory behind them.""",
            lambda scene, answer: role(scene, 2) in named(answer),
            lambda ground: role(ground, 2),
        ),
        Misconception(
            "M3",
            "The machine with the most processors takes the most.",
            """That one has the most virtual CPUs. Each is a thread, and a thread costs the host little more than its
            stack.""",
            lambda scene, answer: role(scene, 3) in named(answer),
            lambda ground: role(ground, 3),
        ),
    )
    after = (
        "One had its memory touched in advance (prealloc). The others were promised more, and have taken next to none."
    )
    names = ("agate", "beryl", "garnet", "opal", "topaz", "shelf")

    def values(self, random: Random) -> Values:
        names = random.sample(self.names[:-1], 4)
        return {"names": names, "all": ", ".join(sorted(names)), "first": min(names), "box": "shelf"}

    def setup(self, ground: Ground) -> None:
        shelf = ground.add(ground.values["box"])
        taken, promised, addresses, cpus = ground.values["names"]
        commands = {
            taken: qemu(80, prepaid=True, translated=32),
            promised: qemu(512),
            addresses: qemu(48, translated=1024),
            cpus: qemu(48, cpus=6),
        }
        for name in sorted(commands):
            ground.programs[name] = shelf.start(commands[name])
        until(lambda: ground.scene().pss(taken) > 80 * MIB and threads(ground.scene(), cpus) > 6, PATIENCE)

    def check(self, scene: Scene, answer: Answer) -> Sequence[Requirement]:
        sizes = {name: scene.pss(name) for name in scene.values["names"]}
        (name,) = named(answer)
        return [
            Requirement(
                "its process takes more than any other",
                name in sizes and sizes[name] == max(sizes.values()),
                f"{name}: " + (f"Pss in /proc/{scene.pid(name)}/smaps_rollup is not the largest of the four"
                if name in sizes else "no machine of this ground; each has a /proc/PID/smaps_rollup"),
                "the one whose Pss is the largest",
                "memory is given out page by page, at the first touch, to a virtual machine as to any process",
                "/proc/PID/smaps_rollup of each",
            )
        ]  # fmt: skip

    def solution(self, ground: Ground) -> object:
        taken: dict[str, int] = {}
        for name, program in ground.programs.items():
            with open(f"/proc/{program.host_pid}/smaps_rollup") as file:
                taken[name] = next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
        return max(taken, key=lambda name: taken[name])


def threads(scene: Scene, name: str) -> int:
    """How many threads a process has."""
    return int(scene.status(name)["Threads"])


def hold(ground: Ground, **given: object) -> Machine:
    """A machine that runs for as long as the ground is there."""
    from ....machines import Machine

    ground.held["machine"] = machine = Machine(lab=ground.lab, **given)  # type: ignore[arg-type]
    return machine


def machines_in(scene: Scene) -> set[int]:
    """The QEMU processes of the lab, by their numbers on this machine. Told by the program's file, not by a name."""
    return {pid for pid in descendants(scene.host) if is_qemu(pid)}


def is_qemu(pid: int) -> bool:
    """Whether a process is QEMU."""
    with suppress(OSError):
        return os.path.basename(os.readlink(f"/proc/{pid}/exe")).startswith("qemu-system-")
    return False


EXERCISES: tuple[Exercise, ...] = (WhoTakesMost(),)
