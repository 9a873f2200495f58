"""Three worlds, one inside the other: your machine, the lab's host, the container. One process has a number in each.

The picture is made from one living process: its numbers are those of NSpid in /proc/PID/status, outermost first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..errors import BadInput
from ..kernel.checks import check_each, check_text
from .picture import Picture
from .svg import clean_text, label, rect, svg
from .theme import NOTE, TEXT, TITLE
from .wording import counted_noun, cut_title

WIDTH, LEFT, TOP = 980, 24, 76
INSET, STRIP, EDGE = 24, 56, 14  # of each frame within the one around it: at the sides, above, below
PROCESS = 44
HEIGHT = TOP + 3 * (STRIP + EDGE) + PROCESS + 16

#: From the outside in: a world's name, what it is, and who says the program's number there.
WORLDS = (
    ("your machine", "your notebook and your terminal run here", "program.machine_pid"),
    ("the lab's host", "lab.host, which Lab() has made", "program.pid"),
    ("the container", "made in the lab's host by a short list of steps", "what the program itself sees"),
)


def worlds(command: str, numbers: Sequence[int]) -> Picture:
    """The three worlds around one program, each with its name and the program's number in it, outermost first."""
    check_text(command, "a command")
    check_each(numbers, int, "a program's numbers", hint="worlds(\"sleep 1000\", [41234, 17, 2])")
    if len(numbers) != len(WORLDS):
        raise BadInput(f"a number for each of {len(WORLDS)} worlds, not {len(numbers)}", hint="outermost first")
    heading, words = title(command, numbers), alt_text(command, numbers)
    parts = [
        label(24, 34, heading, size=TITLE, style="h", width=WIDTH - 48),
        label(24, 58, "each frame is a world; a thick blue frame is a wall, and what is in it counts anew", style="d"),
        *(part for depth, number in enumerate(numbers) for part in _frame(depth, number)),
        *_process(command),
    ]
    return Picture(svg(WIDTH, HEIGHT, parts, title=heading, alt_text=words), words, heading)


def title(command: str, numbers: Sequence[int]) -> str:
    """The finding: how many numbers the one process has."""
    return cut_title(f"One process, {counted_noun(len(numbers), 'number')}: {clean_text(command)}")


def alt_text(command: str, numbers: Sequence[int]) -> str:
    """The picture in words."""
    said = "; ".join(f"{name} ({what}): it is number {number}" for (name, what, _), number
                     in zip(WORLDS, numbers, strict=True))  # fmt: skip
    return clean_text(f"Three worlds, one inside the other, and one process, {command}. {said}.", limit=4000)


def _place(depth: int) -> tuple[float, float, float, float]:
    """Left, top, width and height of a frame."""
    height = PROCESS + (len(WORLDS) - depth) * (STRIP + EDGE)
    return LEFT + depth * INSET, TOP + depth * STRIP, WIDTH - 2 * (LEFT + depth * INSET), height


def _frame(depth: int, number: int) -> Iterator[str]:
    """A world. A wall has another colour and a stronger line."""
    (x, y, width, height), (name, what, source) = _place(depth), WORLDS[depth]
    wall = depth > 0
    fill, stroke = ("paper", "host", "box")[depth], "wall" if wall else "idle"
    yield rect(x, y, width, height, fill=fill, stroke=stroke, line=4 if wall else 1.2)
    yield label(x + 16, y + 24, name, size=TEXT + 1, style="w h" if wall else "h")
    yield label(x + 16, y + 43, what, size=NOTE, style="d")
    yield label(x + width - 16, y + 25, f"number {number}", size=TITLE, style="e h")
    yield label(x + width - 16, y + 43, source, size=NOTE, style="e d")


def _process(command: str) -> Iterator[str]:
    x, y, width, _ = _place(len(WORLDS) - 1)
    yield rect(x + INSET, y + STRIP, width - 2 * INSET, PROCESS, fill="paper", stroke="new", line=2)
    words = f"the process: {command}"
    yield label(WIDTH / 2, y + STRIP + PROCESS / 2 + 5, words, size=TEXT, style="c h", width=width - 3 * INSET)
