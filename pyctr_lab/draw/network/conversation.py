"""A conversation as a sequence: a column for each party, an arrow for each packet, and what was learned beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ...errors import BadInput
from ...kernel.checks import check_each, check_kind, check_list, check_text, is_number, short_repr
from ..layers.words import first_that_fits
from ..marks import SMALL_PAGE, WIDE_PAGE, PageWidth, arrow, diamond_mark, dot, number_mark, picture_head
from ..picture import Picture
from ..svg import clean_text, fit_text, label, line, rect, svg, text_width, wrap
from ..theme import NOTE, TEXT, VALUE
from ..wording import counted_noun, cut_title, listed

MOST_PACKETS, MOST_PARTIES = 40, 6
ROW, LINE, PAUSE = 44, 16, 38  # px: a packet at least; a line of what was learned; a gap in time
SILENCE = 0.001  # seconds without a packet that are drawn as a gap
SIDE, CLOCK = 250, 74  # px: the column of what was learned; the column of times
EVERYONE = re.compile(r"(\*|ff:ff:ff:ff:ff:ff|255\.255\.255\.255|33:33:.*|01:00:5e:.*|)$", re.IGNORECASE)
ADDRESS = re.compile(r"[\da-fA-F.:]+$")
ASKING = re.compile(r"\b(who[- ]has|is[- ]at|ARP)\b", re.IGNORECASE)
SUBTITLE = "in order, not to scale · µs since the first packet, anew after each gap"
HINT = 'draw.conversation([draw.Said(0.0, "10.88.0.2", "10.88.0.3", "echo request")], {"10.88.0.2": "web"})'
Names = Mapping[str, str] | None
Tables = Mapping[str, Sequence[str]] | None


@dataclass(frozen=True)
class Said:
    """A packet: when (`seconds`, of any clock), who sent it to whom (MAC or IP addresses), and what it says.

    A broadcast's or multicast's `receiver` means everyone; so does "". `learned`: what a table learned from it.
    """

    seconds: float
    sender: str
    receiver: str
    text: str
    learned: str = ""

    def __post_init__(self) -> None:
        if not is_number(self.seconds):
            raise BadInput(f"a packet's time is in seconds, not {short_repr(self.seconds)}", hint=HINT)
        for name in ("sender", "receiver", "text", "learned"):
            check_text(getattr(self, name), f"a packet's {name}")


@dataclass(frozen=True)
class Talkers:
    """The packets in order, their parties by address, and tables before and after."""

    packets: tuple[Said, ...]
    names: dict[str, str]
    tables: dict[str, tuple[str, str]]

    @property
    def parties(self) -> tuple[str, ...]:
        """The columns: named ones in the order of their names, then the others as they come."""
        known = {self.name(each): None for each in self.heard}
        named = [each for each in dict.fromkeys(self.names.values()) if each in known]
        return tuple(dict.fromkeys([*named, *known]))[:MOST_PARTIES]

    @property
    def heard(self) -> list[str]:
        """All addresses, in the order in which they come."""
        each = [address for packet in self.packets for address in (packet.sender, packet.receiver)]
        return [address for address in each if address in self.names or not EVERYONE.match(address)]

    def name(self, address: str) -> str:
        """A party's name: the given one, else its address."""
        return self.names.get(address) or clean_text(address, 40)

    def is_to_all(self, packet: Said) -> bool:
        """Whether everyone receives it."""
        return packet.receiver not in self.names and bool(EVERYONE.match(packet.receiver))

    @property
    def drawn(self) -> list[Said]:
        """The packets whose parties have columns."""

        def has_columns(packet: Said) -> bool:
            ends = [packet.sender] if self.is_to_all(packet) else [packet.sender, packet.receiver]
            return all(self.name(each) in self.parties for each in ends)

        return [each for each in self.packets if has_columns(each)][:MOST_PACKETS]


def conversation(packets: Sequence[Said], names: Names = None, tables: Tables = None) -> Picture:
    """Packets as arrows between their parties, in the order of their times.

    `names` calls addresses by a name, in the order of the columns; two addresses of one name are one party. `tables`:
    by name, what a table had before and after, each as text. Raises BadInput.
    """
    talk, heading, words = talkers(packets, names, tables), title(packets, names), alt_text(packets, names, tables)
    wide, small = (_laid_out(talk, page, heading, words) for page in (WIDE_PAGE, SMALL_PAGE))
    return Picture(wide, words, heading, small)


def talkers(packets: Sequence[Said], names: Names = None, tables: Tables = None) -> Talkers:
    """The data, checked."""
    found = check_each(packets, Said, "the packets of a conversation", hint=HINT)
    called = check_kind({} if names is None else names, Mapping, "the names of a conversation", hint=HINT)
    for address, name in called.items():
        check_text(address, "an address"), check_text(name, "a party's name")
    known = {}
    for name, both in check_kind({} if tables is None else tables, Mapping, "tables", hint=HINT).items():
        before_after = check_list(both, "a table before and after")
        if len(before_after) != 2:
            raise BadInput(f"a table is given as it was before and after, not {short_repr(both)}", hint=HINT)
        before, after = (check_text(each, "a table") for each in before_after)
        known[clean_text(check_text(name, "a table's name"), 40)] = (before, after)
    in_order = tuple(sorted(found, key=lambda each: each.seconds))
    return Talkers(in_order, {address: clean_text(name, 40) for address, name in called.items()}, known)


def title(packets: Sequence[Said], names: Names = None, tables: Tables = None) -> str:
    """The finding: how many packets, and how many of them only look for addresses, or taught a table something."""
    talk = talkers(packets, names, tables)
    count, asking = len(talk.packets), sum(bool(ASKING.search(each.text)) for each in talk.packets)
    if not count:
        return "No packet was seen"
    taught = sum(bool(each.learned) for each in talk.packets)
    between = f"between {listed(talk.parties)}" if len(talk.parties) > 1 else f"from {listed(talk.parties)}"
    if asking:
        verb = "asks or tells" if asking == 1 else "ask or tell"
        return f"{asking:,} of {counted_noun(count, 'packet')} only {verb} where an address is"
    learned = f"; {taught:,} of them taught a table something" if taught else ""
    said = counted_noun(count, "packet")
    return cut_title(first_that_fits(f"{said} {between}{learned}", f"{said} {between}", f"{said}{learned}"))


def alt_text(packets: Sequence[Said], names: Names = None, tables: Tables = None) -> str:
    """The packets in order, what was learned from each, then the tables."""
    talk, parts, began, last = talkers(packets, names, tables), list[str](), 0.0, None
    for number, packet in enumerate(talk.drawn, 1):
        began, gap = _since(began, last, packet)
        to = "everyone" if talk.is_to_all(packet) else talk.name(packet.receiver)
        learned = f"; learned: {packet.learned}" if packet.learned else ""
        when = f"{gap}, " if gap else ""
        parts.append(
            f"{when}{number}. at {_micro(packet, began)} {talk.name(packet.sender)} to {to}: {packet.text}{learned}."
        )
        last = packet
    more = [f"And {counted_noun(len(talk.packets) - len(talk.drawn), 'more packet')}."] * (
        len(talk.drawn) < len(talk.packets)
    )
    kept = [
        f"{name}: before, {before or 'empty'}; after, {after or 'empty'}."
        for name, (before, after) in talk.tables.items()
    ]
    head = f"Packets in order. {title(packets, names)}."
    return clean_text(" ".join([head, *parts, *more, *kept]), 16_000)


def _since(began: float, last: Said | None, packet: Said) -> tuple[float, str]:
    """Where µs are counted from, and the gap before a packet in words, if there is one."""
    if last is None:
        return packet.seconds, ""
    silence = packet.seconds - last.seconds
    if silence < SILENCE:
        return began, ""
    return packet.seconds, f"{silence:.1f} s later" if silence >= 1 else f"{silence * 1000:.0f} ms later"


def _micro(packet: Said, began: float) -> str:
    return f"{(packet.seconds - began) * 1e6:,.0f} µs"


def _laid_out(talk: Talkers, page: PageWidth, heading: str, words: str) -> str:
    parts, base = picture_head(page, heading, SUBTITLE)
    wide = page is WIDE_PAGE
    learns = wide and any(each.learned for each in talk.drawn)
    right = page.right - (SIDE if learns else 0)
    names, room = talk.parties, right - page.margin - CLOCK
    step = room / max(1, len(names))
    columns = {name: page.margin + CLOCK + step * (number + 0.5) for number, name in enumerate(names)}
    top = base + 34
    heads = [label(x, top, _head(name, step - 8), style="h c", width=step - 8) for name, x in columns.items()]
    heads += [label(right + 22, top, "what a table learned", style="h")] if learns else []
    y, began, last, rows = top + 16.0, 0.0, None, list[str]()
    for number, packet in enumerate(talk.drawn, 1):
        began, gap = _since(began, last, packet)
        if gap:
            rows += _pause(page.margin + CLOCK - 8, right, y, gap)
            y += PAUSE
        beside = _taught(packet, number, right + 22 if learns else page.margin + CLOCK, page.right, y, below=not wide)
        rows += [*_arrows(talk, packet, number, columns, right, y),
                 label(page.margin + CLOCK - 12, y + 30, _micro(packet, began), size=NOTE, style="d e"),
                 *beside[0]]  # fmt: skip
        y, last = y + beside[1], packet
    lines = [line(x, top + 8, x, y + 10, stroke="idle", line=1.2) for x in columns.values()]
    end, y = _below(talk, page, y + 12)
    return svg(page.width, y + 16, [*parts, *heads, *lines, *rows, *end], title=heading, alt_text=words)


def _head(name: str, width: float) -> str:
    """A party's name; of an address that is too long its end, which tells it from others."""
    if ADDRESS.match(name) and text_width(name, TEXT, bold=True) > width:
        kept = next(n for n in range(1, len(name)) if text_width(f"…{name[n:]}", TEXT, bold=True) <= width)
        return f"…{name[kept:]}"
    return name


def _arrows(
    talk: Talkers, packet: Said, number: int, columns: Mapping[str, float], right: float, y: float
) -> Iterator[str]:
    """One packet: its number at the sender, its words above the arrow, an arrow to each receiver."""
    ink, style = ("new", "m n") if packet.learned else ("ink", "m")
    x, line_y = columns[talk.name(packet.sender)], y + 26
    others = [each for each in columns.values() if each != x]
    ends = others if talk.is_to_all(packet) else [columns[talk.name(packet.receiver)]]
    last = {min([x, *ends]), max([x, *ends])} - {x}
    for end in sorted(last):
        yield arrow(x, end - (1 if end > x else -1), line_y, stroke=ink)
    for end in set(ends) - last - {x}:  # an arrow passes
        yield dot(end, line_y, 4, fill=ink)
    yield number_mark(x, line_y, number, fill=ink)
    first = min([x, *ends])
    words = fit_text(clean_text(packet.text), right - min(columns.values()), NOTE, mono=True)
    wide = text_width(words, NOTE, mono=True)
    at = max(min(first + 14, right - wide - 4), min(columns.values()) - 20)
    yield rect(at - 2, line_y - 24, wide + 4, 15, fill="paper", radius=0)
    yield label(at, line_y - 12, words, size=NOTE, style=style)


def _taught(packet: Said, number: int, left: float, right: float, y: float, *, below: bool) -> tuple[list[str], float]:
    """What was learned from a packet, beside or below its arrow; and the height of both."""
    if not packet.learned:
        return [], ROW
    said = wrap(clean_text(packet.learned), right - left - 22, NOTE)[:4]
    start = y + (ROW + 12 if below else 30)
    parts = [rect(left, start - 13, right - left, LINE * len(said) + 4, fill="paper", radius=0)] if below else []
    parts.append(diamond_mark(left + 6, start - 4, 6))
    parts += [label(left + 20, start + LINE * row, words, size=NOTE) for row, words in enumerate(said)]
    return parts, start - y + LINE * len(said) - 6 if below else max(ROW, 20 + LINE * len(said))


def _pause(left: float, right: float, y: float, said: str) -> Iterator[str]:
    """A gap in time: a dotted line that says how long."""
    middle, wide = (left + right) / 2, text_width(said, NOTE) + 16
    yield rect(left, y + 6, right - left, PAUSE - 12, fill="paper", radius=0)
    yield line(left, y + PAUSE / 2, right, y + PAUSE / 2, stroke="idle", dash="2 5")
    yield rect(middle - wide / 2, y + 8, wide, PAUSE - 16, fill="paper", radius=0)
    yield label(middle, y + PAUSE / 2 + 4, said, size=NOTE, style="d c")


def _below(talk: Talkers, page: PageWidth, y: float) -> tuple[list[str], float]:
    """What is not drawn, counted, and the tables before and after."""
    parts, room = list[str](), page.width - 2 * page.margin
    more = len(talk.packets) - len(talk.drawn)
    if more or not talk.packets:
        y += 18
        said = f"and {counted_noun(more, 'more packet')}" if more else "nothing was sent while the socket was open"
        parts.append(label(page.margin, y, said, size=VALUE, style="d"))
    for name, (before, after) in list(talk.tables.items())[:4]:
        y += 24
        parts.append(label(page.margin, y, name, size=TEXT, style="h", width=room))
        for when, text in (("before", before), ("after", after)):
            y += 18
            parts.append(label(page.margin, y, when, size=NOTE, style="d"))
            parts.append(
                label(page.margin + 56, y, text or "empty", size=NOTE, style="m" if text else "d", width=room - 56)
            )
    return parts, y
