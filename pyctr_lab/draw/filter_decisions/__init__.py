"""A filter of system calls as the decisions that it makes: what becomes of each number, and how a few calls fall.

Drawn from the program that the kernel runs, not from the policy. A number is compared until one range is left; where
the program looks at an argument, the number alone does not decide. The kernel does not run a filter for numbers that
are always allowed: it keeps a bitmap of them, so a count of comparisons says nothing about time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..marks import SMALL_PAGE, WIDE_PAGE
from ..picture import Picture
from .decisions import FilterCall, FilterSource, decisions
from .drawing import decisions_svg
from .words import title_of, words_of

__all__ = ["alt_text", "filter_decisions", "title"]


def filter_decisions(
    policy_or_program: FilterSource,
    calls: Iterable[FilterCall] = (),
    ns: Mapping[str, float] | None = None,
    *,
    processor: str = "",
) -> Picture:
    """A policy, compiled for `processor` (default: this machine's), or a program of instructions, and what it decides.

    `calls` fall through it: a name or number, up to where an argument decides; or with arguments, `("personality", 8)`,
    of which missing ones are 0. `ns` has measured costs in nanoseconds by what was measured; the first is what the
    others are compared with. Raises BadInput.
    """
    found = decisions(policy_or_program, calls, ns, processor=processor)
    heading, words = title_of(found), words_of(found)
    wide, small = (decisions_svg(found, page, heading, words) for page in (WIDE_PAGE, SMALL_PAGE))
    return Picture(wide, words, heading, small)


def title(
    policy_or_program: FilterSource,
    calls: Iterable[FilterCall] = (),
    ns: Mapping[str, float] | None = None,
    *,
    processor: str = "",
) -> str:
    """The finding: how many calls are refused, and in how many comparisons it is known."""
    return title_of(decisions(policy_or_program, calls, ns, processor=processor))


def alt_text(
    policy_or_program: FilterSource,
    calls: Iterable[FilterCall] = (),
    ns: Mapping[str, float] | None = None,
    *,
    processor: str = "",
) -> str:
    """The counts, the ranges that are not allowed, each call with its steps and verdict, the costs."""
    return words_of(decisions(policy_or_program, calls, ns, processor=processor))
