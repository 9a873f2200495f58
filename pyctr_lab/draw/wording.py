"""Words that several pictures need: lists, names in quotation marks, short titles, short numbers."""

from __future__ import annotations

from collections.abc import Sequence

from .svg import clean_text
from .theme import TITLE_LIMIT


def listed(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def quoted_name(name: str, limit: int = 24) -> str:
    """A container's or a group's name in quotation marks, never so long that it fills a title."""
    shown = clean_text(name)
    return f"“{shown if len(shown) <= limit else shown[: limit - 1] + '…'}”"


def cut_title(text: str) -> str:
    """`text`, or as much of its beginning as a title may have, with an ellipsis."""
    return text if len(text) <= TITLE_LIMIT else text[: TITLE_LIMIT - 1].rstrip() + "…"


def counted_noun(count: int, noun: str, plural: str = "") -> str:
    """`1 call`, `1,200 calls`, `2 processes`."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def short_number(value: float) -> str:
    """A number as it is read: 0.25, 4.7, 22, 2,256."""
    if value >= 10:
        return f"{value:,.0f}"
    return f"{value:.1f}".removesuffix(".0") if value >= 1 else f"{value:.2g}"


def times_words(ratio: float) -> str:
    """How many times, with as many digits as mean something."""
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.1f}"


def size_words(count: int) -> str:
    """Bytes as they are read: 0 B, 812 B, 1.3 KiB, 235 MiB."""
    if count < 1024:
        return f"{count} B"
    power = next((power for power in (1, 2, 3) if count < 999.5 * 1024**power), 4)
    return f"{short_number(count / 1024**power)} {('KiB', 'MiB', 'GiB', 'TiB')[power - 1]}"
