"""Several kinds of cost side by side: the engines below each other once, a panel with its own scale for each kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..picture import Picture
from ..svg import label, line, svg, wrap
from ..theme import NOTE, TEXT, TITLE, VALUE
from .ranking import ROW, Axis, Group, Mark, RankingLayout, mark_row

WIDE, NARROW = (980, 176), (648, 150)  # width, and where the panels begin
PANEL_GAP, FIGURES = 22, 52  # px between panels; what a panel keeps for its figures, at its right


def cost_panels(
    groups: Sequence[Group], *, title: str, subtitle: str, alt_text: str, notes: Sequence[str] = ()
) -> Picture:
    """Each group as a panel, its heading above it. All have rows for the same engines; an emulated one says so once."""
    names = list(dict.fromkeys(mark.name for group in groups for mark in group.marks))
    costs = [(mark.name, mark.spread[1]) for group in groups for mark in group.marks]
    names.sort(key=lambda name: max(cost for engine, cost in costs if engine == name))

    def laid_out(size: tuple[int, int]) -> str:
        width, left = size
        across = width - 48
        lines = [(each, TITLE, "h") for each in wrap(title, across, TITLE, bold=True)]
        lines += [(each.removesuffix(" ·"), TEXT, "d") for each in wrap(subtitle, across, TEXT)]
        parts = [label(24, 34 + 24 * n, words, size=size, style=style) for n, (words, size, style) in enumerate(lines)]
        top = 34 + 24 * len(lines) + 34
        bottom = top + ROW * len(names)
        parts += _names(groups, names, left, top)
        panel = (width - 16 - left - PANEL_GAP * (len(groups) - 1)) / len(groups)
        for n, group in enumerate(groups):
            parts += _panel(group, names, left + n * (panel + PANEL_GAP), panel, top, bottom)
        below = [each for note in notes if note for each in wrap(note, across, VALUE)]
        parts += [label(24, bottom + 44 + 18 * n, each, size=VALUE, style="d") for n, each in enumerate(below)]
        return svg(width, bottom + 34 + 18 * len(below) + 8 * bool(below), parts, title=title, alt_text=alt_text)

    return Picture(laid_out(WIDE), alt_text, title, laid_out(NARROW))


def _names(groups: Sequence[Group], names: Sequence[str], left: float, top: float) -> Iterator[str]:
    marks = {mark.name: mark for group in groups for mark in group.marks}
    for n, name in enumerate(names):
        mark, y = marks[name], top + ROW * n
        bold = " h" * (mark.ours or mark.news)
        yield label(left - 12, y + (0 if mark.hatched else 5), name, style=f"e{bold}", width=left - 18)
        if mark.hatched:
            yield label(left - 12, y + 13, "emulated", size=NOTE - 1, style="e d")


def _panel(group: Group, names: Sequence[str], left: float, width: float, top: float, bottom: float) -> Iterator[str]:
    """One kind of cost: heading, axis, the line at 1, and the engines' marks with their figures at the right."""
    layout = RankingLayout(left + width, left, left + width - FIGURES)
    values = [value for mark in group.marks for value in (*mark.spread, mark.guess) if value > 0]
    axis = Axis.around([*values, 1.0], layout)
    yield label(left, top - 26, group.heading, size=VALUE, style="h", width=width)
    yield from axis.lines(top - 14, bottom - 8, "")
    yield line(axis.place(1), top - 14, axis.place(1), bottom - 8, stroke="wall", line=1.2, dash="6 3")
    rows: dict[str, Mark] = {mark.name: mark for mark in group.marks}
    for n, name in enumerate(names):
        if name in rows:
            figure = rows[name].words.removesuffix(" emulated")
            yield from mark_row(replace(rows[name], name="", words=figure), axis, top + ROW * n, column=True)
