"""What comes out of a sandbox while an experiment runs, row by row: dataclasses on both sides, JSON in between."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from .samples import Sample


@dataclass(frozen=True)
class Progress:
    """How far it is: `done` of `total` turns, about `left` seconds to go; None while that is unknown."""

    experiment: str
    done: int
    total: int
    left: float | None
    engine: str = ""


@dataclass(frozen=True)
class MissingEngine:
    """An engine that cannot be used, or failed on the way, and why."""

    engine: str
    why: str


@dataclass(frozen=True)
class Note:
    """What else must be known of the results."""

    text: str


@dataclass(frozen=True)
class PaidOnce:
    """MiB that an engine's daemons take, whether a container runs or not."""

    engine: str
    mib: float


@dataclass(frozen=True)
class CutShort:
    """The sandbox ended before its work was done."""

    why: str


ExperimentRow: TypeAlias = Sample | Progress | MissingEngine | Note | PaidOnce | CutShort
KINDS: dict[str, type[ExperimentRow]] = {
    each.__name__: each for each in (Sample, Progress, MissingEngine, Note, PaidOnce, CutShort)
}


def row_to_json(row: ExperimentRow) -> dict[str, Any]:
    """A row as JSON carries it."""
    return {"kind": type(row).__name__, **asdict(row)}


def row_from_json(content: dict[str, Any]) -> ExperimentRow:
    """The row that `row_to_json` was given."""
    fields = dict(content)
    return KINDS[fields.pop("kind")](**fields)
