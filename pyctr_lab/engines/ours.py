"""Our own: the recipe of the course, by `lab.run`."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

from ..errors import LabError
from ..runtime import Lab, Run
from ..runtime.streams import Streams
from ..steps import Bind, HostTree, Recipe
from ..steps.mounts import ROOT
from .engine import PATIENCE, READY, SLEEP, Engine, Instance, first_line, processes


class Ours(Engine):
    """The default recipe, on this root file system."""

    name = "ours"
    about = "this course's own: system calls as data, in Python"

    def prepare(self) -> None:
        self.lab = self.stack.enter_context(Lab())
        self.recipe = on(self.rootfs, self.lab.recipe("room"))

    def run(self, argv: Iterable[str], *, timeout: float = PATIENCE) -> Run:
        return self.lab.run(argv, recipe=self.recipe, timeout=timeout)

    def start(self, *, timeout: float = PATIENCE) -> Instance:
        before, began = processes(), time.monotonic()
        here, there = os.pipe()
        try:
            program = self.lab.launch(SLEEP, Streams(None, there, there), recipe=self.recipe)
            os.close(there)
            said = first_line(here, timeout)
        finally:
            os.close(here)
        if said != READY:
            program.kill()
            program.wait()
            raise LabError(f"{self.name} did not start: {said.strip()[:300] or 'it said nothing'}")
        return Instance(self, program.wait, before, time.monotonic() - began)


def on(rootfs: Path, recipe: Recipe) -> Recipe:
    """The same recipe, on a root file system instead of a view of the host's."""
    return Recipe(Bind(str(rootfs), ROOT) if isinstance(step, HostTree) else step for step in recipe)
