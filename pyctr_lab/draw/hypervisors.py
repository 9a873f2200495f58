"""Hypervisors compared: one on bare metal, one hosted by a system, and a host of containers. Where is a kernel?

The picture is the same everywhere but for what was found on this machine: which case it is, and which kernels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import BadInput
from ..kernel.checks import check_kind, short_repr
from .picture import Picture
from .svg import clean_text, label, rect, svg
from .theme import NOTE, TAG, TEXT, TITLE

WIDTH, HEIGHT = 980, 452
COLUMN, GAP, LEFT = 296, 22, 24
FLOOR, LAYER = 372, 40


@dataclass(frozen=True)
class Case:
    """What was found: who carries out the guest's instructions ("kvm", "tcg"), and the release of each kernel.

    `host_is_guest`: the processor says of itself that it is a hypervisor's, so this host is a guest itself.
    """

    accelerator: str
    host_kernel: str
    guest_kernel: str
    host_is_guest: bool = False

    def __post_init__(self) -> None:
        check_kind(self.accelerator, str, "an accelerator")
        if self.accelerator not in ("kvm", "tcg"):
            raise BadInput(f"{short_repr(self.accelerator)} is no accelerator", hint="vm.accelerator says kvm or tcg")
        for release in (self.host_kernel, self.guest_kernel):
            check_kind(release, str, "a kernel's release")
        check_kind(self.host_is_guest, bool, "host_is_guest")


def hypervisors(case: Case) -> Picture:
    """The three ways side by side, and the one that is this machine's own marked."""
    check_kind(case, Case, "what was found", hint="draw.Case(vm.accelerator, host_kernel, guest_kernel)")
    heading, words = title(case), alt_text(case)
    parts = [
        label(24, 34, heading, size=TITLE, style="h", width=WIDTH - 48),
        label(24, 58, "who stands on whom; filled: a kernel; the case of this machine has an orange frame", style="d"),
        *_bare_metal(LEFT),
        *_hosted(LEFT + COLUMN + GAP, case),
        *_containers(LEFT + 2 * (COLUMN + GAP), case),
    ]
    return Picture(svg(WIDTH, HEIGHT, parts, title=heading, alt_text=words), words, heading)


def title(case: Case) -> str:
    """The finding: which of them this machine is."""
    how = {"kvm": "hosted by Linux, with KVM in its kernel", "tcg": "hosted by Linux, emulated in software"}
    return f"This machine: {how[case.accelerator]}; 1 guest, 1 more kernel"


def alt_text(case: Case) -> str:
    """The picture in words."""
    within = " The host is itself a guest of another hypervisor." if case.host_is_guest else ""
    who = {
        "kvm": "the host's kernel itself is the hypervisor (KVM), and QEMU, a program, plays the devices",
        "tcg": "QEMU, a program, plays the processor and the devices",
    }
    return clean_text(
        f"Three stacks. {title(case)}. Bare metal: hardware, hypervisor, and on it guests, each with a kernel of its"
        f" own. Hosted: hardware, the host's kernel (kernel {case.host_kernel} here), QEMU as one process, and in it"
        f" a guest with its own kernel (kernel {case.guest_kernel} here); on this machine {who[case.accelerator]}."
        f" Containers: hardware and one kernel for all; their walls are held by this kernel.{within}",
        limit=4000,
    )


def _box(
    x: float, y: float, width: float, height: float, text: str, *, kernel: bool = False, note: str = ""
) -> Iterator[str]:
    """One layer: a kernel is filled, all else is an outline."""
    yield rect(x, y, width, height, fill="dim" if kernel else "host", stroke="" if kernel else "idle", line=1)
    style = "c p h" if kernel else "c"
    middle = y + height / 2 + (5 if not note else -2)
    yield label(x + width / 2, middle, text, size=NOTE + 1, style=style, width=width - 8)
    if note:
        yield label(x + width / 2, middle + 15, note, size=TAG, style="c p" if kernel else "c d", width=width - 8)


def _head(x: float, text: str, below: str) -> Iterator[str]:
    yield label(x, 92, text, size=TEXT, style="h")
    yield label(x, FLOOR + 66, below, size=NOTE, style="d", width=COLUMN)


def _guest(x: float, floor: float, width: float, kernel: str, note: str) -> Iterator[str]:
    """Virtual hardware, a kernel of its own, programs: from `floor` upwards."""
    yield from _box(x, floor - LAYER + 4, width, LAYER - 4, "virtual hardware")
    yield from _box(x, floor - 2 * LAYER + 4, width, LAYER - 4, kernel, kernel=True, note=note)
    yield from _box(x, floor - 3 * LAYER + 4, width, LAYER - 4, "programs")


def _bare_metal(x: float) -> Iterator[str]:
    half = (COLUMN - 12) / 2
    yield from _head(x, "Bare metal", "3 kernels for 2 guests")
    yield from _box(x, FLOOR, COLUMN, LAYER, "hardware")
    yield from _box(
        x, FLOOR - LAYER, COLUMN, LAYER - 4, "hypervisor", kernel=True, note="a small kernel, for guests only"
    )
    for place in (x, x + half + 12):
        yield from _guest(place, FLOOR - LAYER - 4, half, "guest's kernel", "")


def _hosted(x: float, case: Case) -> Iterator[str]:
    wide = COLUMN - 112
    yield rect(x - 9, 72, COLUMN + 18, FLOOR + LAYER + 34 - 72, stroke="new", line=2.5)
    yield label(x + COLUMN, 92, "this machine", size=NOTE, style="n h e")
    yield from _head(x, "Hosted", "2 kernels for 1 guest, 1 more with each")
    note = "itself make-believe: another hypervisor's" if case.host_is_guest else ""
    yield from _box(x, FLOOR, COLUMN, LAYER, "hardware", note=note)
    kernel = "host's kernel" + (" and hypervisor (KVM)" if case.accelerator == "kvm" else "")
    yield from _box(x, FLOOR - LAYER, COLUMN, LAYER - 4, kernel, kernel=True, note=case.host_kernel)
    plays = "plays the devices" if case.accelerator == "kvm" else "plays processor and devices"
    yield from _box(x, FLOOR - 2 * LAYER, wide, LAYER - 4, "QEMU, a process", note=plays)
    yield from _guest(x, FLOOR - 2 * LAYER - 4, wide, "guest's kernel", case.guest_kernel)
    yield from _box(x + wide + 12, FLOOR - 2 * LAYER, COLUMN - wide - 12, LAYER - 4, "programs", note="this notebook")


def _containers(x: float, case: Case) -> Iterator[str]:
    yield from _head(x, "Containers", "1 kernel, however many there are")
    yield from _box(x, FLOOR, COLUMN, LAYER, "hardware")
    yield from _box(x, FLOOR - LAYER, COLUMN, LAYER - 4, "host's kernel", kernel=True, note=case.host_kernel)
    third = (COLUMN - 24) / 3
    for n in range(3):
        left = x + n * (third + 12)
        yield from _box(left, FLOOR - 2 * LAYER, third, LAYER - 4, "programs")
        for side in (left - 2, left + third - 2):
            yield rect(side, FLOOR - 2 * LAYER - 8, 4, LAYER + 4, fill="wall", radius=2)
    yield label(x, FLOOR - 2 * LAYER - 18, "blue: the walls, held by that one kernel", size=NOTE, style="w")
