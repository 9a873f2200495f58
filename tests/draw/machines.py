"""What the pictures of lesson 02 are made from, by hand: the usual cases and the extreme ones."""

from __future__ import annotations

from pyctr_lab.draw import boot, hypervisors
from pyctr_lab.draw.boot import Part, waterfall
from pyctr_lab.draw.growth import MemoryReading
from pyctr_lab.draw.hypervisors import Case
from pyctr_lab.kernel.calls import Answer
from pyctr_lab.measure.density import Filled
from pyctr_lab.measure.timeline import LANDMARKS, Phase
from pyctr_lab.runtime.step_result import StepResult
from pyctr_lab.steps import LoopbackUp, NewNamespace, NoNewPrivileges, ReadOnlyRoot

MIB = 1 << 20
NAMES = ("QEMU starts, the kernel unpacks itself", *(name for name, _ in LANDMARKS))
PARTS = [Part("fork, exec, exit", 0.0012), Part("namespaces", 0.0011, wall=True), Part("mounts", 0.0004, wall=True),
         Part("limits", 0.0001, wall=True)]  # fmt: skip


def phases(*ends: float) -> list[Phase]:
    return [Phase(name, begin, end) for name, begin, end in zip(NAMES, (0.0, *ends), ends, strict=False)]


def history() -> list[StepResult]:
    """A start as its steps tell it: namespaces 0.3 ms, the network's own 0.6, files 0.2, limits 0.1."""
    took = {NewNamespace("uts"): 250, LoopbackUp(): 50, NewNamespace("net"): 600, ReadOnlyRoot(): 200,
            NoNewPrivileges(): 100}  # fmt: skip
    return [StepResult(step, (Answer(step.calls()[0], 0, seconds=us / 1e6),)) for step, us in took.items()]


def filled(size: int, count: int) -> list[Filled]:
    return [Filled("machine", number, 2.0 * number, number * size * MIB, 20_000 * MIB) for number in range(count + 1)]


EMULATED = phases(1.4, 1.7, 2.2, 3.7, 3.9, 4.2)
NESTED = phases(20.0, 25.0, 40.0, 58.0, 60.0, 61.3)
FAST = phases(0.05, 0.08, 0.15, 0.3, 0.31, 0.35)
GROWN = [MemoryReading(16 * MIB * number, (180 + 17 * number) * MIB) for number in range(4)]
RELEASE = "6.18.44-gentoo-with-a-long-name-0123456789"


def pictures():
    """Pictures drawn by hand, by name."""
    return {
        "waterfall": waterfall(history(), 0.0028, EMULATED, emulated=True),
        "waterfall, steps longer": waterfall(history(), 0.0008, FAST, emulated=False),
        "boot": boot(EMULATED, PARTS, emulated=True),
        "boot, nested": boot(NESTED, [Part(each.name, 8 * each.seconds, each.wall) for each in PARTS], emulated=True),
        "boot, kvm": boot(FAST, PARTS, emulated=False),
        "hypervisors, tcg": hypervisors(Case("tcg", "6.18.44", "6.1.0-56-cloud-amd64", host_is_guest=True)),
        "hypervisors, kvm": hypervisors(Case("kvm", RELEASE, RELEASE)),
    }
