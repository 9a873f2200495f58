"""What checks of arguments have in common."""

from __future__ import annotations


def short(thing: object) -> str:
    """A wrong argument in a complaint: its repr, cut to 40 characters."""
    said = repr(thing)
    return said if len(said) <= 40 else said[:37] + "..."
