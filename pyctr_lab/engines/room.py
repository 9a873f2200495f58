"""A room for other people's engines: whatever they start, mount, or make there is gone with it.

Engines need root's own rights, daemons, bridges, folders in /run and control groups of their own: too much for a lab,
and nothing of it may be left on the learner's machine. So they work in a room: a process with a mount, network, PID,
IPC, UTS and cgroup namespace of its own, whose PID 1 dies with whoever opened it. The machine's files are read-only in
it, and /dev is its own, so that no engine changes them by mistake; against a root who wants to, a room is no wall. What
is done in it is a generator of plain data, which comes out line by line:

    with Room("pyctr_lab.engines.survey:work", names=["runc"]) as room:
        for row in room:
            ...
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from ..errors import Gone, LabError
from ..kernel.descriptors import open_standard_streams

PATIENCE = 15.0  # seconds until a room's control groups are gone after its end


class Room:
    """Runs the generator `target` ("module:function") with these keyword arguments in a room of its own.

    Iterating gives what it yields, as JSON carries it. Closing it early (leaving the block, an interrupted cell) ends
    everything inside at once. Raises Gone, with the last lines that were said, for a room that ends before its work
    does.
    """

    def __init__(self, target: str, **arguments: Any) -> None:
        open_standard_streams()
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  closed by `close`
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "pyctr_lab.engines.inside", target, json.dumps(arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._said,
            start_new_session=True,  # Ctrl-C is for us: we end it, and keep what was measured
        )
        self.pid = self._process.pid
        self.groups: list[str] = []

    def __iter__(self) -> Iterator[Any]:
        assert self._process.stdout
        for line in self._process.stdout:
            kind, content = json.loads(line)
            if kind == "row":
                yield content
            elif kind == "groups":
                self.groups = content
            elif kind == "error":
                raise LabError(content[0], hint=content[1])
            else:
                self.close()
                return
        raise Gone(f"the engines' room ended before its work was done: {self.last_words()}")

    def last_words(self) -> str:
        """The last lines that somebody inside complained of."""
        self._said.seek(0)
        return self._said.read()[-2000:].decode(errors="replace").strip()

    def close(self) -> None:
        """Ends all that is inside, and waits until nothing is left. Twice is fine."""
        if self._process.poll() is None:
            self._process.terminate()  # its PID 1 dies with it, and the kernel kills the rest
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:  # somebody has stopped it
            self._process.kill()
            self._process.wait()
        if self._process.stdout and not self._process.stdout.closed:
            self._process.stdout.close()
        until = time.monotonic() + PATIENCE
        while any(map(os.path.exists, self.groups)) and time.monotonic() < until:
            time.sleep(0.005)  # its guard removes them; of that no event is told
        if not self._said.closed:
            self._said.close()

    def __enter__(self) -> Room:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
