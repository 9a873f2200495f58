"""Exercise 2.3: a machine to order, graded by the ranges, threads and processor time of QEMU's process."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from itertools import pairwise
from random import Random

from .... import steps
from ....kernel import proc
from ...grading import Ground, KernelView, Misconception, Requirement, Submission, Values, until
from ..kit import MIB
from ..kit.machines import BOOT_PATIENCE, OfMachines, hold, machines_in, qemu


class MachineToOrder(OfMachines):
    """A deed: a machine of a given size, booted and left running."""

    id = "2.3"
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
            believes="A container with that much memory is a machine of that size.",
            explains=(1,),
            message="""There is a process in {box} with that limit. It has a limit now, and no hardware, no
            processor and no kernel of its own: no machine has been started.""",
            sign=lambda view, answer: (
                address_limited(view) and not any(guest_bytes(pid) == ordered_bytes(view) for pid in newcomers(view))
            ),
            act=lambda ground: ground.box.apply(steps.ResourceLimit("as", ground.values["memory"] * MIB)),
        ),
        Misconception(
            believes="A machine has as much memory as its kernel reports as MemTotal.",
            explains=(1,),
            message="""That machine has more than was ordered: perhaps so that `free` in the guest shows the figure?
            Its kernel keeps some for itself before it counts; the order is about the machine.""",
            sign=lambda view, answer: any(
                0 < guest_bytes(pid) - ordered_bytes(view) <= 80 * MIB for pid in newcomers(view)
            ),
            act=lambda ground: hold(ground, memory=f"{ground.values['memory'] + 44}M", cpus=ground.values["cpus"]),
        ),
        Misconception(
            believes="Each thread of QEMU's is a processor of the guest.",
            explains=(2,),
            message="""It has too few processors. Where nothing is said of `cpus`, it is 1. And the threads of QEMU
            do not count them: it has two or more for itself, besides one for each processor. Ask the guest: nproc.""",
            sign=lambda view, answer: any(
                guest_bytes(pid) == ordered_bytes(view) and cpus_of(pid) == view.values["cpus"] - 2
                for pid in newcomers(view)
            ),
            act=lambda ground: hold(ground, memory=f"{ground.values['memory']}M", cpus=ground.values["cpus"] - 2),
        ),
        Misconception(
            believes="A machine that was put together has booted.",
            explains=(3,),
            message="""That machine has the right size, and its processors have not done anything: it was stopped
            before its first instruction, or is still on its way. No kernel has run in it.""",
            sign=lambda view, answer: any(fits_order(view, pid) and not has_run(pid) for pid in newcomers(view)),
            act=lambda ground: stopped_machine(ground),
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
        ground.facts["before"] = sorted(machines_in(ground.view()))

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        memory, cpus = view.values["memory"], view.values["cpus"]
        marks = {
            pid: (guest_bytes(pid) == ordered_bytes(view), cpus_of(pid) == cpus, has_run(pid))
            for pid in newcomers(view)
        }
        best = max((pid for pid in marks if any(marks[pid])), key=lambda pid: sum(marks[pid]), default=0)
        right_size, right_cpus, ran = marks.get(best, (False, False, False))
        none = f"no QEMU has been started in the lab since the exercise began (/proc/{view.host} and those below it)"
        place = f"/proc/{best}"
        return [
            Requirement(
                name=f"a machine has {memory} MiB",
                met=right_size,
                observed=f"{place}/maps has {guest_bytes(best) // MIB} MiB for the guest" if best else none,
                expected=f"a QEMU process below the lab with a range of {memory} MiB for its guest",
                why="the guest's memory is a range of addresses in one process",
                look=f'Machine(memory="{memory}M", ...)',
            ),
            Requirement(
                name=f"it has {cpus} processors",
                met=right_cpus,
                observed=f"{place}/cmdline asks for {cpus_of(best)}" if best else none,
                expected=f"{cpus} of them",
                why="a virtual processor is a thread: there may be more of them than the host has cores",
                look=f"Machine(..., cpus={cpus})",
            ),
            Requirement(
                name="its guest has run",
                met=ran,
                observed=f"{place}/task: none of its processors has had time to boot a kernel" if best else none,
                expected="threads that have computed",
                why="a machine is more than its parts: somebody has to execute the guest's instructions",
                look="vm.console",
            ),
        ]

    def solution(self, ground: Ground) -> object:
        from pyctr_lab import Machine

        memory, cpus = f"{ground.values['memory']}M", ground.values["cpus"]
        ground.held["mine"] = Machine(memory=memory, cpus=cpus, lab=ground.lab)  # in a notebook: mine = Machine(...)
        return None


def stopped_machine(ground: Ground) -> None:
    """A machine of the right size that never runs."""
    memory, cpus = ground.values["memory"], ground.values["cpus"]
    program = ground.box.start(qemu(memory, cpus=cpus))
    until(lambda: int(proc.status(program.machine_pid)["Threads"]) > cpus, BOOT_PATIENCE)


def newcomers(view: KernelView) -> list[int]:
    """The QEMU processes that started after the ground was made."""
    return sorted(machines_in(view) - set(view.facts["before"]))


def qemu_options(pid: int) -> dict[str, str]:
    """The options of a QEMU process that have a value, the last one where there are several."""
    with suppress(OSError):
        words = proc.text_of(pid, "cmdline").split("\0")
        return {one: other for one, other in pairwise(words) if one.startswith("-")}
    return {}


def guest_bytes(pid: int) -> int:
    """The guest's memory in bytes: a range of addresses of that size must be there, else it is 0."""
    number = re.match(r"(\d+)([KMG]?)", qemu_options(pid).get("-m", ""))
    if not number:
        return 0
    promised = int(number[1]) * {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "": 1 << 20}[number[2]]
    with suppress(OSError):
        ranges = re.findall(r"^([0-9a-f]+)-([0-9a-f]+) rw", proc.text_of(pid, "maps"), re.MULTILINE)
        return promised if any(int(end, 16) - int(begin, 16) >= promised for begin, end in ranges) else 0
    return 0


def cpus_of(pid: int) -> int:
    """The guest's processors: as many as were asked for, if there are threads for them."""
    asked = int(re.sub(r"\D.*", "", qemu_options(pid).get("-smp", "1")) or 1)
    with suppress(OSError):
        there = len(os.listdir(f"/proc/{pid}/task"))
        return asked if there > asked or "-icount" in qemu_options(pid) else 0  # -icount: one thread plays them all
    return 0


def has_run(pid: int) -> bool:
    """Whether a thread besides the first has computed for a fifth of a second: less boots no kernel."""
    with suppress(OSError):
        tasks = [int(task) for task in os.listdir(f"/proc/{pid}/task") if int(task) != pid]
        return any(proc.cpu_seconds(f"{pid}/task/{task}") >= 0.2 for task in tasks)
    return False


def ordered_bytes(view: KernelView) -> int:
    """The memory of the order, in bytes."""
    return int(view.values["memory"]) * MIB


def fits_order(view: KernelView, pid: int) -> bool:
    """Whether a machine is of the right size."""
    return guest_bytes(pid) == ordered_bytes(view) and cpus_of(pid) == view.values["cpus"]


def address_limited(view: KernelView) -> bool:
    """Whether the container's addresses are limited to what the order says."""
    return f" {ordered_bytes(view)} " in view.file(view.values["box"], "limits")
