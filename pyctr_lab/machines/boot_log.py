"""Messages of the guest's kernel, with times by its own clock."""

from __future__ import annotations

import re
from dataclasses import dataclass

LINE = re.compile(r"^\[ *(\d+\.\d{6})\] ?(.*?)\r*$", re.MULTILINE)
USER_SPACE = "lab: user space has begun"  # the script `init` writes these two into the kernel's log
READY = "lab: ready"


@dataclass(frozen=True)
class Message:
    """A line of the kernel's log. `seconds` since the kernel started its clock, by that clock."""

    seconds: float
    text: str


def parse_log(console: str) -> tuple[Message, ...]:
    """The messages with a time in the output of a console; other lines are left out."""
    return tuple(Message(float(seconds), text) for seconds, text in LINE.findall(console))
