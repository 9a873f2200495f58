"""One line of the doctor's examination."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Diagnosis:
    """One line of the examination. `state` is fine, missing, or limited; `fix` the one command that mends it."""

    name: str
    state: str
    why: str
    blocks: tuple[str, ...] = ()
    fix: str = ""

    @property
    def sign(self) -> str:
        """One character that reads without colour."""
        return {"fine": "✓", "limited": "◐", "missing": "✗"}[self.state]


def fine(name: str, why: str) -> list[Diagnosis]:
    """Nothing to do."""
    return [Diagnosis(name, "fine", why)]
