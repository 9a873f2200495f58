"""A sandbox for other people's engines: all that they start, mount or make in it ends with it.

Engines need root's own rights, daemons, bridges, folders in /run and cgroups of their own: too much for a lab, and
nothing of it may be left on the learner's machine. So they work in a sandbox: a mount, network, PID, IPC, UTS and
cgroup namespace, made by a launcher, whose PID 1 dies with the process that opened it. The machine's files are
read-only in it, and /dev is its own, so that no engine changes them by mistake; it is no wall against a root who wants
to. What runs in it is a generator of plain data:

    with Sandbox("pyctr_lab.engines.survey:survey_rows", names=["runc"]) as sandbox:
        for row in sandbox:
            ...
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from typing import Any

from ...cgroups import Tree, all_trees
from ...errors import Gone, LabError, Unsupported
from ...kernel.calls import Answer, Call, fork, unshare
from ...kernel.constants import CLONE_NEWUSER
from ...machines import cache
from ...runtime import outer_ids, outer_setup
from ...runtime.outer_world import OuterWorld
from .furnish import HOME, SCRATCH, become_worker, furnish_sandbox
from .groups import folders_for, leave_to_children, make_sandbox_groups

PATIENCE = 15.0  # seconds until a sandbox's cgroups are gone after its end
WORKER = [sys.executable, "-P", "-m", "pyctr_lab.engines.sandbox.worker"]


class Sandbox:
    """Run the generator `target` ("module:function") with these keyword arguments in a sandbox.

    Iterating gives what it yields, as JSON carries it. Closing it early (leaving the block, an interrupted cell) ends
    everything inside at once. Raises Unsupported where the machine refuses its namespaces, and Gone, with the last
    lines of its standard error, when it ends before the generator does.
    """

    def __init__(self, target: str, **arguments: Any) -> None:
        self.world = OuterWorld()
        self.pid = 0  # of the launcher's first process
        self.groups: list[str] = []
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  closed by `close`
        here, there = os.pipe()
        self._rows = open(here, "rb")  # noqa: SIM115  closed by `close`
        try:
            self._enter(all_trees())
            self._start([*WORKER, target, json.dumps(arguments)], there)
        except OSError as why:
            self.close()
            hint = "`pyctr-lab doctor` says what is in the way, and what mends it"
            raise Unsupported(f"this machine refuses the engines' sandbox: {why}", hint=hint) from why
        except BaseException:
            self.close()
            raise
        finally:
            os.close(there)

    # --- how it is made
    def _enter(self, found: Iterable[Tree]) -> None:
        """Have the launcher leave the machine's world, and its PID 1 furnish the new one."""
        user, launcher = os.getuid() != 0, self.world.launcher
        self.pid = launcher.find_machine_pid()
        self.groups = folders_for(self.pid, found)
        if self.groups:
            make_sandbox_groups(launcher, self.groups)
        self._carry([unshare(outer_setup.OUTER if user else outer_setup.OUTER & ~CLONE_NEWUSER)])
        if user:
            outer_ids.map_ids(self.pid)
        for folder in self.groups:
            leave_to_children(folder, self.pid)
        answers, self.world.launcher = launcher.fork(outer_setup.drop_root(root=False) if user else [fork()])
        raise_failure(answers)
        for choice in furnish_sandbox(found, str(cache.cache_folder())):
            self._carry(*choice)

    def _carry(self, *choice: list[Call]) -> None:
        """Carry out lists until one works. Raises CallError where none does."""
        for calls in choice:
            answers = self.world.launcher.ask(calls) if calls else []
            if not answers or not answers[-1].failed:
                return
        raise_failure(answers)

    def _start(self, command: list[str], out: int) -> None:
        """Fork PID 1; the child becomes the program that yields rows."""
        answers, child = self.world.launcher.fork()
        raise_failure(answers)
        try:
            descriptors = {"out": out, "err": self._said.fileno()}
            raise_failure(child.ask(become_worker(command, worker_environment()), descriptors))
        finally:
            child.close()

    # --- what comes out of it
    def __iter__(self) -> Iterator[Any]:
        for line in self._rows:
            kind, content = json.loads(line)
            if kind == "row":
                yield content
            elif kind == "error":
                raise LabError(content[0], hint=content[1])
            else:
                self.close()
                return
        raise Gone(f"the engines' sandbox ended before its work was done: {self.last_words()}")

    def last_words(self) -> str:
        """The last lines of its standard error."""
        self._said.seek(0)
        return self._said.read()[-2000:].decode(errors="replace").strip()

    # --- its end
    def close(self) -> None:
        """End all that is inside, and wait until nothing is left. Twice is fine."""
        self.world.close()
        self._rows.close()
        until = time.monotonic() + PATIENCE
        while any(map(os.path.exists, self.groups)) and time.monotonic() < until:
            time.sleep(0.005)  # the reaper removes them; there is no event to wait for
        self._said.close()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def worker_environment() -> dict[str, str]:
    """Our own, with the sandbox's folders in it; what a killed compiler leaves in TMPDIR goes with the sandbox."""
    own = {"HOME": HOME, "XDG_RUNTIME_DIR": HOME, "TMPDIR": SCRATCH}
    return {"XDG_CACHE_HOME": os.path.expanduser("~/.cache"), **os.environ, **own}


def raise_failure(answers: list[Answer]) -> None:
    """Raise CallError if the last call failed."""
    if answers[-1].failed:
        raise answers[-1].error(answers)


def make_calls(*calls: Call) -> None:
    """Have a launcher make these calls in our own namespaces: for programs in the sandbox. Raises CallError."""
    own = OuterWorld()
    try:
        raise_failure(own.launcher.ask(calls))
    finally:
        own.close()
