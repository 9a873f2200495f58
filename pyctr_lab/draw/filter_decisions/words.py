"""A filter's decisions in words."""

from __future__ import annotations

from ..layers.words import first_that_fits
from ..svg import clean_text
from ..wording import counted_noun, short_number
from .decisions import BY_ARGUMENT, WORDS, Decisions, Fall, spelled, verdict_word

MOST_SAID = 12  # comparisons of a call


def detail(fall: Fall) -> str:
    """The rest of a verdict: its errno, and how many comparisons led to it."""
    action = fall.action
    how = {"errno": str(action), "trap": "by SIGSYS", "kill": "the whole process", "kill_thread": "the thread",
           "log": "and logged", "notify": "waits for an answer"}.get(action.name, "") if action else ""  # fmt: skip
    counted = counted_noun(fall.numbers, "comparison")
    if fall.arguments:
        counted += f", {fall.arguments} of arguments"
    elif action is None:
        counted += ", then of an argument"
    return " · ".join(filter(None, (how, counted)))


def title_of(found: Decisions) -> str:
    """How many calls are refused, and in how many comparisons it is known."""
    total = len(found.table)
    counts = {word: found.count(word) for word in (*dict.fromkeys(WORDS.values()), BY_ARGUMENT)}
    if counts["allowed"] == total:
        return f"This filter allows all {total} system calls"
    order = [word for word in ("refused", "killed", "asked live", BY_ARGUMENT) if counts[word]]
    short = f"{counts[order[0]]} of {total} system calls {order[0]}"
    short += "".join(f", {counts[word]} {word}" for word in order[1:])
    if not found.most:
        return f"{short}, without a look at the number"
    return first_that_fits(f"{short}; {counted_noun(found.most, 'comparison')} at most", short)


def words_of(found: Decisions) -> str:
    """The counts, the ranges that are not allowed, each call with its steps and verdict, the costs."""
    parts = [f"A filter of {counted_noun(len(found.program), 'instruction')}. {title_of(found)}."]
    closed = [f"{_range(first, last)} {word}" for first, last, word in found.ranges if word != "allowed"]
    rest = ", the others allowed" if len(closed) < len(found.ranges) else ""
    parts.append(f"Numbers 0 to {found.last}: {', '.join(closed)}{rest}." if closed else "")
    for fall in found.falls:
        way = ", ".join(each.said for each in fall.compared[:MOST_SAID])
        more = f", and {len(fall.compared) - MOST_SAID} more" if len(fall.compared) > MOST_SAID else ""
        parts.append(f"{fall.call}, call {spelled(fall.number)}: {f'{way}{more}; ' if way else ''}"
                     f"{verdict_word(fall.action)}, {detail(fall)}.")  # fmt: skip
    if found.costs:
        parts.append(f"Cost: {'; '.join(f'{said} {short_number(value)} ns' for said, value in found.costs)}.")
    return clean_text(" ".join(filter(None, parts)), 16_000)


def _range(first: int, last: int) -> str:
    return str(first) if first == last else f"{first} to {last}"
