"""Engines below each other on one logarithmic scale: median, spread, and what the learner had said."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .look import NOTE, TITLE, VALUE, label, line, rect, svg, text_width
from .picture import Picture

WIDTH, LEFT, RIGHT = 980, 250, 800
TOP, ROW, HEADING = 108, 26, 30
GROUPS = {
    "no container": ("exec",),
    "one program makes the calls": ("ours", "ours+limits", "unshare", "bubblewrap"),
    "runtimes": ("lxc", "crun", "runc", "nspawn"),
    "managers and daemons": ("podman", "docker"),
    "a kernel of its own": ("gvisor", "qemu"),
}
NAMES = {
    "exec": "bare process", "ours": "this course", "ours+limits": "this course, limited", "lxc": "LXC",
    "podman": "Podman", "docker": "Docker", "gvisor": "gVisor", "qemu": "virtual machine",
}  # fmt: skip


@dataclass(frozen=True)
class Mark:
    """A row: a name, the least value, the median and the greatest, and the words beside it.

    `news` is the one that the title speaks of; `hatched` is not to be taken at face value, for the reason that is in
    the words; `guess` is what the learner had said; `other` another value of the same engine, drawn as an open mark.
    """

    name: str
    spread: tuple[float, float, float]
    words: str
    news: bool = False
    ours: bool = False
    hatched: bool = False
    guess: float = 0.0
    other: float = 0.0


@dataclass(frozen=True)
class Group:
    """Rows under a heading."""

    heading: str
    marks: tuple[Mark, ...]


def name_of(engine: str) -> str:
    """As a reader knows it."""
    return NAMES.get(engine, engine)


def grouped(marks: dict[str, Mark]) -> list[Group]:
    """Marks by their engines' names, in the order in which engines are told; those of a kind by their median."""
    found = []
    for heading, names in GROUPS.items():
        there = sorted((marks[name] for name in names if name in marks), key=lambda mark: mark.spread[1])
        found += [Group(heading, tuple(there))] if there else []
    return found


def ranking(
    groups: Sequence[Group], *, title: str, subtitle: str, twin: str, unit: str, note: str = "", one: float = 0.0
) -> Picture:
    """The groups as a picture. `unit` stands at the axis; `note` below it; `one` is a value with a line through it."""
    marks = [mark for group in groups for mark in group.marks]
    axis = Axis.around([value for mark in marks for value in (*mark.spread, mark.guess, mark.other) if value > 0])
    if any(mark.guess > 0 for mark in marks):
        note = " · ".join(filter(None, ("dashed: your guess", note)))
    bottom = TOP + HEADING * len(groups) + ROW * len(marks)
    height = bottom + 44 + (22 if note else 0)
    head = [
        label(24, 34, title, size=TITLE, style="h", width=WIDTH - 48),
        label(24, 58, subtitle, style="d", width=WIDTH - 48),
    ]
    body = [*axis.lines(TOP - 18, bottom, unit)]
    if one:
        x = axis.place(one)
        body.append(line(x, TOP - 18, x, bottom, stroke="wall", line=1.2, dash="6 3"))
    y = float(TOP)
    for group in groups:
        body.append(label(24, y + 6, group.heading, size=NOTE, style="d"))
        y += HEADING
        for mark in group.marks:
            body += row(mark, axis, y)
            y += ROW
    if note:
        body.append(label(24, bottom + 50, note, size=NOTE, style="d", width=WIDTH - 48))
    return Picture(svg(WIDTH, height, [*head, *body], title=title, twin=twin), twin, title)


def row(mark: Mark, axis: Axis, y: float) -> Iterator[str]:
    """One engine."""
    least, median, greatest = (axis.place(value) for value in mark.spread)
    colour = "new" if mark.news else "wall" if mark.ours else "ink"
    yield label(LEFT - 14, y + 5, mark.name, style="e h" if mark.ours or mark.news else "e", width=LEFT - 40)
    yield line(LEFT, y, RIGHT, y, stroke="rule")
    if greatest - least > 1:
        yield line(least, y, greatest, y, stroke="idle", line=2)
        yield line(least, y - 5, least, y + 5, stroke="idle", line=2)
        yield line(greatest, y - 5, greatest, y + 5, stroke="idle", line=2)
    end = max(median, greatest)
    if mark.other > 0:
        x = axis.place(mark.other)
        yield circle(x, y, 5, fill="paper", stroke=colour)
        end = max(end, x)
    if mark.hatched:
        yield diamond(median, y, fill="paper", stroke=colour)
        yield line(median - 3, y + 3, median + 3, y - 3, stroke=colour)
    else:
        yield circle(median, y, 5, fill=colour)
    style = "n h" if mark.news else "w h" if mark.ours else "h"
    wide = text_width(mark.words, VALUE, bold=True)
    x = end + 12
    if mark.guess > 0:
        guess = axis.place(mark.guess)
        yield diamond(guess, y, fill="none", stroke="dim", dash="3 2")
        if end - 8 < guess < x + wide + 8:
            x = guess + 12
    if x + wide > WIDTH - 16:
        begin = min(least, axis.place(mark.other)) if mark.other > 0 else least
        yield label(begin - 12, y + 5, mark.words, size=VALUE, style=f"{style} e")
    else:
        yield label(x, y + 5, mark.words, size=VALUE, style=style)


def circle(x: float, y: float, radius: float, *, fill: str, stroke: str = "") -> str:
    """A round mark."""
    edge = f' stroke="var(--{stroke})" stroke-width="2"' if stroke else ""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="var(--{fill})"{edge}/>'


def diamond(x: float, y: float, *, fill: str, stroke: str, dash: str = "") -> str:
    """The mark of what is not to be taken at face value: emulated, or guessed."""
    ground = "none" if fill == "none" else f"var(--{fill})"
    edge = f'stroke="var(--{stroke})" stroke-width="2"' + (f' stroke-dasharray="{dash}"' if dash else "")
    return f'<path d="M{x:.1f} {y - 7:g}l7 7l-7 7l-7 -7Z" fill="{ground}" {edge}/>'


@dataclass(frozen=True)
class Axis:
    """A logarithmic axis from 10^`least` to 10^`greatest`."""

    least: float
    greatest: float

    @classmethod
    def around(cls, values: Sequence[float]) -> Axis:
        """One that holds all values, with some room; whole decades are not needed."""
        low, high = math.log10(min(values)), math.log10(max(values))
        room = max(0.08, 0.04 * (high - low))
        return cls(low - room, max(high + room, low + 0.5))

    def place(self, value: float) -> float:
        """Where a value stands, in px; what is off the axis stands at its end."""
        share = (math.log10(max(value, 1e-12)) - self.least) / (self.greatest - self.least)
        return LEFT + min(1.0, max(0.0, share)) * (RIGHT - LEFT)

    def ticks(self) -> Iterator[float]:
        """Round values: powers of ten; with few of them, twos and fives too."""
        wide = self.greatest - self.least > 1.6
        for power in range(math.floor(self.least), math.ceil(self.greatest) + 1):
            for factor in (1,) if wide else (1, 2, 5):
                value = factor * 10.0**power
                if self.least <= math.log10(value) <= self.greatest:
                    yield value

    def lines(self, top: float, bottom: float, unit: str) -> Iterator[str]:
        """A light line at each round value, its number below."""
        for value in self.ticks():
            x = self.place(value)
            yield line(x, top, x, bottom, stroke="rule")
            yield label(x, bottom + 18, plain(value), size=NOTE, style="d c")
        yield rect(LEFT, bottom, RIGHT - LEFT, 1, fill="idle", radius=0)
        yield label(RIGHT + 14, bottom + 18, unit, size=NOTE, style="d")


def plain(value: float) -> str:
    """A number as it is read: 0.25, 4.7, 22, 2,256."""
    if value >= 10:
        return f"{value:,.0f}"
    return f"{value:.1f}".removesuffix(".0") if value >= 1 else f"{value:.2g}"


def times(ratio: float) -> str:
    """How many times, with as many digits as say something."""
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.1f}"
