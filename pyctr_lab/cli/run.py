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
from ..runtime import Container, Lab, Program, Run
from ..runtime.streams import Streams
from ..runtime.terminal import relay
from ..steps import ControlGroup, Limits, MinimalDev, Recipe
from . import options
from .explain import explained
from .signals import Signals

PAUSE = 0.25  # seconds between two looks at what an init has to reap


def run(words: argparse.Namespace) -> int:
    """`pyctr-lab run`. As with Docker, 125 is our own failure, 126 and 127 the program's start, 128+n a signal."""
    name, limits = options.name(words), options.limits(words)
    asked = Asked(words, name, options.command(words), options.environment(words), limits)
    with Signals() as signals, Lab() as lab:
        recipe = options.recipe(lab, words)
        for source in options.unwritable(lab, words):
            print(f"pyctr-lab: -v {source}: only for reading: {options.NO_ACCESS}", file=sys.stderr)
        if words.tty:
            run = in_terminal(lab, asked, recipe, signals)
        else:
            streams = Streams(0 if words.interactive else None, 1, 2)
            run = asked.carried_out(lab, recipe, streams, signals, lambda program: program.wait())
        return exit_status(run, signals)


@dataclass(frozen=True)
class Asked:
    """What the words of `run` ask for."""

    words: argparse.Namespace
    name: str
    argv: list[str]
    env: dict[str, str]
    limits: Limits | None

    def carried_out(
        self, lab: Lab, recipe: Recipe, streams: Streams, signals: Signals, attend: Callable[[Program], Run]
    ) -> Run:
        """Start the program, and attend to it until it ends."""
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
        """A container whose PID 1 is the live process that took the steps: the init of its program."""
        box = lab.container(self.name)
        if self.words.explain:
            explained(lab, box, recipe, self.limits)
            return box
        for step in [*([ControlGroup(self.limits, box.name)] if self.limits is not None else []), *recipe]:
            box.apply(step)
        return box


@contextmanager
def reaping(lab: Lab, box: Container) -> Iterator[None]:
    """Have PID 1 reap the orphans that it inherits, as an init does."""
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
    """As a shell tells it: 128 and the signal's number for a program that was killed. Says which limits have acted."""
    if run.reached:
        print(f"pyctr-lab: {'; '.join(map(str, run.reached))}", file=sys.stderr)
    if signals.ended_by:
        return 128 + signals.ended_by
    return run.returncode if run.returncode >= 0 else 128 - run.returncode


def in_terminal(lab: Lab, asked: Asked, recipe: Recipe, signals: Signals) -> Run:
    """The program gets a terminal of its own; ours is laid over it."""
    with ExitStack() as opened:
        ours, theirs = pty.openpty()
        opened.callback(os.close, ours)
        with open(theirs, "wb", buffering=0):
            os.fchown(theirs, int(status(lab.host.host_pid)["Uid"].split()[0]), -1)  # it is root's, inside
            streams, made = Streams(terminal=theirs), with_console(recipe, os.ttyname(theirs))
        stdin = os.dup(0) if asked.words.interactive else os.open(os.devnull, os.O_RDONLY)
        opened.callback(os.close, stdin)
        return asked.carried_out(lab, made, streams, signals, lambda program: relay(program, ours, stdin))


def with_console(recipe: Recipe, terminal: str) -> Recipe:
    """The same, and its /dev shows a terminal: programs that ask for the name of theirs, as tty(1) does, find it."""
    return Recipe(replace(step, console=terminal) if isinstance(step, MinimalDev) else step for step in recipe)
