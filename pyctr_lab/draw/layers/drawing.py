"""The layer map as SVG: columns to scale, a bar for each removal, a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...images import ImageLayers, StoredLayer
from ..marks import WIDE_PAGE, PageWidth, cross, dot, picture_head
from ..svg import clean_text, fit_text, label, line, rect, svg, text_width, wrap
from ..theme import NOTE, TAG, TEXT, VALUE
from ..wording import counted_noun, size_words
from .words import LayerMap, bytes_of, image_label, notes, without_registry

MOST_ROWS = 12  # layers with a line of their own
STACK = 260  # px for all layers
GAP, PITCH = 3, 17  # px between two layers; between the names of two


@dataclass(frozen=True)
class Slot:
    """Where a layer lies in every column: its top and height."""

    layer: StoredLayer
    y: float
    height: float

    @property
    def middle(self) -> float:
        """Of its height."""
        return self.y + self.height / 2


GUTTER, STORE, COLUMN = 132, 96, 110  # px: names and sizes; the column of what is stored; an image's at most


def layer_map_svg(plan: LayerMap, page: PageWidth, heading: str, words: str) -> str:
    """The map as SVG: beside each other where there is room, else one below the other."""
    px = max(1.0, plan.stored / STACK)
    subtitle = (
        f"each layer once, with the images that hold it · heights to scale: 1 px = {size_words(round(px))}, as stored"
    )
    head, base = picture_head(page, heading, subtitle)
    beside = page is WIDE_PAGE and len(plan.images) <= 3
    right = 478 if beside else page.right
    stack, bottom = _columns(plan, page.margin, right, base + 34, px)
    parts = [*head, *stack]
    if beside:
        parts.append(line(right + 14, base + 20, right + 14, bottom, stroke="rule"))
        below, last = _removals(plan, right + 30, page.right, base + 34)
        table, last = _table(plan, right + 30, page.right, last + 30)
    else:
        half = page.margin + (page.width - 2 * page.margin - 32) / 2 if page is WIDE_PAGE else page.right
        below, last = _removals(plan, page.margin, half, bottom + 40)
        top, left = (bottom + 40, half + 32) if page is WIDE_PAGE else (last + 30, float(page.margin))
        table, end = _table(plan, left, page.right, top)
        last = max(last, end)
    y, below_all = max(bottom, last) + 12, list[str]()
    for said in notes(plan, px):
        for row in wrap(said, page.width - 2 * page.margin, NOTE):
            y += 18
            below_all.append(label(page.margin, y, row, size=NOTE, style="d"))
    return svg(page.width, y + 18, [*parts, *below, *table, *below_all], title=heading, alt_text=words)


def _columns(plan: LayerMap, left: float, right: float, top: float, px: float) -> tuple[list[str], float]:
    """What is stored, with names at its left, and a column for each image; and the baseline below them."""
    slots, floor = _slots(plan, top + 34, px)
    names = spread([slot.middle for slot in _named(plan, slots)], PITCH)
    if names and names[0] < top:  # more names than the stack is high
        slots, floor = _slots(plan, top + 34 + top - names[0], px)
    freed = plan.freed(plan.removed)
    store = left + GUTTER
    gap = 22 if len(plan.images) <= 4 else 12
    step = min((right - store - STORE) / len(plan.images), COLUMN + gap)
    places = [store + STORE + step * number + gap for number in range(len(plan.images))]
    wide = step - gap
    parts = list(_bands(plan, slots, store + STORE, places))
    parts += [label(store + STORE / 2, top + 6, "stored once", style="h c")]
    for slot in slots:
        parts += _stored(slot, store, slot.layer in freed)
        if slot.height >= 16:
            style = "n h c" if slot.layer in freed else "h c"
            parts.append(label(store + STORE / 2, slot.middle + 5, plan.letter(slot.layer), style=style))
    parts += _names(plan, slots, left, store, freed)
    for image, x in zip(plan.images, places, strict=True):
        parts += _image(image, plan, slots, x, wide, top + 6, floor)
    parts.append(label(store + STORE / 2, floor + 20, size_words(plan.stored), size=VALUE, style="h c"))
    if freed:
        parts.append(
            label(store + STORE / 2, floor + 37, f"{size_words(bytes_of(freed))} freed", size=NOTE, style="n h c")
        )
    elif len(plan.images) > 1:
        parts.append(label(store + STORE / 2, floor + 37, f"not {size_words(plan.apart)}", size=NOTE, style="d c"))
    return parts, floor + 40


def _slots(plan: LayerMap, top: float, px: float) -> tuple[list[Slot], float]:
    """Heights to scale, the first layer lowest; and where they stand."""
    heights = [max(1.0, layer.size / px) for layer in plan.layers]
    floor = y = top + sum(heights) + GAP * (len(heights) - 1)
    slots = []
    for layer, height in zip(plan.layers, heights, strict=True):
        slots.append(Slot(layer, y - height, height))
        y -= height + GAP
    return slots, floor


def _bands(plan: LayerMap, slots: Sequence[Slot], left: float, places: Sequence[float]) -> Iterator[str]:
    for slot in slots:
        ends = [x for image, x in zip(plan.images, places, strict=True) if slot.layer in image.layers]
        fill = "wallt" if len(ends) > 1 else "host"
        yield rect(left, slot.y, ends[-1] - left, slot.height, fill=fill, radius=0)


def _stored(slot: Slot, x: float, freed: bool) -> Iterator[str]:
    if slot.height < 5:  # an outline would fill it
        colour = "new" if freed else "wall"
        yield line(x, slot.middle, x + STORE, slot.middle, stroke=colour, line=slot.height, dash="4 3" if freed else "")
    elif freed:
        yield rect(x, slot.y, STORE, slot.height, fill="paper", stroke="new", line=2.5, radius=2, dash="4 3")
    else:
        yield rect(x, slot.y, STORE, slot.height, fill="wallt", stroke="wall", line=1.5, radius=2)


def _names(
    plan: LayerMap, slots: Sequence[Slot], left: float, store: float, freed: Sequence[StoredLayer]
) -> Iterator[str]:
    """Letter and size of each layer, as near to it as others leave room."""
    shown = _named(plan, slots)
    for slot, y in zip(shown, spread([slot.middle for slot in shown], PITCH), strict=True):
        gone = slot.layer in freed
        style = "n h" if gone else ""
        yield label(left, y + 5, plan.letter(slot.layer), style="n h" if gone else "h")
        said = size_words(slot.layer.size) + (" freed" if gone else "")
        yield label(left + 18, y + 5, said, size=VALUE, style=style)
        begin = left + 18 + text_width(said, VALUE, bold=gone) + 4
        yield line(begin, y, store - 12, y, stroke="rule")
        yield line(store - 12, y, store - 2, slot.middle, stroke="idle")


def _named(plan: LayerMap, slots: Sequence[Slot]) -> list[Slot]:
    """The layers that have their names beside them, from above."""
    return sorted((slot for slot in slots if slot.layer in _largest(plan)), key=lambda slot: slot.y)


def spread(wanted: Sequence[float], pitch: float) -> list[float]:
    """Places near those wanted, which rise, at least `pitch` px apart; the last one stays where it was wanted."""
    found = list(wanted)
    for number in range(len(found) - 2, -1, -1):
        found[number] = min(found[number], found[number + 1] - pitch)
    return found


def _largest(plan: LayerMap) -> list[StoredLayer]:
    """The layers that are named and listed."""
    kept = sorted(plan.layers, key=lambda layer: -layer.size)[:MOST_ROWS]
    return [layer for layer in plan.layers if layer in kept]


def _image(
    image: ImageLayers, plan: LayerMap, slots: Sequence[Slot], x: float, wide: float, top: float, floor: float
) -> Iterator[str]:
    gone = image.name in plan.removed
    middle = x + wide / 2
    yield label(middle, top, fit_text(image_label(image), wide + 8, TEXT, bold=True), style="h c" + " d" * gone)
    if gone:
        said = "removed" if wide >= 76 else "gone"
        yield label(middle + 7, top + 17, said, size=NOTE, style="n h c")
        yield cross(middle - 3 - text_width(said, NOTE, bold=True) / 2, top + 13, 4)
    else:
        yield label(middle, top + 17, fit_text(plan.letters(image.layers), wide + 6, NOTE), size=NOTE, style="d c")
    for slot in slots:
        if slot.layer not in image.layers:
            continue
        stroke = "idle" if gone else "wall"
        if slot.height < 5:
            yield line(x, slot.middle, x + wide, slot.middle, stroke=stroke, line=slot.height, dash="4 3")
            continue
        yield rect(x, slot.y, wide, slot.height, fill="paper", stroke=stroke, radius=2, dash="4 3")
        if slot.height >= 16:
            yield label(middle, slot.middle + 5, plan.letter(slot.layer), style="h c " + ("d" if gone else "w"))
    size = VALUE if wide >= 60 else TAG
    yield label(middle, floor + 20, size_words(bytes_of(image.layers)), size=size, style="c" + " d" * gone)


def _removals(plan: LayerMap, left: float, right: float, top: float) -> tuple[list[str], float]:
    """A bar for the removal of each image, and for that of all: what goes is dashed, at the right."""
    parts = [label(left, top + 6, "What does a removal free?", style="h"),
             label(left, top + 24, "after prune: only what no other image holds; dashed: gone",
                   size=NOTE, style="d")]  # fmt: skip
    cases: list[tuple[str, ...]] = [(image.name,) for image in plan.images]
    every = tuple(image.name for image in plan.images)
    cases += [case for case in (plan.removed, every) if len(case) > 1 and case not in cases]
    y = top + 34
    for case in dict.fromkeys(cases):
        freed = plan.freed(case)
        now = {*case} == {*plan.removed}
        stay = plan.stored - bytes_of(freed)
        said = f"{size_words(bytes_of(freed))} freed, {size_words(stay)} stay" if freed else "nothing freed"
        said = said if stay else f"all {size_words(bytes_of(freed))} freed"
        room = right - left - text_width(said, NOTE, bold=True) - 12
        names = "all of them" if case == every and len(case) > 2 else " ".join(map(without_registry, case))
        parts.append(label(left, y + 16, f"rm {names}", size=NOTE, style="m h" if now else "m", width=room))
        parts.append(label(right, y + 16, said, size=NOTE, style="n h e" if now else "e"))
        parts += _bar(plan, freed, left, right, y + 23, now)
        y += 52
    return parts, y - 6


def _bar(plan: LayerMap, freed: Sequence[StoredLayer], left: float, right: float, y: float, now: bool) -> Iterator[str]:
    room = right - left - 4 * len(plan.layers)  # a gap of 3 px each, and 1 for the thinnest
    x = left
    for layer in sorted(plan.layers, key=lambda layer: layer in freed):
        gone, wide = layer in freed, max(1.0, layer.size / max(1, plan.stored) * room)
        stroke = ("new" if now else "dim") if gone else "wall"
        if wide < 5:
            yield line(x + wide / 2, y, x + wide / 2, y + 20, stroke=stroke, line=wide, dash="3 2" if gone else "")
        else:
            fill, dash = ("paper", "4 3") if gone else ("wallt", "")
            yield rect(x, y, wide, 20, fill=fill, stroke=stroke, radius=2, dash=dash, line=2 if gone and now else 1.2)
        if wide >= 16:
            style = ("n h c" if now else "d c") if gone else "c"
            yield label(x + wide / 2, y + 14, plan.letter(layer), size=NOTE, style=style)
        x += wide + 3


def _table(plan: LayerMap, left: float, right: float, top: float) -> tuple[list[str], float]:
    """Each layer with its content's digest, a dot for each image that holds it, and what made it."""
    digest = left + 22
    first = digest + text_width("0" * 8, NOTE, mono=True) + 14
    wide = min(64.0, max(40.0, (right - first) * 0.62 / len(plan.images)))
    drawn = {image.name for image in plan.images}
    others = any({*layer.holders} - drawn for layer in plan.layers)
    made = first + wide * len(plan.images) + 8 + (50 if others else 0)
    parts = [label(left, top + 6, "which image holds it", size=VALUE, style="h"),
             label(digest, top + 26, "diff_id", size=TAG, style="d")]  # fmt: skip
    for number, image in enumerate(plan.images):
        name = fit_text(image_label(image), wide - 4, TAG)
        parts.append(label(first + wide * (number + 0.5), top + 26, name, size=TAG, style="d c"))
    if others:
        parts.append(label(made - 34, top + 26, "others", size=TAG, style="d c"))
    if right - made > 60:
        parts.append(label(made, top + 26, "made by", size=TAG, style="d"))
    y = top + 26
    shown = _largest(plan)
    for layer in reversed(shown):
        y += 20
        parts += [label(left, y, plan.letter(layer), size=VALUE, style="h"),
                  label(digest, y, layer.diff_id.removeprefix("sha256:")[:8], size=NOTE, style="m")]  # fmt: skip
        for number, image in enumerate(plan.images):
            holds, x = layer in image.layers, first + wide * (number + 0.5)
            parts.append(dot(x, y - 4, 5) if holds else dot(x, y - 4, 1.5, fill="idle"))
        more = len({*layer.holders} - drawn)
        if more:
            parts.append(label(made - 34, y, f"+{more}", size=NOTE, style="d c"))
        if right - made > 60:
            parts.append(label(made, y, clean_text(layer.made_by, 80), size=NOTE, style="d", width=right - made))
    left_out = [layer for layer in plan.layers if layer not in shown]
    if left_out:
        y += 20
        said = f"and {counted_noun(len(left_out), 'smaller layer')}, {size_words(bytes_of(left_out))}"
        parts.append(label(left, y, said, size=NOTE, style="d"))
    return parts, y
