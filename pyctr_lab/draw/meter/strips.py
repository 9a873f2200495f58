"""The meter's picture: four strips on one time axis, made of samples. CPU, memory, processes, pressure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from zlib import crc32

from ...errors import BadInput
from ...kernel.checks import check_each, check_kind, check_seconds
from ...measure.sampling import EVERY, UsageSample, thinned
from ..picture import Picture
from ..svg import label, line, rect, svg, text_width, wrap
from ..theme import NOTE, TEXT, TITLE
from ..wording import quoted_name
from .curves import Curve, Strip, strips_of
from .words import LIMIT_FILES, Meters, alt_text, limit_value, moments, title, warned_since

POINTS = 240  # a curve has so many at most: more than that cannot be seen
MOST_GROUPS = 4
ROOM = 14  # px between two labels, one below the other


@dataclass(frozen=True)
class StripLayout:
    """Where things are, in px: curves from `left` to `right`, each strip `height` high, labels at its right."""

    width: int
    margin: int
    left: int
    right: int
    height: int
    gap: int


WIDE = StripLayout(980, 24, 150, 800, 92, 30)
SMALL = StripLayout(564, 16, 134, 420, 70, 26)
LIVE = StripLayout(548, 4, 122, 408, 70, 26)  # the panel around it has margins of its own


# ----------------------------------------------------------------------------------------------------------- a picture
def usage_chart(samples: Meters | Sequence[UsageSample], *, name: str = "", seconds: float | None = None) -> Picture:
    """What groups used, as a picture: CPU, memory and processes with their limits, and the pressure.

    `samples` are those of one group, called `name`, or of several by their names, as `Sampler.samples` has them.
    `seconds` is the length of the time axis; without it, it ends with the last sample.
    """
    check_kind(name, str, "a meter's name")
    meters = dict(samples) if isinstance(samples, Mapping) else {name: samples}
    for group, kept in meters.items():
        check_kind(group, str, "a group's name")
        check_each(kept, UsageSample, "a meter's samples", hint="draw.usage_chart(sampler.samples)")
    if seconds is not None:
        check_seconds(seconds, "seconds")
    if not 1 <= len(meters) <= MOST_GROUPS:
        raise BadInput(f"a meter shows 1 to {MOST_GROUPS} groups, not {len(meters)}", hint="make a second meter")
    heading, words = title(meters), alt_text(meters)
    wide, small = (strips_svg(meters, layout, seconds, heading=heading, words=words) for layout in (WIDE, SMALL))
    return Picture(wide, words, heading, small)


def strips_svg(meters: Meters, layout: StripLayout, seconds: float | None, *, words: str, heading: str = "") -> str:
    """The picture as SVG, in one layout; without a heading where something else says it."""
    meters = {name: thinned(samples, POINTS) for name, samples in meters.items()}
    end = seconds or max((samples[-1].t for samples in meters.values() if samples), default=1.0)
    head = list(_head(meters, layout, heading)) if heading else []
    top = (34 + 24 * len(head) if head else 8) + 8
    plot = _Plot(layout, top, end, f"thr{crc32(words.encode())}-{layout.width}")
    made = list(enumerate(strips_of(meters)))
    body = [part for number, strip in made for part in plot.strip(number, strip)]
    marks = [part for number, strip in made for part in plot.marks(number, strip)]
    legend = plot.legend([strip for _, strip in made])
    parts = [plot.hatch, *_placed(head, layout), *body, *plot.lines(meters), *marks, *plot.axis(), *legend]
    return svg(layout.width, plot.bottom + 72, parts, title=heading or "Meter", alt_text=words)


def _head(meters: Meters, layout: StripLayout, heading: str) -> Iterator[tuple[str, int, str]]:
    room = layout.width - 2 * layout.margin
    yield from ((words, TITLE, "h") for words in wrap(heading, room, TITLE, bold=True))
    lines = wrap(subtitle(meters), room, TEXT)
    lines = [*lines[:2], lines[2] + (" …" if len(lines) > 3 else "")] if len(lines) > 2 else lines
    yield from ((words, TEXT, "d") for words in lines)


def _placed(head: Sequence[tuple[str, int, str]], layout: StripLayout) -> Iterator[str]:
    for number, (words, size, style) in enumerate(head):
        yield label(layout.margin, 34 + 24 * number, words, size=size, style=style)


def subtitle(meters: Meters) -> str:
    """Which groups, with which limits at the end, and how it was measured."""
    each = (" · ".join([quoted_name(name) if name else "", *_limits(samples)]) for name, samples in meters.items())
    shown = "; ".join(part.removeprefix(" · ") for part in each if part.strip())
    return f"control group{'s' * (len(meters) > 1)} {shown} · read {1 / EVERY:.0f} times a second".replace("  ", " ")


def _limits(samples: Sequence[UsageSample]) -> list[str]:
    last = samples[-1].limits if samples else None
    values = ((kind, getattr(last, kind, None)) for kind in LIMIT_FILES)
    return [f"{LIMIT_FILES[kind]} {limit_value(kind, value)}" for kind, value in values if value is not None]


# ------------------------------------------------------------------------------------------------------ strips, drawn
class _Plot:
    """Draws strips below each other: `end` seconds wide, the first at `top`."""

    def __init__(self, layout: StripLayout, top: float, end: float, hatch: str) -> None:
        self.layout, self.top, self.end, self._hatch = layout, top, end, hatch
        self.bottom = top + 4 * layout.height + 3 * layout.gap

    @property
    def hatch(self) -> str:
        """The pattern of time that was not given. Its id is its own: a hidden picture's pattern would not be seen."""
        return (
            f'<defs><pattern id="{self._hatch}" width="6" height="6" patternUnits="userSpaceOnUse" '
            'patternTransform="rotate(45)"><rect width="6" height="6" fill="var(--newt)"/>'
            '<line x1="0" y1="0" x2="0" y2="6" stroke="var(--new)" stroke-width="1.4"/></pattern></defs>'
        )

    def x(self, t: float) -> float:
        """Where a moment is."""
        return self.layout.left + (self.layout.right - self.layout.left) * min(t, self.end) / self.end

    def _low(self, number: int) -> float:
        """The zero line of a strip."""
        return self.top + number * (self.layout.height + self.layout.gap) + self.layout.height

    def strip(self, number: int, strip: Strip) -> Iterator[str]:
        """One strip, from grid to labels."""
        layout = self.layout
        low = self._low(number)
        yield label(layout.margin, low - layout.height + 12, strip.name, style="h")
        for place, unit in enumerate(strip.unit):
            yield label(layout.margin, low - layout.height + 28 + 15 * place, unit, size=NOTE, style="d")
        yield line(layout.left, low, layout.right, low, stroke="idle")
        if not strip.curves:
            yield label(layout.left + 12, low - layout.height / 2 + 4, strip.absent, size=NOTE, style="d")
            return
        yield from self._scale(low, strip)
        scale = layout.height / strip.top
        for curve in strip.curves:
            yield from self._area(curve, low, scale)
        for curve in strip.curves:
            yield from self._line(curve, low, scale)
        yield from self._limits(strip, low, scale)
        yield from self._throttled(strip, low, scale)
        yield from self._labels(strip, low, scale)

    def _scale(self, low: float, strip: Strip) -> Iterator[str]:
        for value in (0.0, strip.top / 2, strip.top):
            y = low - self.layout.height * value / strip.top
            if value:
                yield line(self.layout.left, y, self.layout.right, y, stroke="rule")
            yield label(self.layout.left - 8, y + 4, tick_label(value, strip.key), size=NOTE, style="d e")

    def _path(self, points: Sequence[tuple[float, float]], low: float, scale: float) -> str:
        return "L".join(f"{self.x(t):.1f} {low - value * scale:.1f}" for t, value in points)

    def _area(self, curve: Curve, low: float, scale: float) -> Iterator[str]:
        if curve.area:
            ends = self.x(curve.points[0][0]), self.x(curve.points[-1][0])
            path = self._path(curve.points, low, scale)
            yield f'<path d="M{ends[0]:.1f} {low:g}L{path}L{ends[1]:.1f} {low:g}Z" fill="var(--wallt)"/>'
        if curve.above:
            edge = self._path([*curve.points, *reversed(curve.above)], low, scale)
            yield f'<path d="M{edge}Z" fill="url(#{self._hatch})"/>'

    def _line(self, curve: Curve, low: float, scale: float) -> Iterator[str]:
        colour, dash, _ = curve.look
        width = 2.5 if colour == "new" else 2
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        yield (
            f'<path d="M{self._path(curve.points, low, scale)}" fill="none" stroke="var(--{colour})" '
            f'stroke-width="{width}"{dashes} stroke-linejoin="round"/>'
        )

    def _limits(self, strip: Strip, low: float, scale: float) -> Iterator[str]:
        for begin, end, value in strip.limits:
            if value <= strip.top:
                y = low - value * scale
                yield line(self.x(begin), y, self.x(end), y, stroke="ink", line=1.2, dash="6 3")

    def _throttled(self, strip: Strip, low: float, scale: float) -> Iterator[str]:
        """What the hatched part is, in it, where it is wide and high enough."""
        words = "throttled: wanted to run, had to wait"
        curve = next((curve for curve in strip.curves if curve.above), None)
        if curve is None:
            return
        limits = [value for *_, value in strip.limits if value <= strip.top]
        rows = [(self.x(t), used, all_) for (t, used), (_, all_) in zip(curve.points, curve.above, strict=True)]
        for shown in (words, "throttled"):
            width = text_width(shown, NOTE, bold=True) + 12
            places = []  # (height of the free part, its middle, x): from the curve and the limits to the hatch's edge
            for x, *_ in rows:
                below = [row for row in rows if x <= row[0] <= x + width]
                if x + width <= rows[-1][0] and below:
                    least, most = max(used for _, used, _ in below), min(all_ for *_, all_ in below)
                    least = max([least, *(value for value in limits if value < most)])
                    places.append(((most - least) * scale, low - (least + most) / 2 * scale, x + width / 2))
            room, y, x = max(places, default=(0.0, 0.0, 0.0))
            if room >= 20:
                yield rect(x - width / 2, y - 9, width, 17, fill="newt", radius=3)
                yield label(x, y + 4, shown, size=NOTE, style="n h c")
                return

    def _labels(self, strip: Strip, low: float, scale: float) -> Iterator[str]:
        """At the right: what holds, and what is used now; moved apart where they would cover each other."""
        wanted = []
        if strip.limit_text:
            value = strip.limits[-1][2]
            far = value > strip.top
            wanted.append(
                (
                    low - min(value, strip.top) * scale,
                    f"limit {strip.limit_text.split(maxsplit=1)[1]} ↑" if far else strip.limit_text,
                    "h",
                )
            )
        wanted += [(low - curve.points[-1][1] * scale, curve.text, curve.look[2]) for curve in strip.curves]
        edge = self.layout.right + 10
        for y, words, style in moved_apart(wanted, low - self.layout.height, low):
            yield label(edge, y + 4, words, size=NOTE, style=style, width=self.layout.width - edge - 4)

    def marks(self, number: int, strip: Strip) -> Iterator[str]:
        """What happened, in words beside its line, on top of all; where one would cover the last it is left out."""
        low = self._low(number)
        taken = float("-inf")
        for t, words in strip.marks:
            width = text_width(words, NOTE, bold=True) + 8
            x = self.x(t) + 4 if self.x(t) + 4 + width <= self.layout.right else self.x(t) - 4 - width
            if x >= taken:
                top = low - self.layout.height - 21  # between the strips: it covers no curve
                yield rect(x, top, width, 17, fill="newt", radius=3)
                yield label(x + 4, top + 13, words, size=NOTE, style="n h")
                taken = x + width

    def lines(self, meters: Meters) -> Iterator[str]:
        """What happened, as a line through all strips; and how long pressure had warned of the first kill."""
        happened = moments(meters)
        for each in happened:
            yield line(self.x(each.t), self.top - 6, self.x(each.t), self.bottom, stroke="new", line=2)
        kill = next((each for each in happened if each.kind == "oom_kill"), None)
        since = warned_since(meters[kill.name], kill.t) if kill else 0.0
        if kill and kill.t - since >= 0.4:
            y = self.bottom + 10
            yield line(self.x(since), y, self.x(kill.t), y, stroke="new", line=1.5)
            yield line(self.x(since), y - 4, self.x(since), y + 4, stroke="new", line=1.5)
            yield line(self.x(kill.t), y - 4, self.x(kill.t), y + 4, stroke="new", line=1.5)
            words = f"{kill.t - since:.1f} s of warning"
            room = 8 + text_width(words, NOTE, bold=True)  # beyond the axis stand the readings' own words
            side = self.x(kill.t) + room <= self.layout.right or self.x(since) - room < self.layout.left
            x = self.x(kill.t) + 8 if side else self.x(since) - 8
            yield label(x, y + 4, words, size=NOTE, style="n h" if side else "n h e")

    def legend(self, strips: Sequence[Strip]) -> Iterator[str]:
        """What lines and hatching mean, as far as the picture has them."""
        x, y = float(self.layout.left), self.bottom + 58
        limited = any(value <= strip.top for strip in strips for *_, value in strip.limits)
        throttled = any(curve.above for strip in strips for curve in strip.curves)
        for words, there in (("used", True), ("limit", limited), ("throttled", throttled)):
            if not there:
                continue
            if words == "throttled":
                yield f'<rect x="{x:g}" y="{y - 10:g}" width="22" height="12" fill="url(#{self._hatch})"/>'
            else:
                dash, colour, width = ("6 3", "ink", 1.2) if words == "limit" else ("", "wall", 2.0)
                yield line(x, y - 4, x + 22, y - 4, stroke=colour, line=width, dash=dash)
            yield label(x + 28, y, words, size=NOTE, style="d")
            x += 28 + text_width(words, NOTE) + 22

    def axis(self) -> Iterator[str]:
        """Seconds, at the bottom."""
        step = next(
            step for step in (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600) if self.end / step <= 7 or step == 600
        )
        for t in (number * step for number in range(int(self.end / step + 1e-6) + 1)):
            yield label(self.x(t), self.bottom + 34, f"{t:g}" if t else "0 s", size=NOTE, style="d c")
        words = "seconds since start" if self.layout is WIDE else "seconds"
        yield label(self.layout.right + 24, self.bottom + 34, words, size=NOTE, style="d")


def tick_label(value: float, key: str) -> str:
    """A number for an axis, short enough to stand beside a strip's name."""
    units = ((1e3, "k"),) if key == "cpu" else ((2.0**20, "Mi"), (2.0**10, "Ki"))
    for size, unit in units:
        if value >= 10_000 and value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def moved_apart(wanted: Sequence[tuple[float, str, str]], top: float, low: float) -> list[tuple[float, str, str]]:
    """Labels (y, words, style) in the order of their height, none nearer than `ROOM` to the next, and none outside.

    Of two at almost the same height the one that is named first is the upper one.
    """
    placed: list[tuple[float, str, str]] = []
    for y, words, style in sorted(wanted, key=lambda each: round(each[0] / 4)):
        y = max(y, top, placed[-1][0] + ROOM if placed else top)
        placed.append((y, words, style))
    most = low
    for number in reversed(range(len(placed))):
        y, words, style = placed[number]
        placed[number] = (min(y, most), words, style)
        most = placed[number][0] - ROOM
    return placed
