"""The isolation matrix: which wall stops which probe, and what stands behind it.

A row is a probe. A filled square: it gets out where this wall alone is missing. Joined rings: it gets out where all of
them are missing; a dashed square is one of several that will do. A dot: left out alone, and the others held.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, product
from typing import TYPE_CHECKING

from ..kernel.checks import check_kind
from .layers.words import first_that_fits
from .marks import SMALL_PAGE, WIDE_PAGE, PageWidth, dot, picture_head
from .picture import Picture
from .svg import clean_text, label, line, rect, svg, text_width, wrap
from .theme import NOTE, TAG, VALUE
from .wording import counted_noun, cut_title

if TYPE_CHECKING:
    from ..measure.isolation import IsolationMatrix, Probe

KINDS = {
    "namespaces": "mnt pivot_root pid net ipc uts cgroup time",
    "identity": "user ids caps seccomp no_new_privs nosuid",
    "files": "masks dev ro_bind ro_root",
    "limits": "rlimits pids memory",
}
OTHERS = "others"
SUBTITLE = "row: a probe · filled square: out without that wall alone · joined rings: only without all of them"
LEGEND = ("A dot: this wall alone was left out, and the others held. No mark: not tried. A dashed square: one of"
          " several that will do. Only sets of walls that were tried are known.")  # fmt: skip
HINT = "measure.measure_isolation() makes one"
ROW, HEAD = 18, 104  # px: a probe's row; the walls' names, turned
Sets = tuple[frozenset[str], ...]


@dataclass(frozen=True)
class ProbeRow:
    """A probe's row: `always` is out with all walls up; `single` and `joint` are the fewest walls that let it out."""

    probe: Probe
    answer: str
    always: bool
    single: tuple[str, ...]
    joint: Sets
    tried: frozenset[str]

    @property
    def common(self) -> frozenset[str]:
        """The walls of which all must be missing."""
        return frozenset.intersection(*self.joint) if self.joint else frozenset()

    @property
    def said(self) -> str:
        """What it gets out without, in words."""
        if self.always:
            return "nothing needed"
        return "; ".join(filter(None, (" or ".join(self.single), *spelled_sets(self.joint)))) or "never out"


def isolation_matrix(matrix: IsolationMatrix) -> Picture:
    """The matrix that `measure.measure_isolation()` has measured. Raises BadInput for anything else."""
    heading, words = title(matrix), alt_text(matrix)
    wide, small = (_laid_out(matrix, page, heading, words) for page in (WIDE_PAGE, SMALL_PAGE))
    return Picture(wide, words, heading, small)


def probe_rows(matrix: IsolationMatrix) -> list[ProbeRow]:
    """The rows, in the order of the probes' groups."""
    from ..measure.isolation import IsolationMatrix  # imports the engines: when there is a matrix, they are there

    check_kind(matrix, IsolationMatrix, "a matrix of isolation", hint=HINT)
    groups = list(dict.fromkeys(probe.group for probe in matrix.probes))
    return [_row_of(matrix, probe) for group in groups for probe in matrix.probes if probe.group == group]


def _row_of(matrix: IsolationMatrix, probe: Probe) -> ProbeRow:
    whole, fewest = matrix.outcome(probe.name), matrix.fewest(probe.name)
    single = tuple(wall for wall in matrix.walls if frozenset((wall,)) in fewest)
    joint = tuple(each for each in fewest if len(each) > 1)
    tried = frozenset(wall for wall in matrix.walls if matrix.outcome(probe.name, wall) is not None)
    return ProbeRow(probe, whole.answer if whole else "not tried", bool(whole and whole.out), single, joint, tried)


def spelled_sets(joint: Sets) -> list[str]:
    """Sets of walls in words: `mnt + (user or ids)` where they differ in one wall only, else each for itself."""
    if not joint:
        return []
    alike: dict[frozenset[frozenset[str]], list[str]] = {}
    for wall in _in_order(frozenset().union(*joint)):
        alike.setdefault(frozenset(each - {wall} for each in joint if wall in each), []).append(wall)
    choices = list(alike.values())
    if len(choices) > 1 and {frozenset(each) for each in product(*choices)} == set(joint):
        return [" + ".join(f"({' or '.join(each)})" if each[1:] else each[0] for each in sorted(choices, key=len))]
    return [" + ".join(_in_order(each)) for each in joint]


def _in_order(walls: frozenset[str]) -> list[str]:
    known = " ".join(KINDS.values()).split()
    order = [*known, *sorted(walls - set(known))]
    return sorted(walls, key=order.index)


# --------------------------------------------------------------------------------------------------------------- words
def title(matrix: IsolationMatrix) -> str:
    """The finding: how many get out where one wall is missing, and how many need more."""
    rows = probe_rows(matrix)
    if not rows:
        return "No probe of isolation was tried"
    alone = sum(bool(row.single) and not row.always for row in rows)
    more = [row for row in rows if row.joint and not row.single and not row.always]
    always = sum(row.always for row in rows)
    verb = "gets" if alone == 1 else "get"
    said = f"{alone} of {counted_noun(len(rows), 'probe')} {verb} out when one wall is missing"
    both = f"{said}; {len(more)} take more" if more else said
    return cut_title(first_that_fits(f"{both}; {always} always" if always else both, both))


def alt_text(matrix: IsolationMatrix) -> str:
    """The counts, then each probe with its answer and the sets that let it out; exceptions last."""
    rows = probe_rows(matrix)
    usual = (f"{row.probe.name}: {row.answer}, out without {row.said}" for row in rows
             if not row.always and (row.single or row.joint))  # fmt: skip
    always = [row.probe.name for row in rows if row.always]
    never = [row.probe.name for row in rows if not (row.always or row.single or row.joint)]
    parts = [f"Isolation matrix: {clean_text(matrix.title)}. {title(matrix)}.", f"{'; '.join(usual)}." if rows else "",
             f"Out with all walls up: {', '.join(always)}." if always else "",
             f"Never out where walls were left out: {', '.join(never)}." if never else "",
             *(clean_text(note) for note in matrix.notes)]  # fmt: skip
    return clean_text(" ".join(filter(None, parts)), 16_000)


# ------------------------------------------------------------------------------------------------------------- drawing
@dataclass(frozen=True)
class WallColumns:
    """Where the columns of walls lie, in px: each wall's middle, and each kind's left and right side."""

    places: dict[str, float]
    kinds: dict[str, tuple[float, float]]
    answers: float

    @property
    def left(self) -> float:
        """Where the first column begins."""
        return min(left for left, _ in self.kinds.values())

    @property
    def right(self) -> float:
        """Where the last column ends."""
        return max(right for _, right in self.kinds.values())


def _columns(walls: Sequence[str], page: PageWidth) -> WallColumns:
    x, pitch, gap = (page.margin + 188.0, 16.0, 9) if page is WIDE_PAGE else (page.margin + 175.0, 13.6, 6)
    known = {name: kind for kind, names in KINDS.items() for name in names.split()}
    places, kinds = dict[str, float](), dict[str, tuple[float, float]]()
    for kind in (*KINDS, OTHERS):
        order = KINDS.get(kind, "").split()
        members = [wall for wall in walls if known.get(wall, OTHERS) == kind]
        members.sort(key=lambda wall: order.index(wall) if wall in order else 99)
        if members:
            places |= {wall: x + pitch * (place + 0.5) for place, wall in enumerate(members)}
            kinds[kind] = (x, x + pitch * len(members))
            x += pitch * len(members) + gap
    return WallColumns(places, kinds or {OTHERS: (x, x + pitch)}, x + 2)


def _laid_out(matrix: IsolationMatrix, page: PageWidth, heading: str, words: str) -> str:
    rows = probe_rows(matrix)
    parts, y = picture_head(page, heading, SUBTITLE)
    if not rows:
        parts.append(label(page.margin, y + 30, "The matrix has no probes.", size=VALUE, style="d"))
        return svg(page.width, y + 50, parts, title=heading, alt_text=words)
    columns = _columns(matrix.walls, page)
    parts += _heads(columns, page, y + 22)
    y += 22 + HEAD
    for group, members in groupby(rows, key=lambda row: row.probe.group):
        some = list(members)
        parts.append(label(page.margin, y + 18, group, size=VALUE, style="h", width=300))
        y += 26
        for left, right in columns.kinds.values():
            parts.append(rect(left, y - 1, right - left, ROW * len(some) + 2, fill="host", radius=2))
        for row in some:
            parts += _probe_row(row, columns, page, y)
            y += ROW
    parts.append(line(columns.left, y + 8, columns.right, y + 8, stroke="idle"))
    parts += _totals(rows, columns, y + 24)
    y += 60
    for said in (LEGEND, *matrix.notes):
        for part in wrap(clean_text(said), page.right - page.margin, NOTE):
            parts.append(label(page.margin, y, part, size=NOTE, style="d"))
            y += 18
    return svg(page.width, y + 4, parts, title=heading, alt_text=words)


def _heads(columns: WallColumns, page: PageWidth, y: float) -> Iterator[str]:
    """The kinds of walls, and the walls' names turned upwards."""
    for kind, (left, right) in columns.kinds.items():
        if text_width(kind, TAG) <= right - left + 4:
            yield label((left + right) / 2, y, kind, size=TAG, style="d c")
        yield line(left, y + 6, right, y + 6, stroke="idle")
    for wall, x in columns.places.items():
        turned = label(0, 0, wall, size=NOTE, width=HEAD - 12)
        yield f'<g transform="translate({x + 4:.1f} {y + HEAD + 6:.1f}) rotate(-90)">{turned}</g>'
    yield label(columns.answers, y + HEAD - 8, "with all", size=TAG, style="d")
    yield label(columns.answers, y + HEAD + 6, "walls up", size=TAG, style="d")
    if page is WIDE_PAGE:
        yield label(page.right, y + HEAD + 6, "gets out without", size=TAG, style="d e")


def _probe_row(row: ProbeRow, columns: WallColumns, page: PageWidth, y: float) -> Iterator[str]:
    middle = y + ROW / 2
    size = NOTE if page is WIDE_PAGE else TAG
    yield label(columns.left - 6, middle + 4, row.probe.name.replace("_", " "), size=size, style="e",
                width=columns.left - page.margin - 8)  # fmt: skip
    if row.always:
        yield rect(columns.left, y + 2, columns.right - columns.left, ROW - 4, fill="newt", stroke="new", radius=2)
        yield label((columns.left + columns.right) / 2, middle + 4, "out with all walls up", size=TAG, style="n h c")
    else:
        yield from _marks(row, columns, middle)
    answers = page.right - columns.answers if page is SMALL_PAGE else 82
    yield label(columns.answers, middle + 4, row.answer, size=TAG, style="m d", width=answers)
    if page is WIDE_PAGE:
        style = "n e" if row.single or row.always else "w e" if row.joint else "d e"
        yield label(page.right, middle + 4, row.said, size=TAG, style=style,
                    width=page.right - columns.answers - 86)  # fmt: skip


def _marks(row: ProbeRow, columns: WallColumns, y: float) -> Iterator[str]:
    joint = frozenset().union(*row.joint)
    ends = [columns.places[wall] for wall in joint if wall in columns.places]
    if ends:
        yield line(min(ends), y, max(ends), y, stroke="wall", line=2)
    for wall, x in columns.places.items():
        if wall in row.single:
            yield rect(x - 5, y - 5, 10, 10, fill="new", radius=1)
        elif wall in row.common:
            yield dot(x, y, 4.5, fill="paper", stroke="wall")
        elif wall in joint:
            yield rect(x - 4.5, y - 4.5, 9, 9, fill="paper", stroke="wall", radius=0, dash="2 1.5")
        elif wall in row.tried and not (ends and min(ends) < x < max(ends)):
            yield rect(x - 0.75, y - 0.75, 1.5, 1.5, fill="idle", radius=0)


def _totals(rows: Sequence[ProbeRow], columns: WallColumns, y: float) -> Iterator[str]:
    """How many probes a wall stops alone, and in how many it stands behind another one."""
    for place, (said, style) in enumerate((("out without it alone", "n h c"), ("stands behind another", "w h c"))):
        base = y + 17 * place
        yield label(columns.left - 6, base, said, size=NOTE, style="e h" if not place else "e")
        for wall, x in columns.places.items():
            counts = [not row.always and (any(wall in each for each in row.joint) if place else wall in row.single)
                      for row in rows]  # fmt: skip
            if sum(counts):
                yield label(x, base, str(sum(counts)), size=TAG, style=style)
