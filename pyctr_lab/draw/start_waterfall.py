"""The waterfall of a whole start: each step's system calls one after another, so that each wall has its price.

A program's story is put in order by the steps of its recipe. One clone3 makes all namespaces at once: their shares in
it are not known; the `history` of a container that was made step by step has them. Time that the launcher and the
process wait for each other (futex) is no call's work: it is left out, and said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from ..errors import BadInput
from ..kernel.arguments import Argument, GroupDescriptor, GroupFile, ProcFile, Ref, Subject, SubjectBytes
from ..kernel.calls import Answer, Call
from ..kernel.checks import check_kind, check_list
from ..kernel.constants import KIND_FLAGS
from ..runtime.program import Program
from ..runtime.step_result import StepResult
from ..steps import Step
from .boot import STAGES, round_step, seconds_words
from .layers.words import first_that_fits
from .marks import SMALL_PAGE, WIDE_PAGE, PageWidth, picture_head
from .picture import Picture
from .story import Story, median_steps
from .svg import clean_text, label, line, rect, svg, text_width, wrap
from .theme import NOTE, TEXT, VALUE
from .wording import counted_noun, cut_title

HINT = "draw.start_waterfall(lab.start(...)), or box.history; a Run of lab.run keeps no story"
FILES, MAKING, LAST = "files: mounts and pivot_root", "the process", "streams and exec"
ROW, BAR = 22, 14  # px: from step to step; a bar's height
MAKERS = ("fork", "clone3")
WILD = (Ref, GroupFile, GroupDescriptor, Subject, SubjectBytes)  # what the story has in another form


@dataclass(frozen=True)
class StartPart:
    """A step of a start with its calls; `stage` says what it belongs to. Seconds, of its calls alone."""

    title: str
    stage: str
    answers: tuple[Answer, ...]

    @property
    def seconds(self) -> float:
        """Time inside the kernel."""
        return sum(answer.seconds for answer in self.answers)

    @property
    def wall(self) -> bool:
        """Whether it keeps the container apart: all but the streams and the exec, which any program pays."""
        return self.stage != LAST

    @property
    def longest(self) -> Answer:
        """The call that took most of it."""
        return max(self.answers, key=lambda answer: answer.seconds)


@dataclass(frozen=True)
class WholeStart:
    """What is drawn. `waited` and `whole` are seconds: for each other, and from the call to the program's end, or 0."""

    parts: tuple[StartPart, ...]
    waited: float = 0.0
    whole: float = 0.0
    starts: int = 1

    @property
    def seconds(self) -> float:
        """Time inside the kernel, of all calls but the waits."""
        return sum(part.seconds for part in self.parts)

    @property
    def slowest(self) -> StartPart:
        """The step that took longest."""
        return max(self.parts, key=lambda part: part.seconds)

    @property
    def stages(self) -> dict[str, float]:
        """Seconds of each stage, in the order in which they begin."""
        spent: dict[str, float] = {}
        for part in self.parts:
            spent[part.stage] = spent.get(part.stage, 0.0) + part.seconds
        return spent


Started = Program | Sequence[Program] | Story
"""A program of `lab.start`, several that were started alike, or a container's history or histories."""


def start_waterfall(started: Started) -> Picture:
    """The calls of a start, by the steps of its recipe; of several starts alike, each step with its median.

    Takes a program of `lab.start` (one that has ended has its whole time too), or a container's `history`. Raises
    BadInput where starts differ in their steps.
    """
    found = whole_start(started)
    heading, words = _title(found), _words(found)
    wide, small = (_laid_out(found, page, heading, words) for page in (WIDE_PAGE, SMALL_PAGE))
    return Picture(wide, words, heading, small)


def whole_start(started: Started) -> WholeStart:
    """The data, checked."""
    given: tuple[Any, ...] = (
        (started,) if isinstance(started, Program | StepResult) else check_list(started, "a start", hint=HINT)
    )
    if given and all(isinstance(each, Program) for each in given):
        return _of_programs(given)
    for each in given:
        check_kind(each, (Program, StepResult, list, tuple), "a start", hint=HINT)
    count = sum(not isinstance(each, StepResult) for each in given)
    parts = (StartPart(*_named(each.step), each.calls) for each in median_steps(given))
    return WholeStart(tuple(parts), starts=max(1, count))


def _of_programs(programs: Sequence[Program]) -> WholeStart:
    """Each step with its median, of programs that were started alike."""
    starts = [of_story(each.story, each.steps) for each in programs]
    if len({tuple(part.title for part in each.parts) for each in starts}) > 1:
        raise BadInput("the programs were not started by the same steps", hint="lab.start(...) each in the same way")
    together = zip(*(start.parts for start in starts), strict=True)
    parts = [sorted(each, key=lambda part: part.seconds)[len(each) // 2] for each in together]
    ended = [each.result.seconds for each in programs if each.result is not None]
    whole = median(ended) if len(ended) == len(programs) else 0.0
    return WholeStart(tuple(parts), median(each.waited for each in starts), whole, len(programs))


# ------------------------------------------------------------------------------------------------ calls by their steps
def of_story(story: Sequence[Answer], steps: Sequence[Step]) -> WholeStart:
    """The calls of a story by the steps that they belong to, in the order in which they were made."""
    made = [answer for answer in story if answer.name != "futex"]
    owners = _owners([answer.call for answer in made], steps)
    found: dict[tuple[str, str], list[Answer]] = {}
    for answer, owner in zip(made, owners, strict=True):
        found.setdefault(_nobodys(answer.call) if owner is None else _named(steps[owner]), []).append(answer)
    parts = (StartPart(title, stage, tuple(answers)) for (title, stage), answers in found.items())
    return WholeStart(tuple(parts), sum(answer.seconds for answer in story if answer.name == "futex"))


def _named(step: Step) -> tuple[str, str]:
    return clean_text(step.title, 80), STAGES.get(type(step).__name__, FILES)


def _owners(calls: Sequence[Call], steps: Sequence[Step]) -> list[int | None]:
    """The number of each call's step; None for what makes the process, and for what comes behind all steps."""
    left = {number: _calls_of(step) for number, step in enumerate(steps)}
    owners: list[int | None] = []
    for call in calls:
        before = next((owner for owner in reversed(owners) if owner is not None), 0)
        owners.append(None if call.name in MAKERS else _owner(call, left, before))
    last = max((place for place, owner in enumerate(owners) if owner is not None), default=0)
    for place, call in enumerate(calls[:last]):  # spelled otherwise than in the step: it goes with its neighbour
        if owners[place] is None and place and call.name not in MAKERS:
            owners[place] = owners[place - 1]
    return owners


def _calls_of(step: Step) -> list[Call]:
    """All calls that can stand for a step in a story: its own, those of its resources, those of a process's birth."""
    how = step.at_birth()
    early = [] if how is None else [*how.outside, *how.joining]
    return [*step.all_calls(), *early]


def _owner(call: Call, left: dict[int, list[Call]], current: int) -> int | None:
    """The step whose next call it is: the current one's, else of the nearest behind it, else of one before."""
    order: list[int] = [*range(current, len(left)), *range(current)]
    for number in order:
        for place, planned in enumerate(left[number]):
            # Of another step than the current one a call that could be anyone's (close) counts as its first one only.
            if (number == current or not place or _telling(planned)) and _alike(planned, call):
                del left[number][: place + 1]
                return number
    return None


def _telling(call: Call) -> bool:
    """Whether its arguments tell it from those of other steps."""
    return any(isinstance(arg, str | ProcFile | GroupFile | GroupDescriptor) for arg in call.args)


def _alike(planned: Call, made: Call) -> bool:
    """Whether a call of a story is the one that a step has as data: references are replaced in the story."""
    if planned.name != made.name or len(planned.args) != len(made.args):
        return False
    both = zip(planned.args, made.args, strict=True)
    return all(isinstance(one, (*WILD, tuple)) or one == other or _same_file(one, other) for one, other in both)


def _same_file(planned: Argument, made: Argument) -> bool:
    return isinstance(planned, ProcFile) and isinstance(made, str) and made.endswith(f"/{planned.name}")


def _nobodys(call: Call) -> tuple[str, str]:
    """Title and stage of a call that no step has: it makes the process, or comes behind the recipe."""
    if call.name not in MAKERS:
        return LAST, LAST
    flags = call.args[0] if call.args and isinstance(call.args[0], int) else 0
    count = sum(bool(flags & flag) for flag in KIND_FLAGS.values())
    return (f"clone3, {counted_noun(count, 'namespace')}", "namespaces") if count else ("fork", MAKING)


# --------------------------------------------------------------------------------------------------------------- words
def title(started: Started) -> str:
    """The finding: the total, and the step that took most of it."""
    return _title(whole_start(started))


def _title(found: WholeStart) -> str:
    if not found.parts:
        return "No call of a start was seen"
    calls = counted_noun(sum(len(part.answers) for part in found.parts), "call")
    said = f"A start: {calls}, {seconds_words(found.seconds)} in the kernel"
    if len(found.parts) == 1 or not found.seconds:
        return said
    share = f"{100 * found.slowest.seconds / found.seconds:.0f} %"
    name = clean_text(found.slowest.title, 40)
    return cut_title(first_that_fits(f"{said}; the longest: {name}, {share}", f"{said}; {name}, {share}", said))


def alt_text(started: Started) -> str:
    """Each step with its calls, its longest one, and its price; then the stages, and what is not counted."""
    return _words(whole_start(started))


def _words(found: WholeStart) -> str:
    steps = (f"{number}. {part.title}, {counted_noun(len(part.answers), 'call')}, {_micro(part.seconds)}"
             + (f", of which {_micro(part.longest.seconds)} {part.longest.name}" if len(part.answers) > 1 else "")
             for number, part in enumerate(found.parts, 1))  # fmt: skip
    stages = "; ".join(f"{stage} {_price(spent)}" for stage, spent in found.stages.items())
    parts = [f"Waterfall of a start. {_title(found)}.", "; ".join(steps) + "." if found.parts else "",
             f"By stage: {stages}." if stages else "", *(f"{said}." for said in _notes(found))]  # fmt: skip
    return clean_text(" ".join(filter(None, parts)), 16_000)


def _micro(seconds: float) -> str:
    return f"{seconds * 1e6:,.0f} µs" if seconds >= 5e-7 or not seconds else "under 1 µs"


def _price(seconds: float) -> str:
    return seconds_words(seconds) if seconds >= 1e-3 else _micro(seconds)


def _notes(found: WholeStart) -> list[str]:
    """What the bars do not say."""
    said = []
    if found.starts > 1:
        said.append(f"Each step is the median of {found.starts} starts")
    if any(part.title.startswith("clone3") for part in found.parts):
        said.append("One clone3 makes the process and its namespaces; box.history has a price for each of them")
    if found.waited >= 5e-7:
        said.append(f"Left out: launcher and process waited {_micro(found.waited)} for each other")
    if found.whole > found.seconds:
        rest = seconds_words(found.whole - found.seconds)
        whole = seconds_words(found.whole)
        said.append(f"From the call to the program's end {whole}: {rest} are the program itself, and telling us")
    return said


# ------------------------------------------------------------------------------------------------------------- drawing
@dataclass(frozen=True)
class TimeAxis:
    """Where times lie, in px from zero on the left."""

    left: float
    right: float
    total: float

    def at(self, seconds: float) -> float:
        """The place of a time."""
        return self.left + (self.right - self.left) * seconds / self.total


def _laid_out(found: WholeStart, page: PageWidth, heading: str, words: str) -> str:
    parts, y = picture_head(page, heading, "each step's calls in their order; times inside the kernel, from 0")
    if not found.parts:
        parts.append(label(page.margin, y + 32, "Its story is empty.", size=TEXT, style="d"))
        return svg(page.width, y + 52, parts, title=heading, alt_text=words)
    names = 230 if page is WIDE_PAGE else 206
    axis = TimeAxis(page.margin + names, page.right - 20, found.seconds or 1e-6)
    top, bottom = y + 46.0, y + 46 + ROW * len(found.parts)
    parts += _times(axis, top - 6, bottom)
    begin = 0.0
    for number, part in enumerate(found.parts):
        parts += _row(found, part, number, begin, axis, page, top + ROW * number)
        begin += part.seconds
    parts.append(line(axis.left, bottom + 6, axis.right, bottom + 6, stroke="ink", line=1.5))
    parts.append(label(axis.right, bottom + 24, seconds_words(found.seconds), size=VALUE, style="h e"))
    added, y = _added_up(found, page, bottom + 52)
    parts += added
    for said in _notes(found):
        for words_of_line in wrap(f"{said}.", page.right - page.margin, NOTE):
            parts.append(label(page.margin, y + 14, words_of_line, size=NOTE, style="d"))
            y += 18
    return svg(page.width, y + 16, parts, title=heading, alt_text=words)


def _times(axis: TimeAxis, top: float, bottom: float) -> Iterator[str]:
    """A light line at each round time."""
    step = round_step(axis.total)
    for number in range(int(axis.total / step) + 1):
        x = axis.at(number * step)
        yield line(x, top, x, bottom, stroke="rule")
        said = seconds_words(number * step) if number else "0"
        yield label(x, top - 6, said, size=NOTE, style="d c")


def _row(
    found: WholeStart, part: StartPart, number: int, begin: float, axis: TimeAxis, page: PageWidth, y: float
) -> Iterator[str]:
    """A step: its name, a bar where its calls lie, cut between calls, and its price beside it."""
    news = part is found.slowest and len(found.parts) > 1
    failed = any(answer.failed for answer in part.answers)
    yield label(page.margin + 20, y + 12, str(number + 1), size=NOTE, style="d e")
    yield label(page.margin + 28, y + 12, part.title, size=VALUE, style="n h" if news else "",
                width=axis.left - page.margin - 36)  # fmt: skip
    x, fill = axis.at(begin), "new" if news else "wall" if part.wall else "dim"
    wide = max(1.0, axis.at(begin + part.seconds) - x)
    yield rect(x, y, wide, BAR, fill=fill, radius=2)
    yield from _cuts(part, begin, axis, y)
    price = _micro(part.seconds) + (", refused" if failed else "")
    calls = counted_noun(len(part.answers), "call")
    longest = f", {part.longest.name} {_micro(part.longest.seconds)}" if news and len(part.answers) > 1 else ""
    yield from _beside(x, wide, y + 11, (f"{price} · {calls}{longest}", f"{price} · {calls}", price), axis, page,
                       "n h" if news else "")  # fmt: skip


def _cuts(part: StartPart, begin: float, axis: TimeAxis, y: float) -> Iterator[str]:
    """Where one call ends and the next begins, where both are wide enough to be seen."""
    passed, least = begin, axis.total * 3 / (axis.right - axis.left)
    for answer, behind in zip(part.answers, part.answers[1:], strict=False):
        passed += answer.seconds
        if answer.seconds > least and behind.seconds > least:
            yield rect(axis.at(passed) - 0.75, y, 1.5, BAR, fill="paper", radius=0)


def _beside(
    x: float, wide: float, base: float, said: tuple[str, ...], axis: TimeAxis, page: PageWidth, style: str
) -> Iterator[str]:
    """A bar's words, behind it or before it: the longest that has room."""
    bold = "h" in style.split()
    for words in said:
        need = text_width(words, NOTE, bold=bold) + 8
        if x + wide + need <= page.right:
            yield label(x + wide + 8, base, words, size=NOTE, style=style)
            return
        if x - need >= axis.left:
            yield label(x - 8, base, words, size=NOTE, style=f"{style} e".strip())
            return
        if text_width(words, NOTE, bold=True) + 16 <= wide:
            yield label(x + 8, base, words, size=NOTE, style="p h")
            return


def _added_up(found: WholeStart, page: PageWidth, y: float) -> tuple[list[str], float]:
    """The stages as one bar from end to end, and their prices below."""
    parts = [label(page.margin, y, "added up", size=VALUE, style="h")]
    x, room = float(page.margin), page.right - page.margin
    longest = max(found.stages, key=lambda stage: found.stages[stage])
    for number, (stage, spent) in enumerate(found.stages.items()):
        wide = room * spent / (found.seconds or 1)
        fill = "dim" if stage in (LAST, MAKING) else "wall" if number % 2 == 0 else "wallt"
        edge = "wall" if fill == "wallt" else ""
        parts.append(rect(x, y + 10, max(1.0, wide - 1.5), 18, fill=fill, stroke=edge, line=1, radius=2))
        if wide > 24:
            parts.append(label(x + wide / 2, y + 23, str(number + 1), size=NOTE, style="c" if edge else "p h c"))
        x += wide
    x, y = float(page.margin), y + 46
    for number, (stage, spent) in enumerate(found.stages.items(), 1):
        words = f"{number}  {stage} {_price(spent)}"
        need = text_width(words, NOTE, bold=True)
        if x + need > page.right and x > page.margin:
            x, y = float(page.margin), y + 18
        parts.append(label(x, y, words, size=NOTE, style="h" if stage == longest else "d"))
        x += need + 22
    return parts, y + 12
