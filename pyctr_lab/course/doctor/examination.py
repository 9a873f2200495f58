"""The examination: all diagnoses of one machine, shown as a table with the commands that mend it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ..learner.page import Page
from .diagnosis import Diagnosis
from .equipment import disk, interpreter, kvm, memory, open_file_limit, programs, starts
from .limits import cgroups, limits_hold, subordinate_ids
from .machine import ExaminedMachine
from .namespaces import linux, masked_proc, newer_calls, user_namespaces, wsl
from .networks import networks

#: In reading order.
DIAGNOSES: tuple[Callable[[ExaminedMachine], list[Diagnosis]], ...] = (
    linux, wsl, newer_calls, user_namespaces, masked_proc, subordinate_ids, cgroups, limits_hold, starts,
    networks, open_file_limit, programs, interpreter, kvm, memory, disk,
)  # fmt: skip


class Examination(Sequence[Diagnosis]):
    """All diagnoses, in reading order. Shown as a table, with the fixes below it."""

    def __init__(self, findings: Sequence[Diagnosis]) -> None:
        self.findings = tuple(findings)

    def __getitem__(self, place):  # type: ignore[no-untyped-def]
        return self.findings[place]

    def __len__(self) -> int:
        return len(self.findings)

    def __iter__(self) -> Iterator[Diagnosis]:
        return iter(self.findings)

    @property
    def blocked(self) -> tuple[str, ...]:
        """The lessons that cannot be done here, or not in full."""
        return tuple(sorted({lesson for each in self.findings if each.state == "missing" for lesson in each.blocks}))

    @property
    def title(self) -> str:
        """The outcome, in one line."""
        if not self.blocked:
            return "This machine can do every lesson that there is"
        return f"Something is missing here for lesson{'s' * (len(self.blocked) > 1)} {', '.join(self.blocked)}"

    def page(self) -> Page:
        """The examination as text and as HTML."""
        page = Page(self.title, kind="news" if self.blocked else "wall")
        rows = [(f"{each.sign} {each.state}", each.name, each.why) for each in self.findings]
        page.table(("", "what", "found"), rows)
        for each in self.findings:
            if each.fix:
                blocks = f" (blocks {', '.join(each.blocks)})" if each.blocks else ""
                page.line(f"{each.name}{blocks}:").code(each.fix)
        return page

    def __repr__(self) -> str:
        return self.page().text()

    def _repr_html_(self) -> str:
        return self.page().html()


def examine(machine: ExaminedMachine | None = None) -> Examination:
    """Examine this machine, or the one described. Never raises: a trial that fails is a diagnosis, too."""
    machine = machine or ExaminedMachine()
    return Examination([finding for diagnose in DIAGNOSES for finding in diagnose(machine)])
