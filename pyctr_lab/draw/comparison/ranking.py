"""The frame of a ranking: engines below each other on one logarithmic scale, with median, spread and guess."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...measure.samples import Results
from ..picture import Picture
from ..svg import label, line, rect, svg, text_width, wrap
from ..theme import NOTE, TEXT, TITLE, VALUE
from ..wording import short_number

TOP, ROW, HEADING = 112, 26, 30
GAP = 13  # px between a mark and its words
GROUPS = {
    "no container": ("exec",),
    "one program makes the calls": ("floor", "ours", "ours+fork", "ours+limits", "unshare", "bubblewrap"),
    "runtimes": ("lxc", "crun", "runc", "nspawn"),
    "managers and daemons": ("podman", "docker"),
    "a kernel of its own": ("gvisor", "qemu"),
}


@dataclass(frozen=True)
class RankingLayout:
    """Where things stand across the picture, in px: its width, and the ends of the axis."""

    width: float
    left: float
    right: float

    @property
    def room(self) -> float:
        """Words end here."""
        return self.width - 16


WIDE, NARROW = RankingLayout(980, 250, 800), RankingLayout(648, 190, 500)


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


def engine_mark(
    results: Results,
    name: str,
    spread: tuple[float, float, float],
    words: str,
    *,
    guess: float = 0.0,
    other: float = 0.0,
) -> Mark:
    """An engine's row: machines are the news, ours is ours, and an emulated one is hatched."""
    emulated = results.emulated(name)
    return Mark(
        results.name_of(name),
        spread,
        words,
        news=name == "qemu",
        ours=name.startswith("ours"),
        hatched=emulated,
        guess=guess,
        other=other,
    )


def grouped_marks(marks: dict[str, Mark]) -> list[Group]:
    """Marks by their engines' names, in the order of `GROUPS`; those of a kind by their median."""
    found = []
    for heading, names in GROUPS.items():
        there = sorted((marks[name] for name in names if name in marks), key=lambda mark: mark.spread[1])
        found += [Group(heading, tuple(there))] if there else []
    return found


def ranking(
    groups: Sequence[Group], *, title: str, subtitle: str, alt_text: str, unit: str, notes: Sequence[str] = (),
    one: float = 0.0, base: float = 0.0, base_name: str = "", column: str = "",
) -> Picture:  # fmt: skip
    """The groups as a picture. `unit` stands at the axis; each of `notes` below it, on lines of its own.

    `one` is a value with a dashed line through it. `base` is the value of `base_name`: then a second axis, above,
    counts in its multiples, for ratios travel between machines and milliseconds do not. With a `column` the rows' words
    stand below each other at the right, under that heading: beside a whisker's end a median reads as the greatest.
    """
    marks = [mark for group in groups for mark in group.marks]
    values = [value for mark in marks for value in (*mark.spread, mark.guess, mark.other) if value > 0]

    def laid_out(layout: RankingLayout) -> str:
        axis, across = Axis.around(values, layout), layout.width - 48
        heads = wrap(title, across, TITLE, bold=True)
        below_heads = [each.removesuffix(" ·") for each in wrap(subtitle, across, TEXT)]
        head = [label(24, 34 + 24 * n, each, size=TITLE, style="h") for n, each in enumerate(heads)]
        begin = 34 + 24 * len(heads)
        head += [label(24, begin + 20 * n, each, style="d") for n, each in enumerate(below_heads)]
        top = TOP + 24 * (len(heads) - 1) + 20 * (len(below_heads) - 1)
        bottom = top + HEADING * len(groups) + ROW * len(marks)
        below = [each for note in notes if note for each in wrap(note, across, NOTE)]
        body = [*axis.lines(top - 12, bottom, unit)]
        if base:
            body += axis.multiples(top - 12, base, base_name)
        if one:
            body.append(line(axis.place(one), top - 12, axis.place(one), bottom, stroke="wall", line=1.2, dash="6 3"))
        if column:
            body.append(label(layout.right + GAP + 6, top - 20, column, size=NOTE, style="d"))
        body += group_rows(groups, axis, top, column=bool(column))
        body += [label(24, bottom + 48 + 18 * n, each, size=NOTE, style="d") for n, each in enumerate(below)]
        height = bottom + 40 + (18 * len(below) + 8 if below else 0)
        return svg(layout.width, height, [*head, *body], title=title, alt_text=alt_text)

    return Picture(laid_out(WIDE), alt_text, title, laid_out(NARROW))


def group_rows(groups: Sequence[Group], axis: Axis, y: float, *, column: bool = False) -> Iterator[str]:
    """The groups below each other, from `y` on."""
    for group in groups:
        yield label(24, y + 6, group.heading, size=NOTE, style="d")
        y += HEADING
        for mark in group.marks:
            yield from mark_row(mark, axis, y, column=column)
            y += ROW


def mark_row(mark: Mark, axis: Axis, y: float, *, column: bool = False) -> Iterator[str]:
    """One engine."""
    least, median, greatest = (axis.place(value) for value in mark.spread)
    colour, left = "new" if mark.news else "wall" if mark.ours else "ink", axis.layout.left
    yield label(left - 14, y + 5, mark.name, style="e h" if mark.ours or mark.news else "e", width=left - 30)
    yield line(left, y, axis.layout.right, y, stroke="rule")
    if greatest - least > 1:
        yield line(least, y, greatest, y, stroke="idle", line=2)
        yield line(least, y - 5, least, y + 5, stroke="idle", line=2)
        yield line(greatest, y - 5, greatest, y + 5, stroke="idle", line=2)
    begin, end = least, greatest
    if mark.other > 0:
        x = axis.place(mark.other)
        yield line(median, y, x, y, stroke="idle", line=1.2)
        yield circle(x, y, 5, fill="paper", stroke=colour)
        begin, end = min(begin, x), max(end, x)
    if mark.hatched:
        yield diamond(median, y, fill="paper", stroke=colour)
        yield line(median - 3, y + 3, median + 3, y - 3, stroke=colour)
    else:
        yield circle(median, y, 5, fill=colour)
    yield from mark_words(mark, axis, y, begin, end, column=column)


def mark_words(mark: Mark, axis: Axis, y: float, begin: float, end: float, *, column: bool = False) -> Iterator[str]:
    """A row's value, and the guess with its own words; `begin` and `end` are where the marks do, in px.

    Each stands beside its mark where there is room: the value behind, else before it; the guess likewise. Else both
    stand behind the last mark, that mark's words first. In a `column` the value stands at the right in any case.
    """
    style = "n h" if mark.news else "w h" if mark.ours else "h"
    wide, layout = text_width(mark.words, VALUE, bold=True), axis.layout
    value = end + GAP if end + GAP + wide <= layout.room else begin - GAP - wide
    if mark.guess > 0:
        guess = axis.place(mark.guess)
        yield diamond(guess, y, fill="none", stroke="dim", dash="3 2")
        number = short_number(mark.guess)
        for said in (f"you said {number}", f"you {number}"):  # the short one where it is narrow
            width = text_width(said, VALUE)
            if column:
                place = guess_place(layout, (begin, end), guess, width)
                found = None if place is None else (value, place)
            else:
                found = word_places(layout, (begin, end), wide, guess, width)
            if found:
                value, beside = found
                yield label(beside, y + 5, said, size=VALUE, style="d")
                break
    yield label(layout.right + GAP + 6 if column else value, y + 5, mark.words, size=VALUE, style=style)


def guess_place(layout: RankingLayout, marks: tuple[float, float], guess: float, wide: float) -> float | None:
    """Where a guess's words begin, left of the column: beside its mark, else beside all marks. None without room."""
    (begin, end), edge = marks, layout.right + GAP
    taken = (begin - GAP + 2, end + GAP - 2), (guess - GAP + 2, guess + GAP - 2)
    low, high = min(begin, guess), max(end, guess)
    tried = (guess + GAP, guess - GAP - wide, high + GAP, low - GAP - wide)
    free = (x for x in tried if x + wide <= edge and is_free(layout, (x, x + wide), taken))
    return next(free, None)


def word_places(
    layout: RankingLayout, marks: tuple[float, float], wide: float, guess: float, wide_guess: float
) -> tuple[float, float] | None:
    """Where the value's words begin, and the guess's, each so wide; all in px. None where there is no room for both."""
    begin, end = marks
    taken = (begin - GAP + 2, end + GAP - 2), (guess - GAP + 2, guess + GAP - 2)
    low, high = min(begin, guess) - GAP, max(end, guess) + GAP
    both = wide + GAP + wide_guess
    tried = [
        (value, beside)
        for value in (end + GAP, begin - GAP - wide)
        for beside in (guess + GAP, guess - GAP - wide_guess)
    ]
    tried += [(x + wide_guess + GAP, x) if guess > end else (x, x + wide + GAP) for x in (high, low - both)]
    for value, beside in tried:
        first, second = (value, value + wide), (beside, beside + wide_guess)
        if is_free(layout, first, (*taken, second)) and is_free(layout, second, taken):
            return value, beside
    return None


def is_free(layout: RankingLayout, span: tuple[float, float], others: Sequence[tuple[float, float]]) -> bool:
    """Whether a stretch of a row is beside the names, on the paper, and lies on no other."""
    inside = span[0] >= layout.left and span[1] <= layout.room
    return inside and all(span[1] <= low or high <= span[0] for low, high in others)


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
    layout: RankingLayout = WIDE

    @classmethod
    def around(cls, values: Sequence[float], layout: RankingLayout = WIDE) -> Axis:
        """One that holds all values, with some room; whole decades are not needed."""
        low, high = math.log10(min(values)), math.log10(max(values))
        room = max(0.08, 0.04 * (high - low))
        return cls(low - room, max(high + room, low + 0.5), layout)

    def place(self, value: float) -> float:
        """Where a value stands, in px; what is off the axis stands at its end."""
        share = (math.log10(max(value, 1e-12)) - self.least) / (self.greatest - self.least)
        return self.layout.left + min(1.0, max(0.0, share)) * (self.layout.right - self.layout.left)

    def ticks(self) -> Iterator[float]:
        """Round values: powers of ten; with few of them, twos and fives, and what lies between."""
        decades = self.greatest - self.least
        factors = (1,) if decades > 2.2 else (1, 2, 5) if decades > 0.8 else (1, 1.5, 2, 3, 4, 5, 7)
        for power in range(math.floor(self.least), math.ceil(self.greatest) + 1):
            for factor in factors:
                value = factor * 10.0**power
                if self.least <= math.log10(value) <= self.greatest:
                    yield value

    def lines(self, top: float, bottom: float, unit: str) -> Iterator[str]:
        """A light line at each round value, its number below."""
        for value in self.ticks():
            x = self.place(value)
            yield line(x, top, x, bottom, stroke="rule")
            yield label(x, bottom + 18, short_number(value), size=NOTE, style="d c")
        yield rect(self.layout.left, bottom, self.layout.right - self.layout.left, 1, fill="idle", radius=0)
        yield label(self.layout.left - 26, bottom + 18, unit, size=NOTE, style="d e")

    def multiples(self, top: float, base: float, name: str) -> Iterator[str]:
        """The second axis, above: powers of ten times `base`."""
        yield rect(self.layout.left, top, self.layout.right - self.layout.left, 1, fill="idle", radius=0)
        yield label(self.layout.left - 26, top - 8, f"times {name}", size=NOTE, style="d e")
        factors = (1,) if self.greatest - self.least > 2.2 else (1, 2, 5)
        for times in (factor * 10.0**power for power in range(-9, 10) for factor in factors):
            x = self.place(base * times)
            if self.layout.left < x < self.layout.right - 12:
                yield line(x, top - 5, x, top, stroke="idle")
                yield label(x, top - 8, f"×{short_number(times)}", size=NOTE, style="d c")
