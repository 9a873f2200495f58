"""A packet's path: each station in order, what it looks at, what it decides; and where the packet ends if it does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ...errors import BadInput
from ...kernel.checks import check_each, check_kind, check_text
from ..layers.words import first_that_fits
from ..marks import SMALL_PAGE, WIDE_PAGE, PageWidth, cross, number_mark, picture_head
from ..picture import Picture
from ..svg import clean_text, label, line, rect, svg, wrap
from ..theme import NOTE, TEXT, VALUE
from ..wording import counted_noun, cut_title

MOST_HOPS = 24
ROW, WALL = 52, 42  # px: a station, two rows of words; from one namespace to the next
HINT = 'draw.packet_path([draw.Hop("br0", "its forwarding table", "to v1")])'


@dataclass(frozen=True)
class Hop:
    """A station of a packet: `place`, `what` it looks at (an address, an entry, a rule), and its `verdict`.

    With `passed=False` the packet ends there. `namespace` says whose network it is in: a wall is drawn where it
    changes.
    """

    place: str
    what: str
    verdict: str = ""
    passed: bool = True
    namespace: str = ""

    def __post_init__(self) -> None:
        for name in ("place", "what", "verdict", "namespace"):
            check_text(getattr(self, name), f"a hop's {name}")
        check_kind(self.passed, bool, "whether a hop lets a packet pass")


def packet_path(hops: Sequence[Hop], packet: str = "the packet") -> Picture:
    """The stations of a packet, from its sender on; `packet` names it in the title. Raises BadInput."""
    found, heading, words = checked_hops(hops), title(hops, packet), alt_text(hops, packet)
    wide, small = (_laid_out(found, page, heading, words) for page in (WIDE_PAGE, SMALL_PAGE))
    return Picture(wide, words, heading, small)


def checked_hops(hops: Sequence[Hop]) -> tuple[Hop, ...]:
    """The data, checked."""
    found = check_each(hops, Hop, "a packet's path", least=1, hint=HINT)
    if len(found) > MOST_HOPS:
        raise BadInput(f"a path has at most {MOST_HOPS} stations, not {len(found)}", hint=HINT)
    return found


def title(hops: Sequence[Hop], packet: str = "the packet") -> str:
    """The finding: where the packet arrives, or where it ends and why."""
    found = checked_hops(hops)
    name = clean_text(check_text(packet, "a packet's name"), 60) or "the packet"
    name = name[0].upper() + name[1:]
    end = _end(found)
    if end is None:
        said = f"{name} reaches {clean_text(found[-1].place)}"
        return cut_title(
            first_that_fits(*([f"{said} in {len(found) - 1} steps"] if len(found) > 2 else []), said)
        )
    said = f"{name} ends at {clean_text(found[end].place)}"
    return cut_title(
        first_that_fits(f"{said}: {clean_text(found[end].verdict)}" * bool(found[end].verdict) or said, said)
    )


def _end(hops: Sequence[Hop]) -> int | None:
    """The number of the station at which the packet ends before its last one has let it pass."""
    return next((number for number, each in enumerate(hops) if not each.passed), None)


def alt_text(hops: Sequence[Hop], packet: str = "the packet") -> str:
    """Each station in order, with what it looks at and decides; those after the end last."""
    found, parts, namespace = checked_hops(hops), [f"Path of a packet. {title(hops, packet)}."], ""
    reached = found[: 1 + _reached(found)]
    for number, hop in enumerate(reached, 1):
        through = f", in the network of {hop.namespace}" if hop.namespace != namespace and hop.namespace else ""
        namespace = hop.namespace
        ends = "" if hop.passed else "; here it ends"
        parts.append(f"{number}. {hop.place}{through}: looks at {hop.what}; {hop.verdict or 'passes it on'}{ends}.")
    missed = ", ".join(each.place for each in found[len(reached) :])
    return clean_text(" ".join([*parts, *([f"Not reached: {missed}."] if missed else [])]), 16_000)


def _reached(hops: Sequence[Hop]) -> int:
    end = _end(hops)
    return len(hops) - 1 if end is None else end


def _laid_out(hops: Sequence[Hop], page: PageWidth, heading: str, words: str) -> str:
    count = counted_noun(len(hops), "station")
    head, base = picture_head(page, heading, f"{count} · below each what it looks at, beside it what it decides")
    tops, y = [], base + 20.0
    for number, hop in enumerate(hops):
        if number == 0 or hop.namespace != hops[number - 1].namespace:
            y += WALL if number else 26 * bool(hop.namespace)
        tops.append(y)
        y += ROW
    rooms, last = _rooms(hops, tops, page), _reached(hops)
    ways = [_way(page, top, below, reached=number < last) for number, (top, below) in enumerate(pairwise(tops))]
    stations = [
        part
        for number, (hop, top) in enumerate(zip(hops, tops, strict=True))
        for part in _station(hop, number, page, top, reached=number <= last)
    ]
    return svg(page.width, y + 20, [*head, *rooms, *ways, *stations], title=heading, alt_text=words)


def _rooms(hops: Sequence[Hop], tops: Sequence[float], page: PageWidth) -> Iterator[str]:
    """A ground for each namespace, with its name, and the wall above all but the first."""
    starts = [n for n, each in enumerate(hops) if n == 0 or each.namespace != hops[n - 1].namespace]
    for first, after in pairwise([*starts, len(hops)]):
        top, bottom = tops[first] - 24 * bool(hops[first].namespace), tops[after - 1] + ROW - 4
        yield rect(page.margin, top, page.width - 2 * page.margin, bottom - top, fill="host")
        if first:
            yield rect(page.margin, tops[first] - WALL + 3, page.width - 2 * page.margin, 8, fill="wall", radius=2)
            if first <= _reached(hops):
                yield rect(page.margin + 10, tops[first] - WALL + 2, 20, 10, fill="paper", radius=0)
        name = clean_text(hops[first].namespace)
        yield label(page.margin + 48, tops[first] - 4, name, size=NOTE, style="d", width=page.width / 2)


def _way(page: PageWidth, top: float, bottom: float, *, reached: bool) -> str:
    x, dash = page.margin + 20, "" if reached else "3 4"
    return line(x, top + 26, x, bottom + 6, stroke="ink" if reached else "idle", line=2 if reached else 1.2, dash=dash)


def _station(hop: Hop, number: int, page: PageWidth, y: float, *, reached: bool) -> Iterator[str]:
    """A station: its number on the packet's way, two rows of words, and its verdict beside them."""
    x, left, right = page.margin + 20, page.margin + 48, page.right - 12
    beside = left + (right - left) * 0.6
    if not hop.passed and reached:
        yield rect(x - 10, y + 6, 20, 20, fill="host", radius=0)
        yield cross(x, y + 16, 8)
    else:
        yield number_mark(x, y + 16, number + 1, dashed=not reached)
    style = "n h" if reached and not hop.passed else "h" if reached else "d"
    said = (hop.verdict or ("passes it on" if hop.passed else "dropped")) if reached else "not reached"
    for row, words in enumerate(wrap(clean_text(said), right - beside, VALUE, bold=True)[:2]):
        yield label(beside, y + 21 + 17 * row, words, size=VALUE, style=style, width=right - beside)
    yield label(left, y + 21, hop.place, size=TEXT, style="h" if reached else "d", width=beside - left - 12)
    yield label(left, y + 39, hop.what, size=NOTE, style="" if reached else "d", width=beside - left - 12)
