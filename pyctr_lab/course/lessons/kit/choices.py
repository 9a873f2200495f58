"""Answers that choose one word for each name, as checks read them."""

from __future__ import annotations

from collections.abc import Collection

from ...grading import Submission


def chosen_for(answer: Submission) -> dict[str, str]:
    """An answer's choice for each name."""
    return dict(pair.rpartition("=")[::2] for pair in answer) if isinstance(answer, tuple) else {}


def unnamed(said: Collection[str], wanted: Collection[str]) -> str:
    """Strange names and missing names of an answer, in words; empty where all are right."""
    strange, left_out = sorted(set(said) - set(wanted)), sorted(set(wanted) - set(said))
    words = [f"{name[:30]!r} is none of them" for name in strange[:2]]
    words += [f"there is no choice for {', '.join(left_out)}"] if left_out else []
    return "; ".join(words)
