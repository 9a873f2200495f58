"""The map of the course as a picture, with what the learner has done marked on it. Data in, picture out."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from .page import DARK, LIGHT, Page
from .verdict import State

#: Number, title and minutes of each lesson of the course.
LESSONS = (
    ("00", "Start here", 10), ("01", "The kernel and its processes", 40), ("02", "Virtual machines", 40),
    ("03", "Namespaces", 90), ("04", "Control groups", 60), ("05", "Network", 60), ("06", "Images and layers", 60),
    ("07", "A whole container", 60), ("08", "Engines", 60), ("09", "Virtual machine or container", 45),
    ("10", "Why containers", 60), ("11", "Orchestration", 90), ("12", "Capstone", 60),
)  # fmt: skip

WIDTH, ROW, TOP = 980, 28, 76
CELL = 44


@dataclass(frozen=True)
class Row:
    """One lesson: how it stands with each of its exercises, in order."""

    number: str
    title: str
    minutes: int
    exercises: Mapping[str, State]

    @property
    def passed(self) -> int:
        """How many hold."""
        return sum(state is State.PASSED for state in self.exercises.values())

    def words(self) -> str:
        """How it stands, in words."""
        if not self.exercises:
            return "comes later"
        special = [f"{name} {state.value}" for name, state in self.exercises.items()
                   if state not in (State.PASSED, State.NOT_STARTED)]  # fmt: skip
        return "; ".join([f"{self.passed} of {len(self.exercises)} passed", *special])


class ProgressMap:
    """Shown as a picture in a notebook, as text anywhere."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = tuple(rows)

    @property
    def title(self) -> str:
        """The finding."""
        total = sum(len(row.exercises) for row in self.rows)
        passed = sum(row.passed for row in self.rows)
        if not passed:
            return f"{total} exercises wait for you; any order works"
        return "Every exercise passed" if passed == total else f"{passed} of {total} exercises passed"

    def marks(self, row: Row) -> str:
        """The exercises of a lesson as text: `✓ 3.1  · 3.2`."""
        return "  ".join(f"{state.sign} {name}" for name, state in row.exercises.items())

    def __str__(self) -> str:
        rows = [(row.number, row.title, f"{row.minutes} min", self.marks(row) or "comes later") for row in self.rows]
        page = Page(self.title).table(("", "lesson", "takes", "exercises"), rows)
        return page.line("  ".join(f"{state.sign} {state.value}" for state in State)).text()

    __repr__ = __str__

    def twin(self) -> str:
        """The picture in one paragraph."""
        return f"Map of the course. {self.title}. " + " ".join(
            f"{row.number} {row.title}: {row.words()}." for row in self.rows if row.exercises
        )

    def _repr_html_(self) -> str:
        picture = b64encode(self.svg().encode()).decode()
        return f'<img alt="{escape(self.twin())}" width="{WIDTH}" src="data:image/svg+xml;base64,{picture}">'

    def svg(self) -> str:
        """The picture: a row for each lesson, a mark for each exercise."""
        height = TOP + ROW * len(self.rows) + 40
        lines = [_head(height, self.title, self.twin())]
        lines += [part for place, row in enumerate(self.rows) for part in _row(row, TOP + ROW * place)]
        return "".join([*lines, _legend(height - 16), "</svg>"])


def _head(height: int, title: str, twin: str) -> str:
    style = (
        f".pc{{{LIGHT}}}@media (prefers-color-scheme:dark){{.pc{{{DARK}}}}}"
        ".pc text{fill:var(--ink);font:14px system-ui,sans-serif}.pc .d{fill:var(--dim)}.pc .s{font-size:12px}"
        ".pc .t{font-size:19px;font-weight:600}.pc .inv{fill:var(--paper);font-weight:600}"
        ".pc .wall{fill:var(--wall)}.pc .out{fill:none;stroke:var(--wall);stroke-width:2}"
        ".pc .news{fill:none;stroke:var(--new);stroke-width:2}.pc .once{stroke-dasharray:6 3}"
        ".pc .dot{fill:var(--idle)}.pc .rule{stroke:var(--rule)}"
        ".pc .un{fill:none;stroke:var(--idle);stroke-dasharray:2 3}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="pc" role="img" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}"'
        f' height="{height}"><title>{escape(title)}</title><desc>{escape(twin)}</desc><style>{style}</style>'
        f'<rect width="{WIDTH}" height="{height}" fill="var(--paper)"/>'
        f'<text class="t" x="24" y="34">{escape(title)}</text>'
        '<text class="d" x="24" y="58">the map of the course: each lesson stands alone; a mark is an exercise</text>'
    )


def _row(row: Row, top: int) -> list[str]:
    voice = "" if row.exercises else ' class="d"'
    parts = [
        f'<line class="rule" x1="24" x2="{WIDTH - 24}" y1="{top}" y2="{top}"/>',
        f'<text class="d" x="24" y="{top + 19}">{row.number}</text>',
        f'<text{voice} x="56" y="{top + 19}">{escape(row.title)}</text>',
        f'<text class="d s" x="330" y="{top + 19}">{row.minutes} min</text>',
    ]
    if not row.exercises:
        return [*parts, f'<text class="d s" x="400" y="{top + 19}">comes later</text>']
    places = enumerate(row.exercises.items())
    return [*parts, *(mark(state, name, 400 + CELL * place, top + 4) for place, (name, state) in places)]


def mark(state: State, name: str, left: int, top: int) -> str:
    """One exercise: filled is passed, outlined almost, dashed was once, a dot not started; orange wants a look."""
    shape = {
        State.PASSED: "wall", State.ALMOST: "out", State.NOT_YET: "news", State.NO_LONGER: "news once",
        State.CANNOT: "un", State.NOT_STARTED: "",
    }[state]  # fmt: skip
    middle = left + CELL // 2 - 3
    text = f'<text class="s {"inv" if state is State.PASSED else ""}" text-anchor="middle" x="{middle}" y="{top + 14}">'
    label = f"{text}{escape(name)}</text>"
    if not shape:
        return f'<circle class="dot" cx="{left + 4}" cy="{top + 10}" r="2"/>{label}'
    return f'<rect class="{shape}" x="{left}" y="{top}" width="{CELL - 6}" height="20" rx="3"/>{label}'


def _legend(base: int) -> str:
    shown, left = [], 24
    for state in State:
        shown.append(mark(state, "", left, base - 14))
        shown.append(f'<text class="d s" x="{left + CELL}" y="{base}">{state.value}</text>')
        left += CELL + 24 + 7 * len(state.value)
    return "".join(shown)
