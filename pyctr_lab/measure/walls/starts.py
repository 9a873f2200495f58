"""Starts and a crowd of containers with all walls, in turns with other engines inside the engines' sandbox."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from ...engines import ALL, Engine
from ...engines.equal import EqualEngine
from ...engines.oci import Crun, Oci, Runc
from ...engines.ours import OursLimited, OursStrict
from ...engines.sandbox import WORK
from ...errors import LabError
from ...steps import Limits
from ..crowd import crowd_turn
from ..options import MeasureOptions, TurnOptions
from ..rounds import TurnTaker, rows_of_rounds, without_name
from ..rows import ExperimentRow, MissingEngine, Progress, row_to_json
from ..start import startup_turn
from ..turns import Turns
from ..work import rootfs_of_all

STARTS, CROWD = "wall_start", "density"
REPETITIONS = 50
PEERS = ("bubblewrap", "crun", "runc", "floor")
EQUAL: dict[str, type[Oci]] = {"crun": Crun, "runc": Runc}
LIMITED = "limits"  # behind an engine's name
LIMITS = OursLimited.limits


class OursStrictLimited(OursLimited, OursStrict):
    """The strict recipe, in a control group of its own."""


def json_wall_rows(engines: Sequence[str], options: dict[str, Any], crowd: int) -> Iterator[dict[str, Any]]:
    """The rows of both experiments, as JSON carries them."""
    return map(row_to_json, wall_start_rows(engines, MeasureOptions(**options), crowd))


def wall_start_rows(engines: Sequence[str], options: MeasureOptions, crowd: int) -> Iterator[ExperimentRow]:
    """Ours and each engine, without and with limits where it has both; then a crowd of ours."""
    began, tree, takers = time.monotonic(), rootfs_of_all(), dict[str, TurnTaker]()
    with ExitStack() as stack:
        stack.enter_context(ours := OursStrict(Path(WORK) / "ours", tree))
        for name, make in kinds(ours, engines):
            yield Progress(STARTS, 0, 0, None, name)
            try:
                engine = stack.enter_context(make(Path(WORK) / name.replace(" ", "-"), tree))
                takers[name] = partial(startup_turn, engine, TurnOptions())
            except (LabError, OSError) as why:
                yield MissingEngine(name, f"{STARTS}: {without_name(str(why), name)}")
        takers["ours"] = partial(startup_turn, ours, TurnOptions())
        turns = Turns(
            dict.fromkeys(takers, 0), options.repetitions or REPETITIONS, options.budget, random.Random(options.seed)
        )
        yield from rows_of_rounds(STARTS, takers, turns, began)
        only = {"ours": partial(crowd_turn, ours, TurnOptions(options.count or crowd, options.budget))}
        yield from rows_of_rounds(CROWD, only, Turns({"ours": 1}, 1, options.budget, random.Random()), began)


def kinds(ours: OursStrict, engines: Sequence[str]) -> Iterator[tuple[str, Callable[[Path, Path], Engine]]]:
    """The names of what is measured beside ours, and how each is made."""
    yield f"ours {LIMITED}", OursStrictLimited
    for name in engines:
        if name in EQUAL:
            yield name, partial(equal, EQUAL[name], ours, None)
            yield f"{name} {LIMITED}", partial(equal, EQUAL[name], ours, LIMITS)
        else:
            yield name, ALL[name]


def equal(kind: type[Oci], ours: OursStrict, limits: Limits | None, place: Path, rootfs: Path) -> Engine:
    """A runtime with the walls of ours."""
    return EqualEngine(kind, place, rootfs, ours.recipe, limits)
