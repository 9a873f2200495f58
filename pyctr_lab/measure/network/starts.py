"""Starts at a network and without one, ours and of other engines, in turns inside the engines' sandbox."""

from __future__ import annotations

import copy
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from ...engines import ALL, Engine
from ...engines.engine import PATIENCE
from ...engines.ours import Ours
from ...engines.sandbox import WORK, make_calls
from ...errors import LabError
from ...kernel.calls import mount
from ...kernel.constants import MS_NODEV, MS_NOSUID
from ...networks import Networks
from ...runtime import Run
from ..options import MeasureOptions, TurnOptions
from ..rounds import TurnTaker, rows_of_rounds, without_name
from ..rows import ExperimentRow, MissingEngine, Progress, row_to_json
from ..start import startup_turn
from ..turns import Turns
from ..work import rootfs_of_all

NAME = "net_start"
REPETITIONS = 20
NONE, BRIDGE = "--network=none", "--network=bridge"
PEERS = ("podman", "docker")
LEASES = "/var/lib"  # where podman's network plugins keep addresses: it is for reading only in the sandbox


class OursWithoutNetwork(Ours):
    """Our own, by the default recipe: that of the engines has an /etc in which no name server can be named."""

    def prepare(self) -> None:
        super().prepare()
        self.recipe = self.lab.recipe()


class OursAtNetwork(OursWithoutNetwork):
    """The same, each container at a network of the lab."""

    def prepare(self) -> None:
        super().prepare()
        self.networks = Networks(self.lab)
        self.stack.callback(self.networks.end_programs)
        self.network = self.networks.make("bench")

    def run(self, argv: Iterable[str], *, timeout: float = PATIENCE) -> Run:
        return self.lab.run(argv, recipe=self.networks.recipe(self.recipe, self.network), timeout=timeout)


def json_start_rows(engines: Sequence[str], options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The rows of the experiment, as JSON carries them."""
    return map(row_to_json, start_rows(engines, MeasureOptions(**options)))


def start_rows(engines: Sequence[str], options: MeasureOptions) -> Iterator[ExperimentRow]:
    """Each engine twice: by its name at a network, with `none` behind it without one."""
    began, tree, takers = time.monotonic(), rootfs_of_all(), {}
    with ExitStack() as stack:
        make_calls(mount("tmpfs", LEASES, "tmpfs", MS_NOSUID | MS_NODEV))
        for name in ("ours", *engines):
            yield Progress(NAME, 0, 0, None, name)
            try:
                takers.update(both_ways(name, tree, stack))
            except (LabError, OSError) as why:
                yield MissingEngine(name, f"{NAME}: {without_name(str(why), name)}")
        repetitions = options.repetitions or REPETITIONS
        turns = Turns(dict.fromkeys(takers, 0), repetitions, options.budget, random.Random(options.seed))
        yield from rows_of_rounds(NAME, takers, turns, began)


def both_ways(name: str, tree: Path, stack: ExitStack) -> dict[str, TurnTaker]:
    """The turns of one engine."""
    kinds: list[type[Engine]] = [OursWithoutNetwork, OursAtNetwork] if name == "ours" else [ALL[name]]
    ready = [stack.enter_context(kind(Path(WORK) / f"{name}-{at}", tree)) for at, kind in enumerate(kinds)]
    plain, with_network = ready if len(ready) > 1 else (ready[0], at_its_bridge(ready[0]))
    return {
        name: partial(startup_turn, with_network, TurnOptions()),
        f"{name} none": partial(startup_turn, plain, TurnOptions()),
    }


def at_its_bridge(engine: Engine) -> Engine:
    """The same engine, its containers at its default network."""
    other, plain = copy.copy(engine), engine.command
    other.command = lambda argv: [BRIDGE if word == NONE else word for word in plain(argv)]  # type: ignore[method-assign]
    return other
