"""All capabilities of this kernel: which of them a process has, in which of its five sets, and what an exec gives back.

A cell is a capability: kept, dropped, or back after an exec; those of `kernel.capabilities.DANGEROUS` stand out, and
their reasons below. Under them the five sets as strips, a column for each capability. See capabilities(7).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..kernel.capabilities import DANGEROUS, FIELDS, CapabilitySets, kernel_capabilities
from ..kernel.checks import check_each, check_kind
from .layers.words import first_that_fits
from .marks import SMALL_PAGE, WIDE_PAGE, PageWidth, diamond_mark, dot, keys, picture_head
from .picture import Picture
from .svg import clean_text, label, line, rect, svg
from .theme import NOTE, TAG, TEXT, VALUE
from .wording import listed

GROUPS = {
    "files": "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID LINUX_IMMUTABLE LEASE SETFCAP SYS_CHROOT MKNOD",
    "ids, processes": "KILL SETGID SETUID SETPCAP SYS_PTRACE SYS_NICE SYS_RESOURCE CHECKPOINT_RESTORE",
    "network": "NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW",
    "memory, devices": "IPC_LOCK IPC_OWNER SYS_RAWIO SYS_TTY_CONFIG WAKE_ALARM BLOCK_SUSPEND",
    "whole kernel": "SYS_MODULE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_TIME SYSLOG PERFMON BPF",
    "audit, policy": "AUDIT_WRITE AUDIT_CONTROL AUDIT_READ MAC_OVERRIDE MAC_ADMIN",
}
OTHERS = "others"
SUBTITLE = "what the process may do now · below: its five sets"
HINT = "kernel.capabilities.capability_sets(pid) reads them"
STEP, CELL, GAP = 23, 20, 6  # px: from row to row, a cell's height, between cells


@dataclass(frozen=True)
class GridData:
    """The sets of a process, and all that there is: `back` is what it has after an exec and had not before."""

    names: tuple[str, ...]
    sets: CapabilitySets
    after: CapabilitySets | None

    @property
    def kept(self) -> tuple[str, ...]:
        """What it may do now."""
        return tuple(name for name in self.names if name in self.sets.permitted)

    @property
    def back(self) -> tuple[str, ...]:
        """What it may do after the exec, and not now."""
        later = self.after.permitted if self.after else ()
        return tuple(name for name in self.names if name in later and name not in self.sets.permitted)

    @property
    def lost(self) -> tuple[str, ...]:
        """What it may do now, and not after the exec."""
        return tuple(name for name in self.kept if self.after and name not in self.after.permitted)

    @property
    def dropped(self) -> tuple[str, ...]:
        """What it may do neither now nor after the exec."""
        return tuple(name for name in self.names if name not in (*self.kept, *self.back))

    @property
    def open(self) -> tuple[str, ...]:
        """What is dropped now, but left in the bounding set, where it is not known what an exec gives back."""
        return tuple(name for name in self.dropped if not self.after and name in self.sets.bounding)


def grid_data(sets: CapabilitySets, after: CapabilitySets | None = None) -> GridData:
    """The data, checked. Names that this kernel does not have stand behind all others."""
    both = [check_kind(sets, CapabilitySets, "the sets of a process", hint=HINT)]
    if after is not None:
        both.append(check_kind(after, CapabilitySets, "the sets after an exec", hint=HINT))
    given = [name for each in both for field in FIELDS
             for name in check_each(getattr(each, field), str, f"the {field} set", hint=HINT)]  # fmt: skip
    return GridData(tuple(dict.fromkeys((*kernel_capabilities(), *given))), sets, after)


def capability_grid(sets: CapabilitySets, after: CapabilitySets | None = None) -> Picture:
    """The capabilities of a process, from `kernel.capabilities.capability_sets(pid)`; `after` read after an exec.

    Raises BadInput for anything else.
    """
    found, heading, words = grid_data(sets, after), title(sets, after), alt_text(sets, after)
    wide, small = (_laid_out(found, page, heading, words) for page in (WIDE_PAGE, SMALL_PAGE))
    return Picture(wide, words, heading, small)


# --------------------------------------------------------------------------------------------------------------- words
def title(sets: CapabilitySets, after: CapabilitySets | None = None) -> str:
    """The finding: what came back, or how many are kept and which of them are dangerous."""
    found = grid_data(sets, after)
    count, kept = len(found.names), len(found.kept)
    if found.back:
        return f"{len(found.back)} of {count} capabilities {'comes' if len(found.back) == 1 else 'come'} back at exec"
    if found.lost:
        return f"{len(found.lost)} of {count} capabilities go at exec; the process still has them"
    if not kept:
        return f"No capability is left of {count}" + (", after exec neither" if after else "")
    said = f"{kept} of {count} capabilities kept" + (", no more after exec" if after else "")
    risky = [clean_text(name) for name in found.kept if name in DANGEROUS]
    if not risky:
        return f"{said}, none of them dangerous"
    return first_that_fits(f"{said}; dangerous: {listed(risky)}", f"{said}, {len(risky)} of them dangerous")


def alt_text(sets: CapabilitySets, after: CapabilitySets | None = None) -> str:
    """Kept and dangerous, dropped and dangerous, the rest as a count, then the sets."""
    found = grid_data(sets, after)
    parts = [f"Capabilities of a process. {title(sets, after)}."]
    for said, names in (("Back at exec", found.back), ("Kept", found.kept), ("Dropped", found.dropped)):
        risky = [f"{name} ({DANGEROUS[name]})" for name in names if name in DANGEROUS]
        rest = [name for name in names if name not in DANGEROUS]
        if names:
            others = f"{'and ' if risky else ''}{len(rest)} of little harm" + (
                f": {', '.join(rest)}" if said == "Kept" and rest else "")  # fmt: skip
            parts.append(f"{said}: {', '.join([*risky, *([others] if rest else [])])}.")
    if found.open:
        parts.append(f"{len(found.open)} of the dropped are in the bounding set: an exec as root gives them back.")
    parts.append(f"Now: {_counted(found.sets)}." + (f" After exec: {_counted(after)}." if after else ""))
    return clean_text(" ".join(parts), 16_000)


def _counted(sets: CapabilitySets) -> str:
    return ", ".join(f"{field} {len(getattr(sets, field))}" for field in FIELDS)


# ------------------------------------------------------------------------------------------------------------- drawing
def _laid_out(found: GridData, page: PageWidth, heading: str, words: str) -> str:
    subtitle = SUBTITLE + (", and after an exec" if found.after else "")
    parts, y = picture_head(page, heading, subtitle)
    legend, y = keys(page, y + 32, _keys_of(found))
    grid, y = _grid(found, page, y + 22)
    reasons, y = _reasons(found, page, y + 8)
    parts += [*legend, *grid, *reasons, line(page.margin, y, page.right, y, stroke="rule")]
    strips, y = _strips(found, page, y + 22)
    foot, y = _foot(found, page, y + 14)
    return svg(page.width, y + 16, [*parts, *strips, *foot], title=heading, alt_text=words)


def _keys_of(found: GridData) -> list[tuple[str, str]]:
    """The legend: of the cells that occur."""
    kinds = {_kind(found, name) for name in found.names}
    words = {
        "kept": "kept", "kept, dangerous": "kept, dangerous", "back": "back after exec",
        "back, dangerous": "back, dangerous", "dropped, dangerous": "dropped: a wall",
        "dropped": "dropped, little harm",
        "open, dangerous": "dropped now, still in the bounding set", "open": "dropped now, little harm",
    }  # fmt: skip
    return [(f'<g transform="translate(-13 -8)">{_box(kind, 0, 0, 26, 16)}</g>', said)
            for kind, said in words.items() if kind in kinds]  # fmt: skip


def _kind(found: GridData, name: str) -> str:
    state = next((said for said, names in (("kept", found.kept), ("back", found.back), ("open", found.open))
                  if name in names), "dropped")  # fmt: skip
    return f"{state}, dangerous" if name in DANGEROUS else state


def _box(kind: str, x: float, y: float, wide: float, high: float = CELL) -> str:
    """A cell's shape; filled and marked: the process has it, or will."""
    looks = {
        "kept": ("box", "ink", ""), "kept, dangerous": ("new", "", ""), "back": ("newt", "new", ""),
        "back, dangerous": ("new", "", ""), "dropped": ("host", "", ""), "dropped, dangerous": ("wallt", "wall", ""),
        "open": ("none", "idle", "3 3"), "open, dangerous": ("none", "wall", "3 3"),
    }  # fmt: skip
    fill, stroke, dash = looks[kind]
    shape = rect(x, y, wide, high, fill=fill, stroke=stroke, radius=3, dash=dash)
    ink = "paper" if fill == "new" else "ink"
    if kind.startswith("back"):
        return shape + diamond_mark(x + wide - 7, y + high / 2, 4, fill="paper" if fill == "new" else "new")
    return shape + (dot(x + wide - 7, y + high / 2, 3, fill=ink) if kind.startswith("kept") else "")


def _grid(found: GridData, page: PageWidth, y: float) -> tuple[list[str], float]:
    """The cells by group, and where the next thing may begin. Narrow: each group's name stands above its cells."""
    beside = 132 if page is WIDE_PAGE else 0
    columns = 5 if beside else 4
    wide = (page.right - page.margin - beside + GAP) / columns - GAP
    left, parts = page.margin + beside, list[str]()
    for group, names in _grouped(found.names):
        parts.append(label(page.margin, y + 14, group, size=VALUE, style="h"))
        y += 0 if beside else STEP - 2
        for number, name in enumerate(names):
            x, top = left + (wide + GAP) * (number % columns), y + STEP * (number // columns)
            kind = _kind(found, name)
            strong = kind.endswith("dangerous")
            style = f"m{' h' * strong}{' p' * (strong and not kind.startswith(('dropped', 'open')))}"
            style += " d" * (kind in ("dropped", "open"))
            parts += [_box(kind, x, top, wide), label(x + 5, top + 14, name, size=TAG, style=style, width=wide - 16)]
        y += STEP * -(-len(names) // columns) + 8
    return parts, y


def _grouped(names: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    known = {name: group for group, members in GROUPS.items() for name in members.split()}
    for group in (*GROUPS, OTHERS):
        if members := [name for name in names if known.get(name, OTHERS) == group]:
            yield group, members


def _reasons(found: GridData, page: PageWidth, y: float) -> tuple[list[str], float]:
    """Why each dangerous capability is called so: kept ones first."""
    order = sorted((name for name in found.names if name in DANGEROUS), key=lambda name: name in found.dropped)
    columns = 2 if page is WIDE_PAGE else 1
    rows, wide = -(-len(order) // columns), (page.right - page.margin + 24) / columns
    parts = [label(page.margin, y + 12, "dangerous, and why: our judgement", size=VALUE, style="h")]
    for number, name in enumerate(order):
        x, base = page.margin + wide * (number // rows), y + 34 + 18 * (number % rows)
        has = name not in found.dropped
        parts += [
            label(x, base, name, size=TAG, style="m h n" if has else "m w", width=112),
            label(x + 118, base, DANGEROUS[name], size=NOTE, style="" if has else "d", width=wide - 136),
        ]
    return parts, y + 34 + 18 * rows


def _strips(found: GridData, page: PageWidth, y: float) -> tuple[list[str], float]:
    """The five sets now and, where they are known, after the exec: beside them, or below."""
    whole = page.right - page.margin
    wide = (whole - 40) / 2 if page is WIDE_PAGE else whole
    parts, bottom = _sets(found, found.sets, page.margin, y, wide)
    if found.after is None:
        return parts, bottom
    x, top = (page.margin + wide + 40, y) if page is WIDE_PAGE else (page.margin, bottom + 18.0)
    more, lower = _sets(found, found.after, x, top, wide)
    return parts + more, max(bottom, lower)


def _sets(found: GridData, sets: CapabilitySets, x: float, y: float, wide: float) -> tuple[list[str], float]:
    """Five strips: a bar for each capability that is in the set, a dot for each that is not."""
    later, left = sets is found.after, x + 84
    pitch = min(8.0, (wide - 84 - 36) / len(found.names))
    parts = [label(x, y, "after exec" if later else "now", size=TEXT, style="h")]
    if later:
        back, lost = len(found.back), len(found.lost)
        said = f"{back} came back" if back else f"{lost} gone" if lost else "nothing came back"
        parts.append(label(x + wide, y, said, size=NOTE, style="n h e" if back else "d e"))
    for row, field in enumerate(FIELDS):
        base, members = y + 22 + 18 * row, getattr(sets, field)
        new = set(members) - set(getattr(found.sets, field)) if later else set()
        parts.append(label(x, base, field, size=NOTE))
        for number, name in enumerate(found.names):
            place = left + pitch * number
            if name in members:
                parts.append(rect(place, base - 10, pitch - 1.5, 11, fill="new" if name in new else "ink", radius=1))
                parts += [rect(place, base - 13, pitch - 1.5, 2, fill="new", radius=0)] if name in new else []
            else:
                parts.append(rect(place + pitch / 2 - 1.5, base - 5, 1.5, 1.5, fill="idle", radius=0))
        parts.append(label(x + wide, base, str(len(members)), size=NOTE, style="n h e" if new else "e"))
    return parts, y + 22 + 18 * (len(FIELDS) - 1)


def _foot(found: GridData, page: PageWidth, y: float) -> tuple[list[str], float]:
    said = ["A column is a capability, in the order of its number."]
    back = found.back or found.open
    if back and set(back) <= set(found.sets.bounding):
        said.append("An exec as root takes all that the bounding set has: to drop for good, drop it there too.")
    parts = [label(page.margin, y + 18 * row + 14, text, size=NOTE, style="d") for row, text in enumerate(said)]
    return parts, y + 18 * len(said)
