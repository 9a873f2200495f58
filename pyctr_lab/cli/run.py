"""`pyctr-lab run`: exit status, signals, pipes and terminal as users of other runtimes expect."""

from __future__ import annotations

import argparse
import os
import pty
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace

from ..errors import Gone
from ..kernel.proc import status
from ..lab import Lab
from ..runtime import Container, Program, Run
from ..runtime.streams import Streams
from ..runtime.terminal import relay
from ..steps import ControlGroup, Limits, MinimalDev, Recipe
from . import options
from .explain import explain_run
from .signals import Signals

PAUSE = 0.25  # seconds between two looks for zombies to reap


def run(words: argparse.Namespace) -> int:
    """`pyctr-lab run`. As with Docker, 125 is an error of the lab, 126 and 127 of exec, 128+n a signal."""
    name, limits = options.container_name(words), options.chosen_limits(words)
    argv, env = options.program_argv(words), options.program_environment(words)
    with Signals() as signals, Lab() as lab:
        recipe = options.chosen_recipe(lab, words)
        if words.image:
            argv = [*lab.images.command(words.image, words.argv or None, options.image_words(words))]
            env = recipe.environment
        request = RunRequest(words, name, argv, env, limits)
        for source in options.unwritable(lab, recipe):
            print(f"pyctr-lab: -v {source}: only for reading: {options.NO_ACCESS}", file=sys.stderr)
        if words.tty:
            run = in_terminal(lab, request, recipe, signals)
        else:
            streams = Streams(0 if words.interactive else None, 1, 2)
            run = request.run_program(lab, recipe, streams, signals, lambda program: program.wait())
        return exit_status(run, signals)


@dataclass(frozen=True)
class RunRequest:
    """The checked words of `run`."""

    words: argparse.Namespace
    name: str
    argv: list[str]
    env: dict[str, str]
    limits: Limits | None

    def run_program(
        self, lab: Lab, recipe: Recipe, streams: Streams, signals: Signals, attend: Callable[[Program], Run]
    ) -> Run:
        """Start the program and wait for its end by `attend`."""
        if not (self.words.init or self.words.explain):
            signals.hold()
            program = lab.launch(self.argv, streams, recipe=recipe, limits=self.limits, env=self.env)
            return attend(signals.give(program))
        box = self.box(lab, recipe)
        signals.hold()
        with reaping(lab, box):
            run = attend(signals.give(box.launch(self.argv, streams, env=self.env)))
            return replace(run, reached=box.cgroup.reached(run.victim)) if box.cgroup else run

    def box(self, lab: Lab, recipe: Recipe) -> Container:
        """A container whose PID 1, the process that made the steps, stays as the init of its program."""
        box = lab.container(self.name)
        if self.words.explain:
            explain_run(lab, box, recipe, self.limits)
            return box
        for step in [*([ControlGroup(self.limits, box.name)] if self.limits is not None else []), *recipe]:
            box.apply(step)
        return box


@contextmanager
def reaping(lab: Lab, box: Container) -> Iterator[None]:
    """Have PID 1 reap orphans in a loop, as an init does."""
    over = threading.Event()

    def reap() -> None:
        with suppress(Gone):
            while not over.wait(PAUSE):
                lab.reaper.reap(box.carrier)

    thread = threading.Thread(target=reap)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def exit_status(run: Run, signals: Signals) -> int:
    """The exit status as in a shell: 128+n for a program killed by signal n. Print the limits that were reached."""
    if run.reached:
        print(f"pyctr-lab: {'; '.join(map(str, run.reached))}", file=sys.stderr)
    if signals.ended_by:
        return 128 + signals.ended_by
    return run.returncode if run.returncode >= 0 else 128 - run.returncode


def in_terminal(lab: Lab, request: RunRequest, recipe: Recipe, signals: Signals) -> Run:
    """Run the program in a pseudo-terminal of its own, relayed to ours."""
    with ExitStack() as opened:
        ours, theirs = pty.openpty()
        opened.callback(os.close, ours)
        with open(theirs, "wb", buffering=0):
            os.fchown(theirs, int(status(lab.host.machine_pid)["Uid"].split()[0]), -1)  # inside, it belongs to root
            streams, made = Streams(terminal=theirs), with_console(recipe, os.ttyname(theirs))
        stdin = os.dup(0) if request.words.interactive else os.open(os.devnull, os.O_RDONLY)
        opened.callback(os.close, stdin)
        return request.run_program(lab, made, streams, signals, lambda program: relay(program, ours, stdin))


def with_console(recipe: Recipe, terminal: str) -> Recipe:
    """The recipe with the terminal as /dev/console, so that tty(1) and ttyname(3) find its name; its root owns it."""
    return Recipe(
        replace(step, console=terminal) if isinstance(step, MinimalDev) else step for step in recipe.with_shared_ids()
    )
