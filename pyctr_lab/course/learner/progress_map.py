"""The map of the course as a picture, with what the learner has done marked on it. Data in, picture out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ...draw.picture import Picture
from ...draw.svg import label, line, rect, svg
from ...draw.theme import NOTE, TITLE
from .page import Page
from .states import State

WIDTH, ROW, TOP = 980, 28, 76
CELL = 52


@dataclass(frozen=True)
class Row:
    """One lesson, and the state of each of its exercises, in order."""

    number: str
    title: str
    minutes: int
    exercises: Mapping[str, State]

    @property
    def passed(self) -> int:
        """How many hold."""
        return sum(state is State.PASSED for state in self.exercises.values())

    def words(self) -> str:
        """The states of its exercises, in words."""
        if not self.exercises:
            return "comes later"
        special = [f"{name} {state.value}" for name, state in self.exercises.items()
                   if state not in (State.PASSED, State.NOT_STARTED)]  # fmt: skip
        return "; ".join([f"{self.passed} of {len(self.exercises)} passed", *special])


class ProgressMap:
    """Shown as a picture in a notebook, as text anywhere."""

    def __init__(self, rows: Sequence[Row], problem: str = "") -> None:
        self.rows = tuple(rows)
        self.problem = problem  # why nothing is known of what was done

    @property
    def title(self) -> str:
        """The finding."""
        total = sum(len(row.exercises) for row in self.rows)
        passed = sum(row.passed for row in self.rows)
        if self.problem:
            return f"What you have done is not known: {self.problem}"
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

    def alt_text(self) -> str:
        """The picture in one paragraph."""
        return f"Map of the course. {self.title}. " + " ".join(
            f"{row.number} {row.title}: {row.words()}." for row in self.rows if row.exercises
        )

    def picture(self) -> Picture:
        """A row for each lesson, a mark for each exercise, and below them what the marks mean."""
        height = TOP + ROW * len(self.rows) + 40
        head = [
            label(24, 34, self.title, size=TITLE, style="h"),
            label(24, 58, "the map of the course: a mark is an exercise", style="d"),
        ]
        rows = [part for place, row in enumerate(self.rows) for part in _row(row, TOP + ROW * place)]
        parts = [*head, *rows, *_legend(height - 16)]
        return Picture(
            svg(WIDTH, height, parts, title=self.title, alt_text=self.alt_text()), self.alt_text(), self.title
        )

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, str]:
        return {"text/html": self.picture().html(), "text/plain": str(self)}


def _row(row: Row, top: int) -> list[str]:
    base = top + 19
    words = [
        line(24, top, WIDTH - 24, top, stroke="rule"),
        label(24, base, row.number, style="d"),
        label(56, base, row.title, style="" if row.exercises else "d"),
        label(330, base, f"{row.minutes} min", size=NOTE, style="d"),
    ]
    if not row.exercises:
        return [*words, label(400, base, "comes later", size=NOTE, style="d")]
    places = enumerate(row.exercises.items())
    return [
        *words,
        *(part for place, (name, state) in places for part in mark(state, name, 400 + CELL * place, top + 4)),
    ]


#: Fill, stroke and dash of a mark. Filled is passed, outlined almost, dashed once; orange wants a look.
MARKS = {
    State.PASSED: ("wall", "", ""),
    State.ALMOST: ("none", "wall", ""),
    State.NOT_YET: ("none", "new", ""),
    State.NO_LONGER: ("none", "new", "6 3"),
    State.CANNOT: ("none", "idle", "2 3"),
}


def mark(state: State, name: str, left: int, top: int) -> list[str]:
    """One exercise, or an empty mark of the legend. Not started is a small dot, all else a frame with its sign."""
    words = name if state is State.NOT_STARTED else f"{state.sign} {name}".strip()
    text = label(left + (CELL - 6) / 2, top + 14, words, size=NOTE, style="c p h" if state is State.PASSED else "c")
    if state is State.NOT_STARTED:
        return [rect(left, top + 8, 4, 4, fill="idle", radius=2), *([text] if name else [])]
    fill, stroke, dash = MARKS[state]
    return [rect(left, top, CELL - 6, 20, fill=fill, stroke=stroke, line=2, radius=3, dash=dash), text]


def _legend(base: int) -> list[str]:
    parts, left = [], 24
    for state in State:
        wide = 14 if state is State.NOT_STARTED else CELL
        parts += [
            *mark(state, "", left, base - 14),
            label(left + wide, base, state.value, size=NOTE, style="d"),
        ]
        left += wide + 24 + int(6.5 * len(state.value))
    return parts
