"""Phases of a boot: the stretches between landmarks in the guest's kernel log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..kernel.checks import check_kind, check_list, check_seconds
from ..machines import Message

LANDMARKS = (
    ("the kernel finds memory and processor", "smp: Bringing up secondary CPUs"),
    ("it sets up its own tables", "Trying to unpack rootfs image"),
    ("it looks for devices, and wakes its drivers", "Run /init as init process"),
    ("the first program, init, starts", "lab: user space has begun"),
    ("modules loaded, ports opened", "lab: ready"),
)
"""What happens, and the beginning of the message that ends it. A landmark that a log lacks is passed over."""
BEFORE = "QEMU starts, the kernel unpacks itself"


@dataclass(frozen=True)
class Phase:
    """A stretch of a boot, in seconds since the emulator was started."""

    name: str
    begin: float
    end: float

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.end - self.begin


def phases(log: Sequence[Message], seconds: float) -> tuple[Phase, ...]:
    """The boot of a guest that answered after `seconds`, cut at the landmarks of its log.

    The guest's clock starts late: what lies before is what is left of `seconds`. Where that clock counts the guest's
    own steps instead of time (a guest within an emulated guest), it runs slow or fast, and is stretched to fit.
    """
    for each in check_list(log, "a log"):
        check_kind(each, Message, "each line of a log", hint="`machine.log` has them")
    check_seconds(seconds, "the time of a boot")
    marks = [(name, at) for name, text in LANDMARKS for at in [_said(log, text)] if at is not None]
    if not marks:
        return (Phase(BEFORE, 0.0, seconds),)
    last = marks[-1][1]
    scale = min(1.0, seconds / last) if last else 1.0
    ends = [(BEFORE, seconds - last * scale), *((name, seconds - (last - at) * scale) for name, at in marks)]
    begins = [0.0, *(end for _, end in ends)]
    return tuple(Phase(name, begin, end) for begin, (name, end) in zip(begins, ends, strict=False))


def _said(log: Sequence[Message], text: str) -> float | None:
    return next((message.seconds for message in log if message.text.startswith(text)), None)
