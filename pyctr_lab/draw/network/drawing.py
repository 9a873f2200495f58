"""The network map as SVG: the notebook above, the lab with the bridge below it, containers to its right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...networks.view import Door
from ..marks import WIDE_PAGE, PageWidth, cross, dot, picture_head
from ..svg import clean_text, fit_text, label, line, rect, svg, text_width, wrap
from ..theme import NOTE, TAG, TEXT, VALUE
from ..wording import counted_noun
from .words import MOST_DOORS, MOST_ROOMS, NetworkPlan, Plug, age_words, door_place

ROW, GAP, STRIP, BAND = 54, 10, 74, 56  # px: a container; between two; the lab's top; the notebook's height
BRIDGE, CABLE, TABLE = 108, 124, 266  # px: widths of the bridge, of a cable, of the table of learned addresses
WALL, PORTS = 8, 48  # px: a wall; how far the lab reaches beyond the bridge, with the ports
FOOT = (
    "Blue bars are walls of network namespaces: only a cable leads through, or a socket that was made on the other "
    "side (small square)."
)


@dataclass(frozen=True)
class MapGrid:
    """Where things lie, in px."""

    page: PageWidth
    top: float
    rows: int

    @property
    def wide(self) -> bool:
        """Whether the table has room beside the bridge."""
        return self.page is WIDE_PAGE

    @property
    def lab(self) -> float:
        """The top of the lab's namespace, below the notebook's wall."""
        return self.top + BAND + 3 * WALL

    @property
    def bridge(self) -> float:
        """The bridge's left side."""
        return self.page.margin + 12 + (TABLE + 20 if self.wide else 0)

    @property
    def wall(self) -> float:
        """The left side of the containers' walls."""
        return self.bridge + BRIDGE + CABLE

    @property
    def first(self) -> float:
        """The top of the first container."""
        return self.lab + STRIP + 16

    @property
    def bottom(self) -> float:
        """The end of the last container, and of the bridge."""
        least = 3 if self.wide else 1
        return self.first + (ROW + GAP) * max(self.rows, least) - GAP

    def door(self, number: int) -> float:
        """Where a published port goes through the notebook's wall."""
        first = self.page.margin + 50 if self.wide else self.bridge + BRIDGE / 2
        return first + number * self.spacing

    @property
    def spacing(self) -> float:
        """From one published port to the next."""
        return 220 if self.wide else 180


def network_svg(plan: NetworkPlan, page: PageWidth, heading: str, words: str) -> str:
    """The map as SVG; in the narrow layout the learned addresses stand below it."""
    count = counted_noun(len(plan.plugs), "container")
    subtitle = f"{plan.view.name} {plan.view.subnet} · {count} · packets in and out of each"
    parts, base = picture_head(page, heading, clean_text(subtitle, 160))
    grid = MapGrid(page, base + 22, len(plan.shown))
    doors = plan.view.doors[: MOST_DOORS if grid.wide else MOST_DOORS - 1]
    parts += [*_notebook(plan, grid, doors), *_lab(plan, grid, len(doors)), *_bridge(plan, grid)]
    for number in sorted(range(len(doors)), key=lambda each: plan.is_new(doors[each])):
        parts += _door(doors[number], plan, grid, number)
    for number, plug in enumerate(plan.shown):
        y = grid.first + (ROW + GAP) * number
        parts += _container(plug, grid, y, plan.view.bridge, news=plan.is_new(plug))
    last = grid.bottom + 12
    if plan.rest:
        last += 18
        parts.append(label(grid.wall + WALL, last, plan.rest, size=VALUE, style="d"))
    if not grid.wide:
        table, last = _table(plan, page.margin, page.width - 2 * page.margin, last + 26, MOST_ROOMS)
        parts += table
    last += 8
    for words_of_row in wrap(FOOT, page.width - 2 * page.margin, NOTE):
        last += 18
        parts.append(label(page.margin, last, words_of_row, size=NOTE, style="d"))
    return svg(page.width, last + 18, parts, title=heading, alt_text=words)


def _notebook(plan: NetworkPlan, grid: MapGrid, doors: tuple[Door, ...]) -> Iterator[str]:
    """The learner's machine, and the wall below it, open where a published port leads through."""
    left, right, y = grid.page.margin, grid.page.right, grid.top
    yield rect(left, y, right - left, BAND, fill="host")
    yield label(right - 12, y + 23, "your machine", style="h e")
    more = len(plan.view.doors) - len(doors)
    yield label(right - 12, y + 43, f"and {more} more ports" if more else "browser, notebook", size=NOTE, style="d e")
    if not doors:
        yield label(left + 12, y + 33, "no port is published", size=VALUE, style="d")
    yield rect(left, y + BAND + WALL, right - left, WALL, fill="wall", radius=2)
    for number in range(len(doors)):
        yield rect(grid.door(number) - 10, y + BAND + WALL - 1, 20, WALL + 2, fill="paper", radius=0)


def _lab(plan: NetworkPlan, grid: MapGrid, doors: int) -> Iterator[str]:
    """The lab's namespace: as wide as the picture where ports lead through it, then only around the bridge."""
    left, right, y = grid.page.margin, grid.page.right, grid.lab
    yield rect(left, y, right - left, STRIP, fill="host")
    yield rect(left, y + STRIP - 8, grid.bridge + BRIDGE + PORTS - left, grid.bottom + 20 - STRIP - y, fill="host")
    host = clean_text(plan.view.host.name, 40)
    yield label(right - 12, y + 23, host, style="h e", width=right + 12 - grid.door(max(doors, 1)))
    yield label(right - 12, y + 43, f"namespace …{plan.view.host.inode % 10_000:04}", size=NOTE, style="d e")


def _door(door: Door, plan: NetworkPlan, grid: MapGrid, number: int) -> Iterator[str]:
    """A published port: its socket in the notebook, the relay in the lab, and the way on to the bridge."""
    x, new = grid.door(number), plan.is_new(door)
    ink, style, stroke = ("new", " n h", 2.5) if new else ("ink", "", 2)
    y, room = grid.top, grid.spacing - 44
    yield label(x + 14, y + 23, "changed now" if new else "a socket made here", size=NOTE,
                style="n h" if new else "d")  # fmt: skip
    yield label(x + 14, y + 43, door_place(door), size=VALUE, style="m" + style, width=room)
    relay = grid.lab + 12
    yield line(x, y + 38, x, relay, stroke=ink, line=stroke)
    yield rect(x - 6, y + 33, 12, 12, fill=ink, radius=2)
    target = f"{plan.target(door)} port {door.target_port}"
    if not door.relay:  # the server's own process has the socket: no packet crosses the bridge
        yield label(x + 14, relay + 16, "held by the server:", size=NOTE, style="d")
        yield label(x + 14, relay + 32, target, size=NOTE, width=room)
        yield dot(x, relay, 4, fill=ink)
        return
    yield rect(x - 28, relay, 56, 26, fill="paper", stroke=ink if new else "idle", line=stroke if new else 1.2)
    yield label(x, relay + 17, "relay", size=NOTE, style="c")
    yield label(x + 38, relay + 17, f"to {target}", size=NOTE, width=room - 24)
    turn, middle = grid.lab + STRIP - 14, grid.bridge + BRIDGE / 2
    yield line(x, relay + 26, x, turn, stroke=ink, line=stroke)
    yield line(min(x, middle), turn, max(x, middle), turn, stroke=ink, line=stroke)
    yield line(middle, turn, middle, grid.first - 6, stroke=ink, line=stroke)


def _bridge(plan: NetworkPlan, grid: MapGrid) -> Iterator[str]:
    there, top, bottom = plan.bridge, grid.first - 6, grid.bottom
    up = there is not None and there.up
    yield rect(grid.bridge, top, BRIDGE, bottom - top, fill="paper", stroke="ink", line=2, dash="" if up else "6 3")
    x, y = grid.bridge + 8, top + 22
    yield label(x, y, plan.view.bridge, size=VALUE, style="m h", width=BRIDGE - 16)
    addresses = [each.split("/")[0] for each in there.addresses[:1]] if there else []
    for said in [*addresses, *([] if up else ["down" if there else "not there"])]:
        y += 18
        yield label(x, y, said, size=TAG, style="m", width=BRIDGE - 18)
    if grid.wide:
        most = int((bottom - top - 84) / 18)
        yield from _table(plan, grid.page.margin + 12, TABLE, top + 16, max(1, most))[0]


def _table(plan: NetworkPlan, left: float, wide: float, y: float, most: int) -> tuple[list[str], float]:
    """What the bridge has learned, and where the table ends."""
    columns = (left, left + 84, left + 180)
    parts = [label(left, y, f"what {clean_text(plan.view.bridge, 15)} has learned", size=VALUE, style="h", width=wide)]
    y += 18
    parts += [
        label(x, y, head, size=NOTE, style="d")
        for x, head in zip(columns, ("address", "port", "last heard"), strict=True)
    ]
    for each in plan.view.learned[:most]:
        y += 18
        style = " n h" if plan.is_new(each) else ""
        parts.append(label(columns[0], y, short_mac(each.mac), size=NOTE, style="m" + style, width=80))
        parts.append(label(columns[1], y, each.port, size=NOTE, style="m" + style, width=90))
        said = "just now" if style else age_words(each.age)
        parts.append(label(columns[2], y, said, size=NOTE, style=style or "d", width=wide - 180))
    more = len(plan.view.learned) - most
    notes = [f"and {more:,} more"] if more > 0 else [] if plan.view.learned else ["nothing yet"]
    for words in [*notes, *wrap("A packet for an address not in here goes to every port.", wide, NOTE)]:
        y += 18
        parts.append(label(left, y, words, size=NOTE, style="d"))
    return parts, y


def short_mac(mac: str) -> str:
    """The end of a MAC address, which tells containers apart."""
    return f"…{mac[-8:]}" if len(mac) == 17 else clean_text(mac, 17)


def _container(plug: Plug, grid: MapGrid, y: float, bridge: str, *, news: bool) -> Iterator[str]:
    left, right, middle = grid.wall + WALL, grid.page.right, y + ROW / 2
    room = right - left
    yield rect(grid.wall, y, WALL, ROW, fill="new" if news else "wall", radius=2)
    yield rect(left, y, room, ROW, fill="box", stroke="new" if news else "wall", line=2.5 if news else 1.2)
    yield from _cable(plug, grid, middle, bridge, news=news)
    x = left + 10
    if plug.end:
        name = fit_text(clean_text(plug.end.name), 66, TAG, mono=True)
        tag = text_width(name, TAG, mono=True) + 12
        yield rect(x, middle - 10, tag, 20, fill="paper", stroke="new" if news else "ink", radius=3)
        yield label(x + 6, middle + 4, name, size=TAG, style="m")
        x += tag + 12
    state = "changed now" if news and not plug.cut else plug.state
    yield label(right - 10, y + 22, state, size=NOTE, style="e n h" if news else "e h" if plug.cut else "e d")
    yield label(x, y + 22, plug.name, size=TEXT, style="h", width=right - 18 - x - text_width(state, NOTE, bold=True))
    mac = short_mac(plug.end.mac) if plug.end and plug.end.mac else ""
    said = plug.addresses or ("no address" if plug.end else "only the loopback" if plug.room.links else "no interface")
    taken = text_width(mac, NOTE, mono=True) + 18
    if text_width(said, NOTE, mono=True) + taken <= right - 10 - x:
        yield label(right - 10, y + 42, mac, size=NOTE, style="m e d")
    yield label(x, y + 42, said, size=NOTE, style="m", width=right - 10 - x)


def _cable(plug: Plug, grid: MapGrid, y: float, bridge: str, *, news: bool) -> Iterator[str]:
    """From the bridge's port through the wall to the container's end; cut off: dashed, with a cross and the reason."""
    start, end = grid.bridge + BRIDGE - 6, grid.wall + WALL + 10
    if not plug.port or plug.port.master != bridge:
        start += 12 if plug.port else 2 * PORTS - 20
    ink, style, stroke = ("new", "n h", 2.5) if news else ("ink", "h" if plug.cut else "d", 2)
    if plug.end:
        yield rect(grid.wall - 1, y - 10, WALL + 2, 20, fill="paper", radius=0)
        yield line(start, y, end, y, stroke=ink, line=stroke, dash="6 4" if plug.cut else "")
    if plug.port:
        name = fit_text(clean_text(plug.port.name), 42, TAG, mono=True)
        wide = text_width(name, TAG, mono=True) + 12
        yield rect(start, y - 9, wide, 18, fill="paper", stroke=ink, line=stroke if news else 1.2, radius=3)
        yield label(start + 6, y + 4, name, size=TAG, style="m n h" if news else "m")
        start += wide
    middle = (grid.bridge + BRIDGE + PORTS + grid.wall) / 2
    if plug.cut:
        yield rect(middle - 9, y - 8, 18, 16, fill="paper", radius=0)
        yield cross(middle, y, stroke=ink)
        yield label(grid.wall - 6, y - 14, plug.cut, size=NOTE, style=f"{style} e", width=CABLE - 22)
        if news:
            yield label(grid.wall - 6, y + 23, "changed now", size=NOTE, style="n h e")
        return
    said = counted_noun(plug.packets, "packet")
    short = f"{plug.packets:,}"
    fits = text_width(said, NOTE) <= CABLE - 22
    if plug.packets:
        yield dot(middle, y, 4, fill=ink)
    yield label(grid.wall - 6, y - 14, said if fits else short, size=NOTE, style=f"{style} e", width=CABLE - 22)
