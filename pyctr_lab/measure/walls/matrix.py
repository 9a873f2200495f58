"""The isolation matrix as rows: how long it takes, and how many probes get out where a wall is left out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from ...errors import LabError
from ..isolation import IsolationMatrix, measure_isolation
from ..rows import ExperimentRow, Note, Progress
from ..samples import UNITS, Sample
from .experiments import BUSYBOX, busybox_ground

ALL_UP, ON_IMAGE = "all walls", "all walls, an image"


def matrix_rows(*, whole: bool) -> Iterator[ExperimentRow]:
    """All variants, or where it is not to be whole only that with all walls up; and that once more on an image."""
    yield Progress("matrix", 0, 0, None, "its probes")
    try:
        yield from rows_of_matrix(measure_isolation(missing=None if whole else [()]))
        with ExitStack() as stack:
            ground = busybox_ground(stack)
            on_image = measure_isolation(ground.lab, image=BUSYBOX, missing=[()])
            yield out_sample(on_image, ON_IMAGE, ())
    except (LabError, OSError) as why:
        yield Note(f"matrix: {why}")


def rows_of_matrix(matrix: IsolationMatrix) -> Iterator[ExperimentRow]:
    """How long it took, how many outcomes are not as the table of probes has them, and how many got out: with all walls
    up, and with one left out."""
    yield Sample("matrix", "ours", matrix.seconds, UNITS["matrix"])
    yield Sample("unexpected", "ours", len(matrix.unexpected), UNITS["unexpected"])
    for missing in dict.fromkeys(outcome.missing for outcome in matrix.outcomes):
        if len(missing) <= 1:
            yield out_sample(matrix, f"without {missing[0]}" if missing else ALL_UP, missing)
    yield Note(matrix.title)
    yield from map(Note, matrix.notes)


def out_sample(matrix: IsolationMatrix, name: str, missing: tuple[str, ...]) -> Sample:
    """How many probes got out where these walls were missing."""
    return Sample("out", name, len(matrix.escaped(*missing)), UNITS["out"])
