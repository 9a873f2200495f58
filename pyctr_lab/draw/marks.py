"""Marks that several pictures use: dots, diamonds, crosses, arrows; and a picture's head in two widths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .svg import label, line, rect, text_width, wrap
from .theme import NOTE, TAG, TEXT, TITLE


@dataclass(frozen=True)
class PageWidth:
    """A picture's width and margin, in px: each is laid out for a wide cell and for a narrow one."""

    width: int
    margin: int

    @property
    def right(self) -> int:
        """Where content ends."""
        return self.width - self.margin


WIDE_PAGE, SMALL_PAGE = PageWidth(900, 24), PageWidth(600, 16)


def picture_head(page: PageWidth, heading: str, subtitle: str) -> tuple[list[str], float]:
    """Title and subtitle in as many lines as they need, and the baseline of the last one."""
    room, base, parts = page.width - 2 * page.margin, 10.0, []
    for text, size, style, step in ((heading, TITLE, "h", 24), (subtitle, TEXT, "d", 20)):
        for words in wrap(text, room, size, bold=style == "h"):
            base += step
            parts.append(label(page.margin, base, words, size=size, style=style, width=room))
        base += 4
    return parts, base - 4


def dot(x: float, y: float, radius: float = 6, *, fill: str = "wall", stroke: str = "") -> str:
    """A round mark."""
    edge = f' stroke="var(--{stroke})" stroke-width="1.5"' if stroke else ""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="var(--{fill})"{edge}/>'


def number_mark(x: float, y: float, number: int, *, fill: str = "ink", dashed: bool = False) -> str:
    """A number in a round mark: filled, or outlined for what did not happen."""
    shape = rect(x - 10, y - 10, 20, 20, fill="paper" if dashed else fill, stroke="idle" if dashed else "", radius=10,
                 dash="3 3" if dashed else "")  # fmt: skip
    return shape + label(x, y + 4, str(number), size=TAG, style="d c" if dashed else "p h c")


def diamond_mark(x: float, y: float, radius: float = 8, *, fill: str = "new") -> str:
    """A mark for what was added."""
    shape = f"M{x:.1f} {y - radius:.1f}l{radius} {radius}l-{radius} {radius}l-{radius} -{radius}Z"
    return f'<path d="{shape}" fill="var(--{fill})"/>'


def cross(x: float, y: float, radius: float = 6, *, stroke: str = "new") -> str:
    """A mark for what is gone."""
    return line(x - radius, y - radius, x + radius, y + radius, stroke=stroke, line=2.5) + line(
        x - radius, y + radius, x + radius, y - radius, stroke=stroke, line=2.5
    )


def lid(x: float, y: float, *, fill: str = "new") -> str:
    """A mark for what hides all below it: a block on a bar."""
    return rect(x - 7, y - 8, 14, 11, fill=fill, radius=2) + rect(x - 14, y + 5, 28, 3, fill=fill, radius=0)


def arrow(x1: float, x2: float, y: float, *, stroke: str = "ink", dash: str = "") -> str:
    """A horizontal arrow from `x1` to `x2`."""
    back = -8 if x2 > x1 else 8
    head = f'<path d="M{x2:.1f} {y:.1f}l{back} -4v8Z" fill="var(--{stroke})"/>'
    return line(x1, y, x2 + back / 2, y, stroke=stroke, line=1.5, dash=dash) + head


def keys(page: PageWidth, y: float, entries: Sequence[tuple[str, str]], *, size: int = NOTE) -> tuple[list[str], float]:
    """A legend in as many rows as it needs, and its last baseline: marks that are drawn around 0 0, and their words."""
    x, parts = float(page.margin), []
    for mark, words in entries:
        wide = 34 + text_width(words, size)
        if x + wide > page.right and x > page.margin:
            x, y = float(page.margin), y + 22
        parts.append(f'<g transform="translate({x + 14:.1f} {y - 4:.1f})">{mark}</g>')
        parts.append(label(x + 34, y, words, size=size, style="d"))
        x += wide + 12
    return parts, y
