"""What the guest's kernel says, with the time by its own clock."""

from __future__ import annotations

import re
from dataclasses import dataclass

LINE = re.compile(r"^\[ *(\d+\.\d{6})\] ?(.*?)\r*$", re.MULTILINE)
USER_SPACE = "lab: user space has begun"  # our init says these two through the kernel's log
READY = "lab: ready"


@dataclass(frozen=True)
class Message:
    """A line of the kernel's log. `seconds` since the kernel started its clock, by that clock."""

    seconds: float
    text: str


def parse(console: str) -> tuple[Message, ...]:
    """The timed messages in what a console said; other lines are passed over."""
    return tuple(Message(float(seconds), text) for seconds, text in LINE.findall(console))
