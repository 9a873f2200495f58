"""The isolation map, drawn: rows of boxes, the walls between them, and how many are up."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ...errors import BadInput
from ...kernel.checks import check_each, check_kind, short_repr
from ...runtime.view import View
from ..picture import Picture
from ..svg import clean_text, fit_text, label, line, rect, svg, text_width, wrap
from ..theme import NOTE, TAG, TEXT, TITLE, VALUE
from ..wording import quoted_name
from .rows import NAMES, MapData, Sight, WallRow, cut_lines, cut_lines_inline
from .words import alt_text, title


@dataclass(frozen=True)
class MapLayout:
    """Where the map's columns are, px; `limit` is how many lines a row has at most, by kind."""

    width: int
    label: int
    host: tuple[int, int]  # left edge and width of the host's boxes
    box: tuple[int, int]
    wall: int  # centre of the walls
    pad: int  # above the first line of a box, beyond half of it
    step: int  # between lines
    gap: int  # between rows
    size: int  # of values
    limits: Mapping[str, int]
    cut: Callable[[Sequence[str], int], list[str]]
    margin: int = 0

    def height(self, row: WallRow) -> int:
        return 2 * self.pad + self.step * (self.lines(row) - 1)

    def lines(self, row: WallRow) -> int:
        return max(1, *(len(self.shown(row, side)) for side in (row.outside, row.inside)))

    def shown(self, row: WallRow, side: Sequence[str]) -> list[str]:
        return self.cut(side, self.limits.get(row.kind, 2))


LINES = {"pid": 4, "mnt": 4, "net": 3, "user": 3}
WIDE = MapLayout(980, 24, (140, 330), (630, 326), 550, 21, 18, 8, VALUE, LINES, cut_lines, 24)
"""The map by itself."""

NARROW = MapLayout(648, 1, (80, 204), (404, 242), 344, 17, 17, 8, NOTE, {"user": 3}, cut_lines_inline)
"""The map in a narrow cell, and inside the builder, beside its list of steps."""


def draw_map(
    inside: Sight,
    outside: Sight,
    *,
    name: str,
    when: str = "",
    changed: Collection[str] = (),
    left_open: Mapping[str, str] | None = None,
    spent: str = "",
    focus: str = "",
    other: str = "",
    finding: str = "",
    layout: Literal["wide", "panel"] = "wide",
) -> Picture:
    """The map as a pure function of two views (or of the reason why there is none: `"ended"`).

    The `wide` map is laid out a second time for a narrow cell; that of the `panel` has no title of its own.

    For the other arguments see `MapData`.
    """
    for sight, side in ((inside, "inside"), (outside, "outside")):
        check_kind(sight, (View, str), f"what is seen {side}", hint="box.view(), or a reason in words")
    texts = {"a name": name, "when": when, "spent": spent, "a focus": focus, "other": other, "a finding": finding}
    for what, text in texts.items():
        check_kind(text, str, what)
    changed = check_each(changed, str, "the changed kinds")
    for kind, why in check_kind(left_open or {}, Mapping, "left_open").items():
        check_kind(kind, str, "a kind left open"), check_kind(why, str, "a reason")
    if not isinstance(layout, str) or layout not in ("wide", "panel"):
        raise BadInput(f"{short_repr(layout)} is no layout", hint="there are wide and panel")
    if focus and focus not in NAMES:
        raise BadInput(f"{clean_text(focus, 40)!r} is no kind of namespace", hint=f"there are {', '.join(NAMES)}")
    data = MapData(inside, outside, name, when, changed, left_open or {}, spent, focus, other, finding)
    heading, words = title(data), alt_text(data)

    def laid_out(plan: MapLayout, top: int, head: list[str]) -> str:
        parts = [*head, *_columns(plan, top, name, other), *_rows(plan, top + 10, data.rows, (outside, inside))]
        bottom = top + 10 + sum(plan.height(row) + plan.gap for row in data.rows)
        parts += _foot(plan, bottom + 21, data.rows, spent)
        return svg(plan.width, bottom + 21 + max(8, plan.margin), parts, title=heading, alt_text=words)

    if layout == "panel":
        return Picture(laid_out(NARROW, 14, []), words, heading)
    wide, small = (laid_out(plan, *_head(plan, heading, when)) for plan in (WIDE, NARROW))
    return Picture(wide, words, heading, small)


def _head(plan: MapLayout, heading: str, when: str) -> tuple[int, list[str]]:
    """The title, on two lines where it is long, and the subtitle; returns the baseline of the column heads too."""
    room = plan.width - 2 * plan.margin
    lines = wrap(heading, room, TITLE, bold=True)
    left = plan.margin or plan.label
    parts = [label(left, 34 + 24 * n, text, size=TITLE, style="h") for n, text in enumerate(lines)]
    below = 58 + 24 * (len(lines) - 1)
    return below + 26, [*parts, label(left, below, when, style="d", width=room)]


def _columns(plan: MapLayout, y: int, name: str, other: str) -> list[str]:
    size = TEXT if plan is WIDE else NOTE
    pad, most = _inset(plan), 24 if plan is WIDE else 14
    who = quoted_name(name, most)
    beside = f"seen from {f'inside {quoted_name(other, most)}' if other else 'the host'}"
    return [
        label(plan.host[0] + pad, y, beside, size=size, style="d", width=plan.host[1] - pad),
        label(plan.box[0] + pad, y, f"seen from inside {who}", size=size, style="d", width=plan.box[1] - pad),
    ]


def _inset(plan: MapLayout) -> int:
    return 12 if plan is WIDE else 10


def _rows(plan: MapLayout, y: float, table: Sequence[WallRow], sights: tuple[Sight, Sight]) -> Iterator[str]:
    for row in table:
        height = plan.height(row)
        yield from _name(plan, y, row)
        yield from _side(plan, y, row, row.outside, sights[0], inside=False)
        yield from _side(plan, y, row, row.inside, sights[1], inside=True)
        yield from _wall(plan, y, height, row)
        y += height + plan.gap


def _name(plan: MapLayout, y: float, row: WallRow) -> Iterator[str]:
    if plan is NARROW:
        yield label(plan.label - 1, y + plan.pad + 5, row.name, style="h")
        return
    yield label(plan.label, y + plan.pad - 4, row.name, style="h")
    yield label(plan.label, y + plan.pad + 13, NAMES[row.kind][1], size=NOTE, style="d")


def _side(plan: MapLayout, y: float, row: WallRow, side: Sequence[str], sight: Sight, *, inside: bool) -> Iterator[str]:
    x, width = plan.box if inside else plan.host
    height, pad = plan.height(row), _inset(plan)
    yield rect(x, y, width, height, **_ground(row, sight, inside))
    tag = fit_text(row.tag, 0.6 * width, TAG, bold=True) if inside else ""
    tag_width = text_width(tag, TAG, bold=True) + 12 if tag else 0
    grey = " d" if inside and not row.wall and not row.changed else ""
    for n, text in enumerate(plan.shown(row, side)):
        room = width - 2 * pad - (tag_width if n == 0 else 0)
        yield label(x + pad, y + plan.pad + 4.5 + n * plan.step, text, size=plan.size, style="m" + grey, width=room)
    if isinstance(sight, str) and row.kind == next(iter(NAMES)):
        yield label(x + pad, y + plan.pad + 4.5, sight, size=NOTE, style="d", width=width - 2 * pad)
    if tag:
        news = "n" if row.changed or row.left_open else "d"
        bold = " h" if row.changed else ""
        yield label(x + width - pad, y + plan.pad + 4.5, tag, size=TAG, style=f"e {news}{bold}", width=width - 2 * pad)


def _ground(row: WallRow, sight: Sight, inside: bool) -> dict[str, Any]:
    """A box: filled where there is a view, else dashed; its outline has a wall's colour, or that of news."""
    if isinstance(sight, str):
        return {"stroke": "idle", "dash": "6 3"}
    if not inside:
        return {"fill": "host"}
    fill = "box" if row.wall else "host"
    if row.changed:
        return {"fill": fill, "stroke": "new", "line": 2.5}
    return {"fill": fill, "stroke": "wall"} if row.wall else {"fill": fill}


def _wall(plan: MapLayout, y: float, height: float, row: WallRow) -> Iterator[str]:
    left, right = plan.host[0] + plan.host[1] + 7, plan.box[0] - 7
    middle = y + height / 2
    if row.wall is None:
        return
    if row.wall:
        stubs = inode_stubs(*row.inodes)
        yield rect(plan.wall - 4, y, 8, height, fill="new" if row.changed else "wall", radius=2)
        yield label(plan.wall - 9, middle + 4, stubs[0], size=TAG, style="d e")
        yield label(plan.wall + 9, middle + 4, stubs[1], size=TAG, style="d")
        return
    news = bool(row.left_open) or row.changed
    yield line(left, middle + 3, right, middle + 3, stroke="new" if news else "dim", dash="3 4")
    words = "left open" if row.left_open else f"shared {inode_stubs(*row.inodes)[0]}"
    words = fit_text(words, right - left, TAG, bold=news)
    yield label(plan.wall, middle - 3, words, size=TAG, style="c n h" if news else "c d")


def inode_stubs(one: int, other: int) -> tuple[str, str]:
    """The last digits of two namespace numbers: four, or as many as tell two different ones apart."""
    digits = 4
    while one != other and one % 10**digits == other % 10**digits:
        digits += 1
    return f"…{one % 10**digits:0{digits}d}", f"…{other % 10**digits:0{digits}d}"


def _foot(plan: MapLayout, y: float, table: Sequence[WallRow], spent: str) -> Iterator[str]:
    if any(row.wall is None for row in table):
        yield label(plan.label, y, "walls unknown: there is no view to compare", style="d", size=plan.size)
        return
    size, cell = (TEXT, 20) if plan is WIDE else (VALUE, 18)
    count = f"{sum(bool(row.wall) for row in table)} of {len(table)} walls up"
    yield label(plan.label, y, count, size=size, style="h")
    for n, row in enumerate(table):  # each square stands in its row's place
        colour = "new" if row.changed or row.left_open else "wall"
        x = 154 if plan is WIDE else 136
        yield rect(x + n * (cell + 6), y - 12, cell, 15, fill=colour if row.wall else "none", stroke=colour, radius=3,
                   dash="" if row.wall or not row.left_open else "3 2")  # fmt: skip
    yield label(plan.width - plan.margin - 1, y, spent, size=size - 1, style="d e")
