"""Lesson 02: virtual machines, graded by what the host's kernel knows of QEMU's processes, and by what a disk holds."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from ... import steps
from ...errors import Unsupported
from ...kernel import proc
from ..answers import Answer, Names
from ..exercise import Exercise, Ground, Misconception, Values
from ..scene import Scene, descendants, until
from ..verdict import Requirement
from .lesson_03_first_wall import named, role

if TYPE_CHECKING:
    from ...machines import Machine

MIB = 1 << 20
PATIENCE = 60.0  # seconds for a machine to be put together, on a host that is itself emulated


class OfMachines(Exercise):
    """An exercise that needs QEMU."""

    def hindrance(self) -> str:
        """Where QEMU is missing: what to install."""
        from ...machines import demands

        try:
            demands.check_emulator()
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
    from ...machines.hardware import BOARD, QEMU

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
        until(lambda: pss(ground.scene(), taken) > 80 * MIB and threads(ground.scene(), cpus) > 6, PATIENCE)

    def check(self, scene: Scene, answer: Answer) -> Sequence[Requirement]:
        sizes = {name: pss(scene, name) for name in scene.values["names"]}
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


def pss(scene: Scene, name: str) -> int:
    """What a process takes, in bytes; what two share is halved. 0 while it is on its way."""
    found = re.search(r"^Pss: +(\d+) kB", scene.file(name, "smaps_rollup"), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def threads(scene: Scene, name: str) -> int:
    """How many threads a process has."""
    return int(scene.status(name)["Threads"])


class MachineToOrder(OfMachines):
    """A deed: a machine of a given size, booted and left running."""

    id = "2.2"
    title = "A machine to order"
    question = """Boot a virtual machine with exactly {memory} MiB of memory and {cpus} processors, and leave it
    running."""
    hints = (
        """Machine(...) is the call; memory and cpus say what it is given. It runs for as long as something holds it:
        a variable, not a `with` block that has ended.""",
        """What the guest reports as MemTotal is less than what the machine has: its kernel keeps some for itself before
        it counts. The order is about the machine.""",
        'mine = Machine(memory="{memory}M", cpus={cpus})',
    )
    misconceptions = (
        Misconception(
            "M1",
            "A container with that much memory is a machine of that size.",
            """There is a process in {box} with that limit. It has a limit now, and no hardware, no processor and no
            kernel of its own: no machine has been started.""",
            lambda scene, answer: limited(scene) and not any(size(pid) == wanted(scene) for pid in newcomers(scene)),
            lambda ground: ground.box.apply(steps.ResourceLimit("as", ground.values["memory"] * MIB)),
        ),
        Misconception(
            "M2",
            "A machine has as much memory as its kernel reports as MemTotal.",
            """That machine has more than was ordered: perhaps so that `free` in the guest shows the figure? Its kernel
            keeps some for itself before it counts; the order is about the machine.""",
            lambda scene, answer: any(0 < size(pid) - wanted(scene) <= 80 * MIB for pid in newcomers(scene)),
            lambda ground: hold(ground, memory=f"{ground.values['memory'] + 44}M", cpus=ground.values["cpus"]),
        ),
        Misconception(
            "M3",
            "Each thread of QEMU's is a processor of the guest.",
            """QEMU has two threads or more for itself, besides one for each processor. Ask the guest: nproc.""",
            lambda scene, answer: any(
                size(pid) == wanted(scene) and cpus_of(pid) == scene.values["cpus"] - 2 for pid in newcomers(scene)
            ),
            lambda ground: hold(ground, memory=f"{ground.values['memory']}M", cpus=ground.values["cpus"] - 2),
        ),
        Misconception(
            "M4",
            "A machine that was put together has booted.",
            """That machine has the right size, and its processors have not done anything: it was stopped before its
            first instruction, or is still on its way. No kernel has run in it.""",
            lambda scene, answer: any(fits(scene, pid) and not has_run(pid) for pid in newcomers(scene)),
            lambda ground: stopped(ground),
        ),
    )
    after = (
        "To the host it is a process with a range of memory and some threads. The machine is in the eye of the guest."
    )
    names = ("bench",)

    def values(self, random: Random) -> Values:
        return {"box": "bench", "memory": random.randrange(100, 150, 4), "cpus": 3}

    def setup(self, ground: Ground) -> None:
        ground.add(ground.values["box"])
        ground.facts["before"] = sorted(machines_in(ground.scene()))

    def check(self, scene: Scene, answer: Answer) -> Sequence[Requirement]:
        memory, cpus = scene.values["memory"], scene.values["cpus"]
        marks = {pid: (size(pid) == wanted(scene), cpus_of(pid) == cpus, has_run(pid)) for pid in newcomers(scene)}
        best = max((pid for pid in marks if any(marks[pid])), key=lambda pid: sum(marks[pid]), default=0)
        right_size, right_cpus, ran = marks.get(best, (False, False, False))
        none = f"no QEMU has been started in the lab since the exercise began (/proc/{scene.host} and those below it)"
        place = f"/proc/{best}"
        return [
            Requirement(
                f"a machine has {memory} MiB",
                right_size,
                f"{place}/maps has {size(best) // MIB} MiB for the guest" if best else none,
                f"a QEMU process below the lab with a range of {memory} MiB for its guest",
                "the guest's memory is a range of addresses in one process",
                f'Machine(memory="{memory}M", ...)',
            ),
            Requirement(
                f"it has {cpus} processors",
                right_cpus,
                f"{place}/cmdline asks for {cpus_of(best)}" if best else none,
                f"{cpus} of them",
                "a virtual processor is a thread: there may be more of them than the host has cores",
                f"Machine(..., cpus={cpus})",
            ),
            Requirement(
                "its guest has run",
                ran,
                f"{place}/task: none of its processors has had time to boot a kernel" if best else none,
                "threads that have computed",
                "a machine is more than its parts: somebody has to execute the guest's instructions",
                "vm.console",
            ),
        ]

    def solution(self, ground: Ground) -> object:
        from pyctr_lab import Machine

        memory, cpus = f"{ground.values['memory']}M", ground.values["cpus"]
        ground.held["mine"] = Machine(memory=memory, cpus=cpus, lab=ground.lab)  # in a notebook: mine = Machine(...)
        return None


def hold(ground: Ground, **given: object) -> Machine:
    """A machine that runs for as long as the ground is there."""
    from ...machines import Machine

    ground.held["machine"] = machine = Machine(lab=ground.lab, **given)  # type: ignore[arg-type]
    return machine


def stopped(ground: Ground) -> None:
    """A machine of the right size that never runs."""
    memory, cpus = ground.values["memory"], ground.values["cpus"]
    program = ground.box.start(qemu(memory, cpus=cpus))
    until(lambda: int(proc.status(program.host_pid)["Threads"]) > cpus, PATIENCE)


def machines_in(scene: Scene) -> set[int]:
    """The QEMU processes of the lab, by their numbers on this machine. Told by the program's file, not by a name."""
    return {pid for pid in descendants(scene.host) if is_qemu(pid)}


def is_qemu(pid: int) -> bool:
    """Whether a process is QEMU."""
    with suppress(OSError):
        return os.path.basename(os.readlink(f"/proc/{pid}/exe")).startswith("qemu-system-")
    return False


def newcomers(scene: Scene) -> list[int]:
    """Those that were not there yet when the ground was made."""
    return sorted(machines_in(scene) - set(scene.facts["before"]))


def options(pid: int) -> dict[str, str]:
    """The options of a QEMU process that have a value, the last one where there are several."""
    with suppress(OSError):
        words = proc.text_of(pid, "cmdline").split("\0")
        return {one: other for one, other in pairwise(words) if one.startswith("-")}
    return {}


def size(pid: int) -> int:
    """The guest's memory in bytes: a range of addresses of that size must be there, else it is 0."""
    number = re.match(r"(\d+)([KMG]?)", options(pid).get("-m", ""))
    if not number:
        return 0
    promised = int(number[1]) * {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "": 1 << 20}[number[2]]
    with suppress(OSError):
        ranges = re.findall(r"^([0-9a-f]+)-([0-9a-f]+) rw", proc.text_of(pid, "maps"), re.MULTILINE)
        return promised if any(int(end, 16) - int(begin, 16) >= promised for begin, end in ranges) else 0
    return 0


def cpus_of(pid: int) -> int:
    """The guest's processors: as many as were asked for, if there are threads for them."""
    asked = int(re.sub(r"\D.*", "", options(pid).get("-smp", "1")) or 1)
    with suppress(OSError):
        there = len(os.listdir(f"/proc/{pid}/task"))
        return asked if there > asked or "-icount" in options(pid) else 0  # -icount: one thread plays them all
    return 0


def has_run(pid: int) -> bool:
    """Whether a thread besides the first has computed for a fifth of a second: less boots no kernel."""
    with suppress(OSError):
        tasks = [int(task) for task in os.listdir(f"/proc/{pid}/task") if int(task) != pid]
        return any(ticks(pid, task) >= os.sysconf("SC_CLK_TCK") // 5 for task in tasks)
    return False


def ticks(pid: int, task: int) -> int:
    """Processor time of a thread, in ticks."""
    fields = Path(f"/proc/{pid}/task/{task}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def wanted(scene: Scene) -> int:
    """The memory of the order, in bytes."""
    return int(scene.values["memory"]) * MIB


def fits(scene: Scene, pid: int) -> bool:
    """Whether a machine is of the right size."""
    return size(pid) == wanted(scene) and cpus_of(pid) == scene.values["cpus"]


def limited(scene: Scene) -> bool:
    """Whether the container's addresses are limited to what the order says."""
    return f" {wanted(scene)} " in scene.file(scene.values["box"], "limits")


EXERCISES: tuple[Exercise, ...] = (WhoTakesMost(), MachineToOrder())
