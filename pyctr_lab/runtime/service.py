"""A service of a lab: a job that stays, and takes orders. A name server, a relay."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Mapping, Sequence
from typing import Any, Self

from ..errors import BadInput, Gone
from ..interrupts import uninterrupted
from .job import KINDS, Job
from .outer_world import OuterWorld

ALL_KINDS = (*KINDS, "net")
AGAIN = "start it again; in a new lab if this one has ended"
SECONDS = 30  # for an answer: a service answers in less than a millisecond, on a machine that has time for it


class LabService:
    """A generator that serves as root of a lab, in its namespaces, as long as neither it nor the lab is ended.

    The generator yields a row when it is ready, and then one for each line of its standard input; it returns where
    that ends, as it does when the notebook dies. A row with a word `error` refuses an order. `target` and `words` are
    as in `run_as_root`; each descriptor of `given` is inherited, and its number is the word of this name. `label` is
    the last word of its command line. Raises what the generator raises before it is ready, and Gone.
    """

    @uninterrupted()
    def __init__(
        self,
        world: OuterWorld,
        target: str,
        /,
        given: Mapping[str, int] | None = None,
        *,
        kinds: Sequence[str] = ALL_KINDS,
        label: str = "",
        **words: Any,
    ) -> None:
        given = given or {}
        self._lock = threading.Lock()
        self._owed = 1  # rows that are still to come: an interrupted cell does not wait for its own
        self._job = Job(world, target, folder="/", kinds=kinds, given=tuple(given.values()), label=label)
        self._finalizer = weakref.finalize(self, self._job.close)
        try:
            self._job.send({**words, **given})
            self.ready: Any = self._newest(SECONDS)  # what it has said of itself
        except BaseException:
            self.end()
            raise

    def ask(self, order: Mapping[str, Any], *, timeout: float | None = SECONDS) -> Any:
        """Send an order, and return the answer: then it is carried out.

        Raises BadInput for an order that it refuses, Gone where it has ended, and TimeExpired, after seconds.
        """
        with self._lock, uninterrupted():
            if not self._finalizer.alive:
                raise Gone("this service was ended", hint=AGAIN)
            try:
                self._job.send(order)
                self._owed += 1
                answer = self._newest(timeout)
            except Gone as why:
                raise Gone(why.message, hint=why.hint or AGAIN) from None
        if isinstance(answer, dict) and "error" in answer:
            raise BadInput(answer["error"])
        return answer

    def _newest(self, timeout: float | None) -> Any:
        """The answer to the newest order; earlier ones are read over."""
        row = None
        while self._owed:
            row = self._job.row(timeout)
            self._owed -= 1
        if row is None:
            raise Gone("this service has ended by itself")
        return row[0]

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._finalizer.alive and self._job.process.poll() is None

    @property
    def machine_pid(self) -> int:
        """The process that waits for it, as the notebook sees it: its only child is the service."""
        return self._job.process.pid

    @uninterrupted(firm=True)
    def end(self) -> None:
        """End it, and wait for its end. Twice is fine."""
        self._finalizer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def __repr__(self) -> str:
        return f"LabService({self._job.target!r}, {'alive' if self.alive else 'ended'})"
