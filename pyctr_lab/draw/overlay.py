"""A file's life under overlayfs: in which layer a path lies before and after a command, and what the merged tree shows.

Drawn from what was observed in the folders (`images.OverlayWatch`), never from the command: the line from the merged
tree down is the kernel's lookup, which ends at the first mark that is no folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap as fill
from typing import NamedTuple

from ..errors import BadInput
from ..images import LayerFile, OverlayChange, OverlayMoment
from ..kernel.checks import check_each
from .marks import SMALL_PAGE, WIDE_PAGE, PageWidth, cross, diamond_mark, dot, keys, lid, picture_head
from .picture import Picture
from .svg import clean_text, label, line, rect, svg, text_width
from .theme import NOTE, TAG, TEXT, VALUE
from .wording import counted_noun, cut_title, size_words

MOST_CHANGES, MOST_LAYERS = 20, 8
GUTTER, WIDEST = 96, 220  # px: names of layers; a change's column at most
STRIP, HEAD, FOOT = 46, 104, 46  # heights of a layer, of what stands above the layers, and below
SUBTITLE = "each path before and after a command · a line is the lookup: first mark wins, folders are merged"
HINT = "OverlayWatch(...).changes has them"


class PathOutcome(NamedTuple):
    """What became of a path, in a few words; `news` where something was written."""

    said: str
    detail: str
    news: bool = True


def overlay(changes: Sequence[OverlayChange]) -> Picture:
    """Paths of an overlay before and after commands, a column each; `changes` are those of an `images.OverlayWatch`.

    Raises BadInput where they are not of one overlay.
    """
    checked_changes(changes)
    heading, words = title(changes), alt_text(changes)
    wide, small = (_laid_out(changes, page, heading, words) for page in (WIDE_PAGE, SMALL_PAGE))
    return Picture(wide, words, heading, small)


def checked_changes(changes: Sequence[OverlayChange]) -> tuple[OverlayChange, ...]:
    """The data, checked."""
    found = check_each(changes, OverlayChange, "an overlay's changes", least=1, hint=HINT)
    layers = [list(each.before.layers) for each in found]
    if any(each != layers[0] for each in layers) or len(layers[0]) > MOST_LAYERS or len(found) > MOST_CHANGES:
        raise BadInput(
            f"the changes are at most {MOST_CHANGES}, of one overlay of at most {MOST_LAYERS} layers", hint=HINT
        )
    return found


# --------------------------------------------------------------------------------------------------------------- words
def title(changes: Sequence[OverlayChange]) -> str:
    """The finding: where the changes lie."""
    changes = checked_changes(changes)
    upper = clean_text(next(iter(changes[0].before.layers)), 16)
    if any(_below_changed(each) for each in changes):
        return "A lower layer has changed: under overlayfs it never does by itself"
    written = sum(outcome(each).news for each in changes)
    if len(changes) == 1 and written:
        said = outcome(changes[0])
        return cut_title(f"{clean_text(changes[0].what)}: {said.said}, {said.detail}; nothing below has changed")
    if not written:
        return "Reading writes nothing: the layers are as they were"
    gone = any(each.after.upper and each.after.upper.kind == "whiteout" for each in changes)
    if gone and written == len(changes):
        return f"Writing and deleting both add to {upper}; the layers below never change"
    return f"{written} of {counted_noun(len(changes), 'command')} wrote, all to {upper}; nothing below has changed"


def _below_changed(change: OverlayChange) -> bool:
    return change.before.lower != change.after.lower


def outcome(change: OverlayChange) -> PathOutcome:
    """What became of a path, from what lies in the layers."""
    before, after, below = change.before.upper, change.after.upper, _found_below(change.before)
    if _below_changed(change):
        return PathOutcome("changed below", "never write there")
    if before == after and change.before.merged == change.after.merged:
        return _found(change.after)
    if after is None:
        return PathOutcome("gone from upper", f"{amount_left(before)} given back")
    if after.kind == "whiteout":
        return PathOutcome("whiteout", f"char 0:0; {amount_left(below)} stay" if below else "char 0:0")
    if after.kind == "hidden above":
        return PathOutcome("its folder hides it", f"{amount_left(below)} stay" if below else "nothing stays")
    if after.kind == "opaque folder" and (before is None or before.kind != after.kind):
        return PathOutcome("opaque", "user.overlay.opaque=y")
    if change.is_copy:
        return PathOutcome("copied up whole", f"{size_words(after.size)} for {_difference(change)}")
    if before is None or not before.is_there:
        return _made(before, after, below)
    return PathOutcome("changed in upper", "no second copy")


def _found(now: OverlayMoment) -> PathOutcome:
    if now.merged is None:
        return PathOutcome("not there", "nothing is written", news=False)
    place = "found below" if now.upper is None else "found in upper"
    return PathOutcome(place, "nothing is written", news=False)


def _made(before: LayerFile | None, after: LayerFile, below: LayerFile | None) -> PathOutcome:
    if before is not None:
        return PathOutcome("made anew", "the old one stays")
    if below is None:
        return PathOutcome("only in upper", "goes with its container")
    return (
        PathOutcome("folder in both", "merged, name by name")
        if after.kind == "folder"
        else PathOutcome("in upper", "hides that below")
    )


def _found_below(moment: OverlayMoment) -> LayerFile | None:
    """What the first lower layer that has something at the path has there."""
    return next((each for each in moment.lower if each is not None and each.is_there), None)


def amount_left(found: LayerFile | None) -> str:
    """How much of it there is: `2 MiB`, `9 names`."""
    if found is None:
        return "nothing"
    return counted_noun(found.entries, "name") if "folder" in found.kind else size_words(found.size)


def _difference(change: OverlayChange) -> str:
    """By how much the merged file has grown."""
    before, after = change.before.merged, change.after.merged
    grown = after.size - before.size if before and after else 0
    if grown == 0:
        return "the same size"
    return f"{'' if grown > 0 else '−'}{size_words(abs(grown)).replace(' B', ' byte' + 's' * (abs(grown) != 1))}"


def shown_state(before: LayerFile | None, after: LayerFile | None = None, *, later: bool = False) -> str:
    """What the merged tree shows in a word or two; `later`: at `after`, in view of what it was."""
    now = after if later else before
    if now is None:
        return "gone" if later and before else "absent"
    if "folder" in now.kind:
        return counted_noun(now.entries, "name") if now.entries else "empty"
    if later and before and before.size != now.size:
        return f"{'+' if now.size > before.size else '−'} {size_words(abs(now.size - before.size))}"
    return "there"


def alt_text(changes: Sequence[OverlayChange]) -> str:
    """A sentence a command, then what became of the lower layers."""
    changes = checked_changes(changes)
    parts = [f"Layers under overlayfs, before and after each command. {title(changes)}."]
    for change in changes:
        said = outcome(change)
        named = f"{change.what}, {change.command or change.path}"
        if change.command and change.path not in change.command:
            named += f", at {change.path}"
        parts.append(f"{named}: before, {_in_words(change.before)}; after, {_in_words(change.after)};"
                     f" {said.said}, {said.detail}.")  # fmt: skip
    same = not any(_below_changed(each) for each in changes)
    return clean_text(" ".join([*parts, "The lower layers are as they were." if same else ""]).strip(), 8000)


def _in_words(moment: OverlayMoment) -> str:
    has = [f"{caption(each)} in {name}" for name, each in moment.layers.items() if each is not None]
    return f"{shown_state(moment.merged)} ({', '.join(has) or 'in no layer'})"


def caption(found: LayerFile) -> str:
    """What stands below a mark."""
    if found.kind == "hidden above":
        return "by its folder"
    if "folder" in found.kind:
        return "opaque" if "opaque" in found.kind else counted_noun(found.entries, "name")
    return size_words(found.size) if found.kind == "file" else found.kind


# ------------------------------------------------------------------------------------------------------------- drawing
@dataclass(frozen=True)
class Grid:
    """Where a row of changes lies, in px: the first column's left side, a column's width, the layers' tops."""

    left: float
    wide: float
    top: float
    names: tuple[str, ...]

    def strip(self, name: str) -> float:
        """The top of a layer."""
        return self.top + HEAD + STRIP * self.names.index(name) + (2 if self.names.index(name) else 0)

    @property
    def floor(self) -> float:
        """The bottom of the lowest layer."""
        return self.strip(self.names[-1]) + STRIP


def _laid_out(changes: Sequence[OverlayChange], page: PageWidth, heading: str, words: str) -> str:
    parts, base = picture_head(page, heading, SUBTITLE)
    names = tuple(changes[0].before.layers)
    room = page.width - 2 * page.margin - GUTTER
    most = 5 if page is WIDE_PAGE else 3
    columns = min(most, len(changes))
    wide = min(room / columns, WIDEST)
    top = base + 24
    for first in range(0, len(changes), columns):
        some = changes[first : first + columns]
        grid = Grid(page.margin + GUTTER, wide, top, names)
        parts += _strips(grid, page.margin, len(some))
        for number, change in enumerate(some):
            parts += _column(change, grid, number)
        top = grid.floor + FOOT + 26
    legend, last = keys(page, top, _keys_of(changes))
    return svg(page.width, last + 20, [*parts, *legend], title=heading, alt_text=words)


def _strips(grid: Grid, left: float, count: int) -> Iterator[str]:
    """The layers as strips, with their names."""
    wide = GUTTER + grid.wide * count
    yield label(left + 8, grid.top + 78, "merged", size=VALUE, style="h")
    yield label(left + 8, grid.top + 94, "what you see", size=NOTE, style="d")
    for number, name in enumerate(grid.names):
        y = grid.strip(name)
        yield rect(left, y, wide, STRIP - 2, fill="box" if number == 0 else "host", radius=6)
        yield label(left + 8, y + 18, name, size=VALUE, style="h", width=GUTTER - 16)
        yield label(left + 8, y + 34, "writable" if number == 0 else "read-only", size=NOTE, style="d")


def _column(change: OverlayChange, grid: Grid, number: int) -> Iterator[str]:
    x = grid.left + grid.wide * number
    middle, room = x + grid.wide / 2, grid.wide - 10
    if number:
        yield line(x, grid.top, x, grid.floor + FOOT, stroke="rule")
    yield label(middle, grid.top + 4, change.what, size=TEXT, style="h c", width=room)
    command = clean_text(change.command)
    lines = fill(command, int(room / text_width("0", TAG, mono=True))) if command else []
    lines += [] if change.path.strip("/") in command else [change.path]
    for row, said in enumerate(lines[:2]):
        yield label(middle, grid.top + 21 + 14 * row, said, size=TAG, style="m c", width=room)
    for moment, place, later in ((change.before, 0.27, False), (change.after, 0.73, True)):
        yield from _moment(change, moment, x + grid.wide * place, grid, later=later)
    if change.is_copy:
        yield from _copy(change, x + grid.wide * 0.73, grid)
    became = outcome(change)
    yield label(middle, grid.floor + 20, became.said, size=VALUE, style="h c n" if became.news else "h c", width=room)
    yield label(middle, grid.floor + 37, became.detail, size=NOTE, style="d c", width=room)


def _moment(change: OverlayChange, moment: OverlayMoment, x: float, grid: Grid, *, later: bool) -> Iterator[str]:
    """One side of a column: what is seen, the lookup, and a mark in each layer that has something."""
    yield label(x, grid.top + 62, "after" if later else "before", size=NOTE, style="d c")
    changed = later and change.before.merged != change.after.merged
    state = shown_state(change.before.merged, change.after.merged, later=later)
    style = "c n h" if changed else "c d" if moment.merged is None else "c h"
    yield label(x, grid.top + 81, state, size=NOTE, style=style)
    ends = moment.looked_up
    begin, end = grid.top + 87, grid.strip(ends[-1]) + 8 if ends else grid.floor - 8
    yield line(x, begin, x, end, stroke="idle", line=1.5, dash="" if ends else "2 4")
    for name, found in moment.layers.items():
        if found is not None:
            now = later and change.before.layers[name] != found
            yield from _mark(found, x, grid.strip(name) + 15, news=now, seen=name in ends)


def _mark(found: LayerFile, x: float, y: float, *, news: bool, seen: bool) -> Iterator[str]:
    style = "c n h" if news else "c" if seen else "c d"
    ink = "new" if news else "ink" if seen else "idle"
    if found.kind == "whiteout":
        yield cross(x, y, stroke=ink)
    elif found.kind in ("opaque folder", "hidden above"):
        yield lid(x, y, fill=ink)
    elif news:
        yield diamond_mark(x, y)
    elif seen:
        yield dot(x, y, 7)
    else:
        yield dot(x, y, 6, fill="host", stroke="idle")
    yield label(x, y + 23, caption(found), size=TAG, style=style)


def _copy(change: OverlayChange, x: float, grid: Grid) -> Iterator[str]:
    """The way of a file that is copied up: from the layer where it was found."""
    source = change.before.looked_up[-1]
    y1, y2 = grid.strip(source) + 13, grid.strip(grid.names[0]) + 17
    curve = f"M{x + 8:.1f} {y1:.1f}C{x + 34:.1f} {y1 - 8:.1f} {x + 34:.1f} {y2 + 8:.1f} {x + 14:.1f} {y2:.1f}"
    yield f'<path d="{curve}" fill="none" stroke="var(--new)" stroke-width="1.5" stroke-dasharray="4 3"/>'
    yield f'<path d="M{x + 9:.1f} {y2 - 2:.1f}l9 -1l-5 8Z" fill="var(--new)"/>'


def _keys_of(changes: Sequence[OverlayChange]) -> list[tuple[str, str]]:
    """The legend: of the marks that occur."""
    drawn = [each for change in changes for moment in (change.before, change.after) for each in moment.layers.values()]
    kinds = {each.kind for each in drawn if each}
    entries = [(dot(0, 0), "found"), (dot(0, 0, fill="paper", stroke="idle"), "hidden, still there"),
               (diamond_mark(0, 0, 7), "added now")]  # fmt: skip
    entries += [(cross(0, 0, stroke="ink"), "whiteout: the name ends here")] if "whiteout" in kinds else []
    if kinds & {"opaque folder", "hidden above"}:
        entries.append((lid(0, 0, fill="ink"), "opaque: nothing below shows"))
    return entries
