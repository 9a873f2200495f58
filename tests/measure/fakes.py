"""Engines that only pretend, for what an experiment makes of its engines: no sandbox, no root, no time."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pyctr_lab.engines import Engine
from pyctr_lab.errors import LabError, TimeExpired, Unsupported
from pyctr_lab.runtime import Run


class Pretended:
    """An instance that is only a number; its `pids` belong to no process."""

    def __init__(self, engine: Fake) -> None:
        self.engine, self.seconds, self.pids = engine, 0.25, frozenset({engine.started})

    def stop(self) -> None:
        self.engine.stopped += 1


class Fake(Engine):
    """Does what it is asked at once, and counts. `fails_at` is the start that goes wrong, counted from 1."""

    name, fails_at, status = "fake", 0, 0

    def __init__(self, place: Path, rootfs: Path) -> None:
        super().__init__(place, rootfs)
        self.started = self.stopped = 0
        self.scripts: list[str] = []

    def _start(self) -> None:
        self.started += 1
        if self.started == self.fails_at:
            raise LabError(f"{self.name} did not start: it said nothing")

    def run(self, argv: Iterable[str], *, timeout: float = 60.0) -> Run:
        self._start()
        return Run(tuple(argv), self.status, "", "no such thing\n", 0.0)

    def start(self, *, timeout: float = 60.0) -> Any:
        self._start()
        return Pretended(self)

    def time_script(self, script: str, *, timeout: float = 60.0) -> float:
        self._start()
        self.scripts.append(script)
        return 0.5

    def add_to_crowd(self) -> None:
        self._start()

    def end_crowd(self, before: Iterable[int]) -> None:
        self.stopped = self.started


class Hanging(Fake):
    """Answers once, and then no more: as an engine's `run` says it when its time is over."""

    name = "hanging"

    def run(self, argv: Iterable[str], *, timeout: float = 60.0) -> Run:
        if self.started:
            raise TimeExpired(f"{self.name} had not ended after 60 s, and was killed")
        return super().run(argv, timeout=timeout)


class Moody(Fake):
    """Starts once, and then no more."""

    name, fails_at = "moody", 2


class Absent(Fake):
    """Cannot be used here."""

    name = "absent"

    def __enter__(self) -> Engine:
        raise Unsupported(f"{self.name}: no such command", hint="apt-get install absent")
