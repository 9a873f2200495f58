"""Our own runtime: the recipe of the course, by `lab.run`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..cgroups.places import delegation
from ..runtime import Lab, Program, Run
from ..runtime.starting import StartMethod
from ..runtime.streams import Streams
from ..steps import Bind, HostTree, Limits, Recipe
from ..steps.mounts import ROOT
from .engine import PATIENCE, SECONDS, Available, Engine, Spawned


class Ours(Engine):
    """The default recipe, on this root file system."""

    name = "ours"
    title = "this course"
    about = "this course's own: system calls as data, carried out by a loop of machine code"
    recipe_name = "default"
    limits: Limits | None = None
    start_method: StartMethod = "auto"

    def prepare(self) -> None:
        self.lab = self.stack.enter_context(Lab(start=self.start_method))
        self.recipe = on_rootfs(self.rootfs, self.lab.recipe("sandbox", kind=self.recipe_name))
        self.programs: list[Program] = []

    def run(self, argv: Iterable[str], *, timeout: float = PATIENCE) -> Run:
        return self.lab.run(argv, recipe=self.recipe, limits=self.limits, timeout=timeout)

    def spawn(self, argv: Sequence[str]) -> Spawned:
        here, there = os.pipe()
        try:
            program = self.lab.launch(argv, Streams(None, there, there), recipe=self.recipe, limits=self.limits)
        except BaseException:
            os.close(here)
            raise
        finally:
            os.close(there)
        return Spawned(here, program.wait)

    def add_to_crowd(self) -> None:
        self.programs.append(self.lab.start(("/bin/sleep", str(SECONDS)), recipe=self.recipe, limits=self.limits))

    def end_crowd(self, before: Iterable[int]) -> None:
        """Kill at once: the launcher is no daemon whose children clean up."""
        for program in self.programs:
            program.kill()
        while self.programs:
            self.programs.pop().wait()
        super().end_crowd(before)


class OursForked(Ours):
    """The same without the loop of machine code: what a start costs where that cannot be used."""

    name = "ours+fork"
    title = "this course, forked"
    about = "the same calls, carried out by a child that Python forks"

    start_method: StartMethod = "fork"


class OursLimited(Ours):
    """The same, in a control group of its own."""

    name = "ours+limits"
    title = "this course, limited"
    about = "the same, with limits of memory, processors and processes"
    limits = Limits(memory="64M", cpus=0.5, pids=32)

    def available(self) -> Available:
        where = delegation()
        missing = [name for name in ("memory", "cpu", "pids") if name not in where.controllers]
        hint = "`pyctr-lab doctor` says what would help"  # outside: a sandbox does not know which user opened it
        return Available(False, where.why(missing[0]), hint) if missing else Available(True)


class OursStrict(Ours):
    """The strictest recipe, for comparison with other engines of equal walls: no engine of its own."""

    recipe_name = "docker_like"


def on_rootfs(rootfs: Path, recipe: Recipe) -> Recipe:
    """The same recipe, with a root file system instead of a view of the host's."""
    return Recipe(Bind(str(rootfs), ROOT) if isinstance(step, HostTree) else step for step in recipe)
