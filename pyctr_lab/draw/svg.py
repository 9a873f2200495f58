"""SVG in the visual language: text measured, cut and wrapped, and the elements that pictures are made of."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from .theme import STYLE, TEXT

# Advance widths in thousandths of the type size, ASCII 32 to 126, read from DejaVu Sans 2.37: it is the widest of the
# usual fonts, so what fits in it fits in the others.
_SANS = (
    318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337, 636, 636, 636, 636, 636, 636, 636,
    636, 636, 636, 337, 337, 838, 838, 838, 531, 1000, 684, 686, 698, 770, 632, 575, 775, 752, 295, 295, 656, 557, 863,
    748, 787, 603, 787, 695, 635, 611, 732, 684, 989, 685, 611, 685, 390, 337, 390, 838, 500, 500, 613, 635, 550, 635,
    615, 352, 635, 634, 278, 278, 579, 278, 974, 634, 612, 635, 635, 411, 521, 392, 634, 592, 818, 592, 592, 525, 636,
    337, 636, 838,
)  # fmt: skip
_BOLD = (
    348, 456, 521, 838, 696, 1002, 872, 306, 457, 457, 523, 838, 380, 415, 380, 365, 696, 696, 696, 696, 696, 696, 696,
    696, 696, 696, 400, 400, 838, 838, 838, 580, 1000, 774, 762, 734, 830, 683, 683, 821, 837, 372, 372, 775, 637, 995,
    837, 850, 733, 850, 770, 720, 682, 812, 774, 1103, 771, 724, 725, 457, 365, 457, 838, 500, 500, 675, 716, 593, 716,
    678, 435, 716, 712, 343, 343, 665, 343, 1042, 712, 687, 716, 716, 493, 595, 478, 712, 652, 924, 645, 652, 582, 712,
    365, 712, 838,
)  # fmt: skip
_MARKS = {"“": 658, "”": 658, "‘": 380, "’": 380, "·": 380, "µ": 736, "–": 500, "→": 838, "×": 838}
_MONO = 603


def text_width(text: str, size: float, *, bold: bool = False, mono: bool = False) -> float:
    """Width of `text` in px at `size`, in DejaVu; characters that its table lacks count as one em."""
    table = _BOLD if bold else _SANS
    return sum(_advance(char, table, mono) for char in text) * size / 1000


def _advance(char: str, table: tuple[int, ...], mono: bool) -> int:
    if unicodedata.combining(char):
        return 0
    if mono:
        return 1000 if unicodedata.east_asian_width(char) in "WF" else _MONO
    return table[ord(char) - 32] if " " <= char <= "~" else _MARKS.get(char, 1000)


def fit_text(text: str, width: float, size: float, *, bold: bool = False, mono: bool = False) -> str:
    """`text`, or as much of its beginning as `width` px hold, with an ellipsis."""
    if text_width(text, size, bold=bold, mono=mono) <= width:
        return text
    room, kept = width - text_width("…", size, bold=bold, mono=mono), 0
    while kept < len(text) and text_width(text[: kept + 1], size, bold=bold, mono=mono) <= room:
        kept += 1
    return text[:kept].rstrip() + "…"


def wrap(text: str, width: float, size: float, *, bold: bool = False) -> list[str]:
    """`text` in lines of at most `width` px, broken between words; a word that is too long is cut."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size, bold=bold) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return [fit_text(line, width, size, bold=bold) for line in lines] or [""]


def clean_text(text: object, limit: int = 400) -> str:
    """`text` on one line, fit for XML: what cannot be shown or would turn the line around becomes U+FFFD."""
    shown = "".join(char if _showable(char) else "\ufffd" for char in " ".join(str(text)[: 4 * limit].split()))
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _showable(char: str) -> bool:
    # Cc control, Cs lone surrogate, Cn unassigned, Cf formatting (bidirectional overrides among them).
    return unicodedata.category(char) not in ("Cc", "Cs", "Cn", "Cf")


def escape(text: object) -> str:
    """`text` for an element or a double-quoted attribute of XML or HTML, control characters made harmless."""
    shown = clean_text(text, limit=20_000)
    for mark, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#39;")):
        shown = shown.replace(mark, entity)
    return shown


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def rect(
    x: float, y: float, width: float, height: float, *, fill: str = "none", stroke: str = "", line: float = 1.2,
    radius: float = 6, dash: str = "",
) -> str:  # fmt: skip
    """A rectangle; `fill` and `stroke` are palette names (`"host"`), `line` and `radius` px, `dash` as in SVG."""
    place = f'x="{_number(x)}" y="{_number(y)}" width="{_number(width)}" height="{_number(height)}"'
    shape = f'rx="{_number(radius)}" fill="{_colour(fill)}"'
    return f"<rect {place} {shape}{_stroke(stroke, line, dash)}/>"


def line(x1: float, y1: float, x2: float, y2: float, *, stroke: str = "dim", line: float = 1, dash: str = "") -> str:
    """A straight line in a palette colour."""
    ends = f'x1="{_number(x1)}" y1="{_number(y1)}" x2="{_number(x2)}" y2="{_number(y2)}"'
    return f"<line {ends}{_stroke(stroke, line, dash)}/>"


def _colour(name: str) -> str:
    return "none" if name == "none" else f"var(--{name})"


def _stroke(name: str, width: float, dash: str) -> str:
    if not name:
        return ""
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return f' stroke="{_colour(name)}" stroke-width="{_number(width)}"{dashes}'


def label(x: float, y: float, text: str, *, size: float = TEXT, style: str = "", width: float | None = None) -> str:
    """One line of text with its baseline at `y`, cut to `width` px when given.

    `style` is any of d (dim), w (wall), n (news), p (paper), h (bold), m (mono), e (end at x), c (centred on x).
    """
    marks = style.split()
    shown = clean_text(text)
    if width is not None:
        shown = fit_text(shown, width, size, bold="h" in marks, mono="m" in marks)
    classes = f' class="{" ".join(marks)}"' if marks else ""
    # As an attribute the size would lose to the style sheet's `font`.
    return f'<text x="{_number(x)}" y="{_number(y)}"{classes} style="font-size:{size}px">{escape(shown)}</text>'


def svg(width: float, height: float, parts: Iterable[str], *, title: str, alt_text: str, style: str = "") -> str:
    """A whole picture on its own paper; `title` and `alt_text` become `<title>` and `<desc>`."""
    size = f'viewBox="0 0 {_number(width)} {_number(height)}" width="{_number(width)}" height="{_number(height)}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" class="pc" {size} role="img" aria-label="{escape(alt_text)}">'
    words = f"<title>{escape(title)}</title><desc>{escape(alt_text)}</desc><style>{STYLE}{style}</style>"
    return head + words + rect(0, 0, width, height, fill="paper", radius=0) + "".join(parts) + "</svg>"
