"""The engines that can be measured, as data: their titles, what they are, and why one cannot be used here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..engines import ALL


@dataclass(frozen=True)
class EngineChoice:
    """An engine; `absent` says why it cannot be used here, and is empty where it can, or fetches what it lacks."""

    name: str
    title: str
    about: str
    absent: str = ""


def engine_choices() -> list[EngineChoice]:
    """All engines."""
    return [EngineChoice(name, each.title or name, each.about, reason_absent(name)) for name, each in ALL.items()]


def engine_titles() -> dict[str, str]:
    """Name -> title in pictures, for engines with a title."""
    return {name: each.title for name, each in ALL.items() if each.title}


def reason_absent(name: str) -> str:
    """Why an engine cannot be used here, and what would help."""
    here = ALL[name](Path(), Path()).available()
    return "" if here or here.fetched else f"{here.why} ({here.hint})"
