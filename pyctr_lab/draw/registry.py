"""The conversation with a registry: each request of a push or a pull, what it was for, and the bytes that travelled.

Requests about one blob stand together, for several blobs are transferred at once. Bytes are those of the bodies.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from ..errors import BadInput
from ..images import ImageLayers
from ..kernel.checks import check_each, check_kind, check_list, check_text
from .layers.words import LayerMap, first_that_fits, image_label
from .marks import SMALL_PAGE, WIDE_PAGE, PageWidth, arrow, picture_head
from .picture import Picture
from .svg import clean_text, label, line, rect, svg, text_width
from .theme import NOTE, TEXT, VALUE
from .wording import counted_noun, cut_title, size_words

if TYPE_CHECKING:
    from ..images.registry import Conversation, Exchange

MOST_TALKS, MOST_ROWS = 6, 40
BAND = 120  # px for the bytes of the largest conversation
ROW, REACH = 20, 104  # px: a request's height at least; from one side to the other
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
HINT = 'draw.registry({"push": lab.images.conversation})'
NO_ANSWER = "no answer"
SPARED = "here already"
SUBTITLE = "requests of one client to one registry, those about one blob together · bands: bytes, to scale"


@dataclass(frozen=True)
class Ask:
    """A request as it is drawn: its method, what it is about, what it asks, what the answer means."""

    method: str
    about: str
    purpose: str
    answer: str
    sent: int
    received: int
    spared: bool
    cached: bool

    @property
    def bytes(self) -> int:
        """Of both bodies."""
        return self.sent + self.received


@dataclass(frozen=True)
class Talk:
    """A conversation as it is drawn."""

    name: str
    asks: tuple[Ask, ...]

    @property
    def requests(self) -> int:
        """Without the spared ones."""
        return sum(not ask.spared for ask in self.asks)

    @property
    def sent(self) -> int:
        """Bytes to the registry."""
        return sum(ask.sent for ask in self.asks)

    @property
    def received(self) -> int:
        """Bytes from the registry."""
        return sum(ask.received for ask in self.asks)

    @property
    def bytes(self) -> int:
        """Of both ways."""
        return self.sent + self.received

    @property
    def cached(self) -> int:
        """How many blobs were there already."""
        return len({ask.about for ask in self.asks if ask.cached})

    @property
    def way(self) -> str:
        """What most of its bytes were."""
        return "sent" if self.sent > self.received else "fetched"


Talks = Mapping[str, "Conversation | Sequence[Exchange]"]


def registry(conversations: Talks, images: Sequence[ImageLayers] = ()) -> Picture:
    """The requests of pushes and pulls, by name: `{"push web:1": first, "push web:2": second}`.

    Each is `lab.images.conversation` after a push or pull, a `Registry`'s `conversation`, or some of its exchanges.
    `images` are from `lab.images.layers()`: with them, layers are called by the letters that the layer map has for
    them. Raises BadInput.
    """
    talks = talks_of(conversations, images)
    heading, words = title(conversations, images), alt_text(conversations, images)
    wide, small = (_laid_out(talks, page, heading, words) for page in (WIDE_PAGE, SMALL_PAGE))
    return Picture(wide, words, heading, small)


def talks_of(conversations: Talks, images: Sequence[ImageLayers] = ()) -> tuple[Talk, ...]:
    """The data, checked, in the order in which it is drawn."""
    from ..images.registry import Conversation, Exchange  # it needs urllib3: not for those who draw something else

    check_kind(conversations, Mapping, "conversations", hint=HINT)
    named = _names(check_each(images, ImageLayers, "a layer map's images"))
    if not 1 <= len(conversations) <= MOST_TALKS:
        raise BadInput(f"1 to {MOST_TALKS} conversations are drawn, not {len(conversations)}", hint=HINT)
    found = []
    for name, talk in conversations.items():
        check_text(name, "a conversation's name")
        said = talk.exchanges if isinstance(talk, Conversation) else check_list(talk, "a conversation", hint=HINT)
        exchanges = check_each(said, Exchange, "a conversation's exchanges", hint=HINT)
        found.append(Talk(clean_text(name, 60), tuple(_ask(each, named) for each in _in_order(exchanges, named))))
    return tuple(found)


def _names(images: Sequence[ImageLayers]) -> dict[str, str]:
    """What blobs are called, by digest."""
    plan = LayerMap(tuple(images))
    found = {layer.digest: f"layer {plan.letter(layer)}" for layer in plan.layers}
    of_one = len({image.manifest for image in images}) == 1
    for image in images:
        suffix = "" if of_one else f" of {image_label(image)}"
        found |= {image.config: f"config{suffix}", image.manifest: f"manifest{suffix}"}
    return found


def _in_order(exchanges: Sequence[Exchange], named: Mapping[str, str]) -> list[Exchange]:
    """What came before the first blob, then blob by blob, then the rest: whatever was transferred at once."""
    blobs = {_blob(each) for each in exchanges if _blob(each)}
    first = min((each.begun for each in exchanges if _blob(each)), default=0.0)
    known = {digest: number for number, digest in enumerate(named)}
    order = {digest: number for number, digest in enumerate(sorted(blobs, key=lambda d: (known.get(d, len(known)), d)))}

    def place(each: Exchange) -> tuple[float, float, float]:
        blob = _blob(each)
        if blob:
            return 1, order[blob], each.begun
        return (0 if each.begun < first or "://" in each.path else 2), 0, each.begun

    return sorted(exchanges, key=place)


def _blob(each: Exchange) -> str:
    """The digest of the blob that a request is about; empty for others."""
    if each.blob:
        return each.blob
    found = DIGEST.search(each.path)
    return found[0] if found and "/blobs/" in each.path else ""


def _ask(each: Exchange, named: Mapping[str, str]) -> Ask:
    path, blob = urlsplit(each.path).path, _blob(each)
    about = named.get(blob) or (blob.removeprefix("sha256:")[:12] if blob else _about(path, named))
    spared = each.cached and not each.status
    purpose, answer = _meaning(each, path)
    if spared:
        answer = f"{SPARED}: not asked"
    elif not each.status:
        answer = NO_ANSWER
    elif each.status == 401:
        answer = "401 who are you?"
    return Ask(
        clean_text(each.method, 8),
        clean_text(about, 60),
        purpose,
        answer,
        each.sent,
        each.received,
        spared,
        each.cached,
    )


def _about(path: str, named: Mapping[str, str]) -> str:
    """What a request is about that names no blob."""
    found = re.search(r"/manifests/([^/]+)$", path)
    if found:
        return named.get(found[1]) or f"manifest {found[1].removeprefix('sha256:')[:12]}"
    for end, words in (("/tags/list", "list of tags"), ("/_catalog", "list of repositories"), ("/v2/", "/v2/")):
        if path.endswith(end):
            return words
    return "token" if "/v2/" not in path else path


def _meaning(each: Exchange, path: str) -> tuple[str, str]:
    """What a request is for, and what its answer means."""
    status, mount = each.status, parse_qs(urlsplit(each.path).query).get("from", [""])[0]
    if "/blobs/uploads/" in path:
        if mount:
            return f"is it in {clean_text(mount, 30)}?", f"{status} yes: mounted" if status == 201 else f"{status} no"
        meaning = {"POST": ("may I send it?", "go on"), "PUT": ("its bytes, and its digest", "stored"),
                   "PATCH": ("some of its bytes", "go on"), "GET": ("how much has come?", "so much")}  # fmt: skip
        purpose, yes = meaning.get(each.method, ("", ""))
        return purpose, f"{status} {yes}" if 200 <= status < 300 else f"{status} no"
    if each.method == "HEAD":
        return "is it there?", f"{status} yes" if status == 200 else f"{status} no"
    if each.method == "PUT":
        return "from now on the tag is this", f"{status} stored" if status == 201 else f"{status} no"
    if each.method == "DELETE":
        return "away with it", f"{status}"
    return "give it to me", f"{status}" + (" here it is" if 200 <= status < 300 else " no")


# --------------------------------------------------------------------------------------------------------------- words
def title(conversations: Talks, images: Sequence[ImageLayers] = ()) -> str:
    """The finding: how many requests and bytes each conversation took."""
    talks = talks_of(conversations, images)
    if len(talks) == 1:
        (talk,) = talks
        said = f"{talk.name}: {counted_noun(talk.requests, 'request')}, {size_words(talk.bytes)} {talk.way}"
        there = f"; {counted_noun(talk.cached, 'blob was', 'blobs were')} there already" if talk.cached else ""
        return cut_title(first_that_fits(said + there, said))
    each = [f"{talk.name}: {counted_noun(talk.requests, 'request')}, {size_words(talk.bytes)}" for talk in talks]
    short = [f"{talk.name}: {size_words(talk.bytes)}" for talk in talks]
    return cut_title(first_that_fits(*map(". ".join, (each, [each[0], each[-1]], short, [short[0], short[-1]]))))


def alt_text(conversations: Talks, images: Sequence[ImageLayers] = ()) -> str:
    """Each request in reading order, then the totals."""
    talks = talks_of(conversations, images)
    parts = [f"Conversations with a registry. {title(conversations, images)}."]
    for talk in talks:
        said = "; ".join(_in_words(ask) for ask in talk.asks[:MOST_ROWS])
        more = f"; and {len(talk.asks) - MOST_ROWS} more" if len(talk.asks) > MOST_ROWS else ""
        parts.append(f"{talk.name}: {said or 'nothing was asked'}{more}. In all {_totals(talk)}.")
    return clean_text(" ".join(parts), 16_000)


def _in_words(ask: Ask) -> str:
    moved = f", {size_words(ask.sent)} sent" * bool(ask.sent) + f", {size_words(ask.received)} fetched" * bool(
        ask.received
    )
    return f"{ask.method} {ask.about}: {ask.answer}{moved}"


def _totals(talk: Talk) -> str:
    moved = [f"{size_words(count)} {way}" for count, way in ((talk.sent, "sent"), (talk.received, "fetched")) if count]
    there = [f"{counted_noun(talk.cached, 'blob')} there already"] if talk.cached else []
    return ", ".join([counted_noun(talk.requests, "request"), *moved, *there])


# ------------------------------------------------------------------------------------------------------------- drawing
def _laid_out(talks: Sequence[Talk], page: PageWidth, heading: str, words: str) -> str:
    parts, base = picture_head(page, heading, SUBTITLE)
    scale = BAND / max(1, *(talk.bytes for talk in talks))
    columns = 2 if page is WIDE_PAGE and len(talks) > 1 else 1
    wide = (page.width - 2 * page.margin - 40 * (columns - 1)) / columns
    top = base + 28
    for first in range(0, len(talks), columns):
        bottom = top
        for number, talk in enumerate(talks[first : first + columns]):
            made, last = _drawn(talk, page.margin + (wide + 40) * number, wide, top, scale)
            parts, bottom = parts + made, max(bottom, last)
        if columns == 2:
            parts.append(line(page.width / 2, top - 8, page.width / 2, bottom, stroke="rule"))
        top = bottom + 34
    totals, last = _sums(talks, page, top - 14)
    note = "Bytes of the bodies, without headers. What is thinner than 1 px is drawn as 1 px."
    end = label(page.margin, last + 26, note, size=NOTE, style="d")
    return svg(page.width, last + 44, [*parts, *totals, end], title=heading, alt_text=words)


def _drawn(talk: Talk, left: float, wide: float, top: float, scale: float) -> tuple[list[str], float]:
    """One conversation: two sides, and an arrow for each request; and where it ends."""
    here, there = left + 14, left + 14 + REACH
    parts = [label(left, top + 4, talk.name, style="h", width=wide),
             label(left, top + 22, _totals(talk), size=NOTE, style="d", width=wide),
             label(left, top + 44, "here", size=NOTE, style="d"),
             label(there, top + 44, "registry", size=NOTE, style="d c")]  # fmt: skip
    y, rows = top + 52, list[str]()
    for ask in talk.asks[:MOST_ROWS]:
        height = max(ROW, ask.bytes * scale + 6)
        rows += _row(ask, here, there, left + wide, y, height, ask.bytes * scale)
        y += height
    parts += [line(x, top + 52, x, y + 4, stroke="rule") for x in (here, there)]
    if len(talk.asks) > MOST_ROWS:
        y += 20
        rows.append(label(there + 10, y, f"and {len(talk.asks) - MOST_ROWS} more", size=NOTE, style="d"))
    if not talk.asks:
        y += 20
        rows.append(label(there + 10, y, "nothing was asked", size=NOTE, style="d"))
    return parts + rows, y + 4


def _row(ask: Ask, here: float, there: float, right: float, y: float, height: float, band: float) -> Iterator[str]:
    """A request: an arrow in the way of its bytes, with a band as high as they are many; a spared one ends at home."""
    middle = y + height / 2
    large = band >= 3
    colour = "new" if large else "wall" if ask.cached else "ink"
    if large:
        yield rect(here + 3, y + 3, there - here - 6, band, fill="newt", radius=2)
    if ask.spared:
        yield line(here, middle, here + 30, middle, stroke="wall", line=1.5)
        yield rect(here + 30, middle - 6, 3, 12, fill="wall", radius=0)
    elif ask.received > ask.sent and ask.method == "GET":
        yield arrow(there - 1, here + 1, middle, stroke=colour)
    else:
        yield arrow(here + 1, there - 1, middle, stroke=colour, dash="3 3" if ask.answer == NO_ANSWER else "")
    x, style = there + 10, {"new": "n h", "wall": "w h", "ink": "h"}[colour]
    named = f"{ask.method} {ask.about}"
    size = size_words(ask.bytes) if ask.bytes and not ask.spared else ""
    room = right - x - (text_width(size, NOTE, bold=large) + 10 if size else 0)
    yield label(x, middle + 4, named, size=NOTE, style=style, width=room)
    after = text_width(named, NOTE, bold=True) + 8
    status = ask.answer.partition(" ")[0]
    texts = [ask.answer, SPARED] if ask.spared else [f"{ask.purpose} {ask.answer}", ask.answer, status]
    said = longest_fitting(texts, room - after)
    if said:
        yield label(x + after, middle + 4, said, size=NOTE, style="w" if ask.cached else "d")
    if size:
        yield label(right, middle + 4, size, size=NOTE, style="n h e" if large else "e")


def longest_fitting(texts: Sequence[str], room: float) -> str:
    """The first of some texts, the longest first, that has room; or none."""
    return next((each for each in texts if text_width(each, NOTE) <= room), "")


def _sums(talks: Sequence[Talk], page: PageWidth, top: float) -> tuple[list[str], float]:
    """A line for each conversation: its requests, counted, and its bytes to scale."""
    counts = min(280.0, page.width * 0.3) + page.margin
    bars = counts + (190 if page is WIDE_PAGE else 130)
    room = page.right - bars - 150
    largest = max(1, *(talk.bytes for talk in talks))
    most = max(talk.requests for talk in talks)
    step = min(10.0, (bars - counts - 44) / max(1, most))
    parts = [line(page.margin, top, page.right, top, stroke="rule"),
             label(page.margin, top + 22, "In all", size=TEXT, style="h"),
             label(counts, top + 22, "requests", size=NOTE, style="d"),
             label(bars, top + 22, "bytes, to scale", size=NOTE, style="d")]  # fmt: skip
    y = top + 22
    for talk in talks:
        y += 24
        news = talk.bytes == largest
        parts.append(label(page.margin, y, talk.name, size=VALUE, width=counts - page.margin - 10))
        parts += [
            rect(counts + step * n, y - 10, max(1.0, step - 3), 10, fill="ink", radius=2) for n in range(talk.requests)
        ]
        parts.append(label(counts + step * talk.requests + 6, y, str(talk.requests), size=NOTE))
        wide = max(1.0, talk.bytes / largest * room) if talk.bytes else 0.0
        if wide:
            parts.append(rect(bars, y - 11, wide, 12, fill="new" if news else "ink", radius=2))
        said = f"{size_words(talk.bytes)} {talk.way}" if talk.bytes else "0"
        parts.append(label(bars + wide + 8, y, said, size=NOTE, style="n h" if news else "", width=142))
    return parts, y
