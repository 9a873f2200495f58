"""A job: a generator that runs as root of a lab, in the lab's own namespaces, and whose rows come back.

A file that it makes can belong to whom it should, and a socket is the lab's. See job_worker.py, its process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from ..errors import Gone, LabError, TimeExpired
from ..kernel import proc
from .carrier import ended, readable

WORKER = [sys.executable, "-I", "-S", str(Path(__file__).with_name("job_worker.py"))]
KINDS = ("user", "mnt", "pid")  # the namespaces that a job enters
PF_EXITING = 4  # a flag of /proc/PID/stat, see linux/sched.h


class Enterable(Protocol):
    """A lab that a job can enter: an `OuterWorld`, or a `RunningLab` of another process."""

    @property
    def machine_pid(self) -> int:
        """The number of its PID 1, as seen here."""

    def require_open(self) -> None:
        """Raise Gone where it has ended."""


def run_as_root(
    world: Enterable,
    target: str,
    /,
    *,
    folder: Path | str = "/",
    kinds: Sequence[str] = KINDS,
    given: Sequence[int] = (),
    **words: Any,
) -> Iterator[Any]:
    """Run the generator `target` ("package.module:function") as root of the lab, in this folder; yield its rows.

    It inherits the descriptors `given`, and enters the namespaces `kinds`, the user namespace first. Raises its
    LabError, and Gone where it ends before the generator does. Closing it early ends the process.
    """
    job = Job(world, target, folder=folder, kinds=kinds, given=given)
    try:
        job.send(words)
        while (row := job.row()) is not None:
            yield row[0]
    finally:
        job.close()


class Job:
    """The process of a job. `send` the generator's words first: it waits for them. ps(1) shows the `label`."""

    def __init__(
        self,
        world: Enterable,
        target: str,
        *,
        folder: Path | str,
        kinds: Sequence[str],
        given: Sequence[int],
        label: str = "",
    ) -> None:
        world.require_open()
        paths = json.dumps(list(filter(None, sys.path)))
        command = [*WORKER, str(world.machine_pid), ",".join(kinds), str(folder), target, paths, label]
        self._world, self.target = world, target
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  closed by `close`
        self._lines: deque[bytes] = deque()
        self._rest = b""
        pipe = subprocess.PIPE  # of its own session: an interrupt of the notebook's group is not for it
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=self._errors, pass_fds=given, cwd="/", start_new_session=True
        )
        assert self.process.stdin and self.process.stdout
        self._stdin, self._stdout = self.process.stdin.fileno(), self.process.stdout.fileno()

    def send(self, content: Any) -> None:
        """Write a line of JSON to its standard input. Raises Gone, or its error, where it has ended."""
        left = memoryview(json.dumps(content).encode() + b"\n")
        try:
            while left:
                left = left[os.write(self._stdin, left) :]
        except BrokenPipeError:
            while self.row() is not None:
                pass

    def row(self, timeout: float | None = None) -> tuple[Any] | None:
        """The next row of the generator; None at its end. Raises its LabError; Gone; TimeExpired, in seconds."""
        while not self._lines:
            if not readable(self._stdout, timeout):
                raise TimeExpired(f"no answer after {timeout} s from {self.target}")
            more = os.read(self._stdout, 1 << 16)
            if not more:
                raise self._gone()
            *lines, self._rest = (self._rest + more).split(b"\n")
            self._lines.extend(lines)
        kind, content = json.loads(self._lines.popleft())
        if kind == "error":
            raise received_error(*content)
        return (content,) if kind == "row" else None

    def _gone(self) -> Gone:
        self.process.wait()
        pid = self._world.machine_pid
        if is_exiting(pid) and ended(pid, 10):  # all in its PID namespace were killed before it
            self._world.require_open()
        self._errors.seek(0)
        last = self._errors.read()[-2000:].decode(errors="replace").strip().rpartition("\n")[2]
        return Gone(f"{self.target} ended before it was done: {last or 'it said nothing'}")

    def close(self) -> None:
        """End the process, and wait for its end. Twice is fine."""
        assert self.process.stdin and self.process.stdout
        self.process.terminate()
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()
        self._errors.close()


def received_error(module: str, name: str, message: str, hint: str) -> LabError:
    """The error of a job, of its own class where this process knows that."""
    kind = getattr(sys.modules.get(module), name, LabError)
    known = isinstance(kind, type) and issubclass(kind, LabError) and kind.__init__ is LabError.__init__
    return kind(message, hint=hint) if known else LabError(message, hint=hint)


def is_exiting(pid: int) -> bool:
    """Whether a process has ended, or is about to: a PID 1 waits then for the others of its namespace."""
    try:
        return bool(int(proc.stat(pid)[6]) & PF_EXITING)
    except ProcessLookupError:
        return True
