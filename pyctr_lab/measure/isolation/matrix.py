"""What probes of isolation have found, as data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .probes import Probe, least_sets
from .walls import WALLS


@dataclass(frozen=True)
class Outcome:
    """What became of a probe where these walls were missing: none of them, for all walls up.

    `out` says whether it has reached the outer side; `answer` is the error's name where the kernel refused it, or a
    short text.
    """

    probe: str
    missing: tuple[str, ...]
    out: bool
    answer: str


@dataclass(frozen=True, repr=False)
class IsolationMatrix:
    """Probes by walls that were left out. `walls` are those of the recipe; `notes` say what could not be measured."""

    walls: tuple[str, ...]
    probes: tuple[Probe, ...]
    outcomes: tuple[Outcome, ...]
    title: str
    seconds: float
    notes: tuple[str, ...] = ()

    def outcome(self, probe: str, *missing: str) -> Outcome | None:
        """What became of a probe where exactly these walls were missing; None where that was not tried."""
        wanted = frozenset(missing)
        return next((o for o in self.outcomes if o.probe == probe and frozenset(o.missing) == wanted), None)

    def fewest(self, probe: str) -> list[frozenset[str]]:
        """The sets of missing walls that let a probe out, but for each that contains a smaller one."""
        return list(least_sets(frozenset(o.missing) for o in self.outcomes if o.probe == probe and o.out))

    def escaped(self, *missing: str) -> list[Probe]:
        """The probes that got out where exactly these walls were missing; without any: what no wall stops."""
        wanted = frozenset(missing)
        names = {each.probe for each in self.outcomes if each.out and frozenset(each.missing) == wanted}
        return [probe for probe in self.probes if probe.name in names]

    @property
    def unexpected(self) -> list[Outcome]:
        """Outcomes that are not as the table of probes has them."""
        known = {probe.name: probe for probe in self.probes}
        return [each for each in self.outcomes if known[each.probe].is_let_out(each.missing) != each.out]

    def rows(self) -> Iterator[tuple[str, str, str]]:
        """For each probe: its name, its answer with all walls up, and the least sets of walls that let it out."""
        for probe in self.probes:
            whole, sets = self.outcome(probe.name), self.fewest(probe.name)
            missing = ", ".join(spell_walls(each) for each in sets if each)
            yield probe.name, "OUT" if whole and whole.out else whole.answer if whole else "-", missing or "-"

    def __str__(self) -> str:
        lines = [self.title, "", f"{'probe':<28}{'all walls up':<14}gets out without"]
        lines += [f"{name:<28}{answer[:12]:<14}{missing}"[:120] for name, answer, missing in self.rows()]
        return "\n".join([*lines, *([""] if self.notes else []), *self.notes])

    def __repr__(self) -> str:
        got = len(self.escaped())
        return f"IsolationMatrix({len(self.probes)} probes, {len(self.walls)} walls, out with all walls up: {got})"


def spell_walls(walls: Iterable[str]) -> str:
    """A set of walls in words: "mnt + ids", in the order of the table."""
    wanted = frozenset(walls)
    return " + ".join(name for name in WALLS if name in wanted)
