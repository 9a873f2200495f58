"""The one list of the course's lessons: whatever lists lessons reads it, and a test compares README with it.

A new lesson is one line here, a notebook, and a folder of exercises in `course/lessons/`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from ..errors import BadInput

QEMU = "qemu-system-aarch64" if os.uname().machine == "aarch64" else "qemu-system-x86_64"


@dataclass(frozen=True)
class Lesson:
    """One line of the list. `programs` must be installed for it; `needs` are other demands, in the doctor's words.

    `minutes` is what a learner takes. A lesson that is `planned` has no notebook yet.
    """

    number: str
    slug: str
    title: str
    minutes: int
    programs: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    planned: bool = False

    @property
    def notebook(self) -> str:
        """The notebook's file name without its suffix: "03_namespaces"."""
        return f"{self.number}_{self.slug}"


LESSONS = (
    Lesson("00", "start_here", "Start here", 30, programs=("ps",)),
    Lesson("01", "kernel_and_processes", "The kernel and its processes", 75, programs=("ps", "strace")),
    Lesson("02", "virtual_machines", "Virtual machines", 75, programs=("ps", QEMU, "busybox"), needs=("kvm",)),
    Lesson("03", "namespaces", "Namespaces", 160,
           programs=("ps", "ip", "hostname", "mount", "unshare"), needs=("Linux 5.8",)),
    Lesson("04", "control_groups", "Control groups", 120, programs=("ps",), needs=("control groups",)),
    Lesson("05", "network", "Network", 75, programs=("ip", "strace", "busybox"), needs=("networks",)),
    Lesson("06", "images_and_layers", "Images and layers", 105, programs=("busybox",)),
    Lesson("07", "whole_container", "The whole container", 90, programs=("mount", "unshare", "strace")),
    Lesson("08", "engines", "Engines", 60, planned=True),
    Lesson("09", "vm_versus_container", "Virtual machine or container", 60, programs=("ps", "busybox")),
    Lesson("10", "why_containers", "Why containers", 60, planned=True),
    Lesson("11", "orchestration", "Orchestration", 90, planned=True),
    Lesson("12", "capstone", "Capstone", 60, planned=True),
)  # fmt: skip

WRITTEN = tuple(each for each in LESSONS if not each.planned)
NUMBERS = tuple(each.number for each in WRITTEN)


def lesson(number: str) -> Lesson:
    """The lesson with this number. Raises BadInput for a number that is not in the list."""
    found = next((each for each in LESSONS if each.number == number), None)
    if found is None:
        raise BadInput(f"there is no lesson {number[:40]!r}", hint=f"there are {', '.join(NUMBERS)}")
    return found


def lessons_with(*, program: str = "", need: str = "") -> tuple[str, ...]:
    """The numbers of the written lessons that use a program, or have a need."""
    return tuple(each.number for each in WRITTEN if program in each.programs or need in each.needs)
