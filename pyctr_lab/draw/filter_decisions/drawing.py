"""A filter's decisions, drawn: a strip of call numbers, calls that fall through, measured costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..marks import WIDE_PAGE, PageWidth, dot, keys, picture_head
from ..svg import label, line, rect, svg, text_width, wrap
from ..theme import NOTE, TAG, TEXT, VALUE
from ..wording import counted_noun, short_number
from .decisions import BY_ARGUMENT, CALLS_HINT, Compared, Decisions, Fall, spelled, verdict_word
from .words import detail

MOST_ROWS = 12
WORDS_ROOM = 118  # px behind the strip: what a comparison says
BITMAP = "The kernel keeps a bitmap of numbers that are always allowed: for them no filter runs, however long it is."
ROW, BAR = 15, 9  # px: from one comparison to the next; a bar's height


@dataclass(frozen=True)
class NumberLine:
    """Where numbers lie, in px."""

    left: float
    wide: float
    count: int

    def at(self, number: int) -> float:
        """The left side of a number."""
        return self.left + self.wide * min(number, self.count) / self.count


def decisions_svg(found: Decisions, page: PageWidth, heading: str, words: str) -> str:
    """The picture in one width."""
    size, ranges = counted_noun(len(found.program), "instruction"), counted_noun(len(found.ranges), "range")
    parts, y = picture_head(page, heading, f"a program of {size} · {ranges} of call numbers")
    legend, y = keys(page, y + 32, _keys_of(found))
    beside = 128 if page is WIDE_PAGE else 0
    strip = NumberLine(page.margin + beside, page.right - page.margin - beside - WORDS_ROOM, found.last + 1)
    policy, y = _policy(found, page, strip, y + 24)
    parts += [*legend, *policy]
    if not found.falls:
        parts.append(label(page.margin, y + 20, f"No call falls through it here: {CALLS_HINT} shows how.", size=NOTE,
                           style="d"))  # fmt: skip
        y += 28
    for fall in found.falls:
        fallen, y = _fall(fall, page, strip, y + 26)
        parts += fallen
    costs, y = _cost_bars(found, page, y + 20)
    foot = [label(page.margin, y + 20 + 17 * row, said, size=NOTE, style="d")
            for row, said in enumerate(wrap(BITMAP, page.right - page.margin, NOTE))]  # fmt: skip
    return svg(page.width, y + 20 + 17 * len(foot), [*parts, *costs, *foot], title=heading, alt_text=words)


LOOKS = {"allowed": ("host", "idle"), "refused": ("wall", ""), "killed": ("ink", ""), BY_ARGUMENT: ("paper", "ink"),
         "asked live": ("new", "")}  # fmt: skip
TALLER = {"refused": 5, "killed": 8, BY_ARGUMENT: 2, "asked live": 8}  # px above and below the strip


def _keys_of(found: Decisions) -> list[tuple[str, str]]:
    there = {word for *_, word in found.ranges}
    return [(rect(-13, -6, 26, 12, fill=fill, stroke=stroke, radius=0), word)
            for word, (fill, stroke) in LOOKS.items() if word in there]  # fmt: skip


def _policy(found: Decisions, page: PageWidth, strip: NumberLine, y: float) -> tuple[list[str], float]:
    """The strip: each range of numbers with what becomes of it; what is not allowed stands out above and below."""
    parts = []
    if page is WIDE_PAGE:
        parts += [label(page.margin, y + 10, "by number", size=VALUE, style="h"),
                  label(page.margin, y + 26, "of the call", size=NOTE, style="d")]  # fmt: skip
    parts.append(rect(strip.left, y, strip.wide, 20, fill="host", stroke="idle", line=1, radius=0))
    # Hollow ranges last, and at least so wide that they differ from solid ones.
    for first, last, word in sorted(found.ranges, key=lambda each: each[2] == BY_ARGUMENT):
        if word != "allowed":
            (fill, stroke), taller = LOOKS[word], TALLER[word]
            x, wide = strip.at(first), strip.at(last + 1) - strip.at(first)
            more = max(0, (5 if word == BY_ARGUMENT else 1.5) - wide)
            parts.append(rect(x - more / 2, y - taller, wide + more, 20 + 2 * taller, fill=fill, stroke=stroke,
                              radius=0))  # fmt: skip
    step = 100 if found.last > 150 else 50
    ticks = [*range(0, found.last - step // 3, step), found.last]
    for number in ticks:
        x = strip.at(number)
        parts.append(label(x, y + 42, str(number), size=NOTE,
                           style="d c" if number else "d"))  # fmt: skip
    return parts, y + 46


def _fall(fall: Fall, page: PageWidth, strip: NumberLine, y: float) -> tuple[list[str], float]:
    """A call's comparisons as bars that get shorter, and its verdict."""
    name, number = fall.call, f"call {spelled(fall.number)}"
    if page is WIDE_PAGE:
        parts = [label(page.margin, y + 10, name, size=VALUE, style="m h", width=strip.left - page.margin - 10),
                 label(page.margin, y + 27, number, size=NOTE, style="d")]  # fmt: skip
    else:
        parts = [label(page.margin, y + 8, name, size=VALUE, style="m h", width=400),
                 label(page.right, y + 8, number, size=NOTE, style="d e")]  # fmt: skip
        y += 18
    word, top = verdict_word(fall.action), y
    rows = [Compared("", 0, strip.count - 1), *fall.compared]
    hidden = max(0, len(rows) - MOST_ROWS)
    if hidden:
        rows = [*rows[: MOST_ROWS - 4], Compared(f"… {hidden} more", *_ends(rows[-4])), *rows[-3:]]
    for each in rows:
        parts += _row(each, strip, y, final=each is rows[-1], word=word)
        y += ROW
    x = strip.at(fall.number) + strip.wide / strip.count / 2
    inside = fall.number < strip.count
    style = {"refused": "w h", "asked live": "n h"}.get(word, "h")
    parts.append(label(strip.left, y + 12, word, size=VALUE, style=style))
    beside = strip.left + 5 + text_width(word, VALUE, bold=True)
    parts.append(label(beside, y + 12, f"· {detail(fall)}", size=NOTE, style="d"))
    mark = [line(x, top - 4, x, y - 2, stroke="new" if word == "asked live" else "ink", dash="3 3")] if inside else []
    return [*mark, *parts], y + 12


def _ends(compared: Compared) -> tuple[int, int]:
    return compared.least, compared.most


def _row(compared: Compared, strip: NumberLine, y: float, *, final: bool, word: str) -> Iterator[str]:
    """One comparison: the numbers that are left behind it, and what it says; of an argument, the words alone."""
    x, end = strip.at(compared.least), strip.at(compared.most + 1)
    fill = {"refused": "wall", "asked live": "new"}.get(word, "ink") if final else "idle"
    if compared.argument:
        x = end = min(x, strip.left + strip.wide * 0.4)
        yield dot(x + 2, y + BAR / 2, 3, fill=fill)
    else:
        yield rect(x, y, max(2.0, end - x), BAR, fill=fill, radius=1)
    room, style = strip.left + strip.wide + WORDS_ROOM - end - 8, "m" if final else "m d"
    if text_width(compared.said, TAG, mono=True) > room:
        yield label(x - 8, y + BAR, compared.said, size=TAG, style=f"{style} e", width=x - strip.left - 8)
    elif compared.said:
        yield label(end + 8, y + BAR, compared.said, size=TAG, style=style)


def _cost_bars(found: Decisions, page: PageWidth, y: float) -> tuple[list[str], float]:
    """Measured costs as bars from zero; the first is the one that the others are compared with."""
    if not found.costs:
        return [], y
    parts = [line(page.margin, y, page.right, y, stroke="rule"),
             label(page.margin, y + 24, "what a call costs", size=TEXT, style="h")]  # fmt: skip
    left, most = page.margin + (240 if page is WIDE_PAGE else 190), max(value for _, value in found.costs) or 1
    room = page.right - left - 130
    base = found.costs[0][1]
    for row, (said, value) in enumerate(found.costs):
        top = y + 36 + 22 * row
        parts.append(label(page.margin, top + 11, said, size=NOTE, width=left - page.margin - 12))
        wide = max(1.0, room * value / most)
        parts.append(rect(left, top, wide, 13, fill="wall" if row else "ink", radius=2))
        more = f", {value - base:+,.0f}".replace("-", "−") if row else ""
        parts.append(label(left + wide + 8, top + 11, f"{short_number(value)} ns{more}", size=NOTE,
                           style="w h" if row else ""))  # fmt: skip
    return parts, y + 36 + 22 * len(found.costs)
