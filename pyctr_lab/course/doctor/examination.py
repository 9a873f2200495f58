"""The doctor: what this machine can do for the course, what is missing, why, and the one command that mends it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..learner.page import Page
from .diagnoses import DIAGNOSES, Finding, Machine

__all__ = ["Examination", "Finding", "Machine", "examine"]


class Examination(Sequence[Finding]):
    """All findings, in reading order. Shown as a table, with the cures below it."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)

    def __getitem__(self, place):  # type: ignore[no-untyped-def]
        return self.findings[place]

    def __len__(self) -> int:
        return len(self.findings)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    @property
    def blocked(self) -> tuple[str, ...]:
        """The lessons that cannot be done here, or not in full."""
        return tuple(sorted({lesson for each in self.findings if each.state == "missing" for lesson in each.blocks}))

    @property
    def title(self) -> str:
        """The finding of all findings."""
        if not self.blocked:
            return "This machine can do every lesson that there is"
        return f"Something is missing here for lesson{'s' * (len(self.blocked) > 1)} {', '.join(self.blocked)}"

    def page(self) -> Page:
        """The examination as text and as HTML."""
        page = Page(self.title, kind="news" if self.blocked else "wall")
        rows = [(f"{each.sign} {each.state}", each.name, each.why) for each in self.findings]
        page.table(("", "what", "found"), rows)
        for each in self.findings:
            if each.cure:
                blocks = f" (blocks {', '.join(each.blocks)})" if each.blocks else ""
                page.line(f"{each.name}{blocks}:").code(each.cure)
        return page

    def __repr__(self) -> str:
        return self.page().text()

    def _repr_html_(self) -> str:
        return self.page().html()


def examine(machine: Machine | None = None) -> Examination:
    """Examines this machine, or the one described. Never raises: what cannot be found out is a finding."""
    machine = machine or Machine()
    return Examination([finding for diagnose in DIAGNOSES for finding in diagnose(machine)])
