"""How a program starts in a container of its own: by machine code, or where that cannot be, by a forked child."""

from __future__ import annotations

import os
import shlex
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from errno import ENOSYS, EPERM
from typing import Literal

from ..errors import BadInput, Busy, Gone
from ..interrupts import interrupted, uninterrupted
from ..kernel.calls import Call, CallError, execve, fork, kill, wait4
from ..kernel.checks import short_repr
from ..kernel.constants import SIGKILL
from ..steps import Birth, ControlGroup, Recipe
from .faststart import Refused, SpawnedProcess, load_loop
from .outer_world import OuterWorld
from .process import CarriedProcess
from .program import Program, ProgramStart, Trace
from .resources import give_back, take

TIGHT = 8 << 20  # bytes: more than the words of an execve can take (6 MiB, see execve(2))
StartMethod = Literal["auto", "fork"]


class Starter:
    """Starts programs in containers of their own. `method` is "auto", or "fork" to leave the machine code out."""

    def __init__(self, world: OuterWorld, method: StartMethod = "auto") -> None:
        if method not in ("auto", "fork"):
            raise BadInput(f'start is "auto" or "fork", not {short_repr(method)}')
        self.world = world
        self.why_slow: str | None = None if method == "auto" else "the lab was made so"
        """Why starts are not done by machine code; "" if they are, None before the first."""
        self.clone3 = True  # whether a process can be started in new namespaces here; found by trying

    def start(self, recipe: Recipe, group: ControlGroup | None, start: ProgramStart) -> Program:
        """A program in a container of its own. Which way it was started shows in its story, and in nothing else."""
        with self._given_back_on_error(start):
            birth = self._birth(recipe, group)
            start.steps = (*([] if group is None else [group]), *recipe)
            start.made = tuple(take(self.world, birth.resources, start))
            if group is None:
                start.cgroup = None  # one of the recipe's, which other programs may share
            self._open_for(birth, start)
            program = self._spawn(birth, start) or self._fork(recipe, group, birth, start)
            for tell in start.on_start:
                tell(program.machine_pid)
            if interrupted():  # the caller never gets it
                program.end()
            return program

    @contextmanager
    def _given_back_on_error(self, start: ProgramStart) -> Iterator[None]:
        """Give back what was made for a start that fails. One that its memory limit has killed raises Gone."""
        try:
            yield
        except BaseException as why:
            group = start.cgroup
            ended = isinstance(why, (CallError, Gone)) and self.world.alive
            try:
                killed = ended and group is not None and group.events.oom_kill
            finally:  # though its events cannot be read
                give_back(start.held, start.cgroup)
            if killed:
                said = f"{shlex.join(start.command)}: memory limit too small: the OOM killer ended it before exec"
                raise Gone(said, hint="a start takes up to 1M") from why
            raise

    def _birth(self, recipe: Recipe, group: ControlGroup | None) -> Birth:
        """The list of a start. Without clone3 (in Docker, say) a plain fork, which the launcher moves to its group."""
        if self.clone3:
            return recipe.birth if group is None else recipe.birth.into(group.at_birth())
        steps = [*([] if group is None else [group]), *recipe]
        calls = [call for step in steps for call in step.calls()]
        return Birth(fork(), calls, tuple(resource for step in steps for resource in step.resources()))

    def _open_for(self, birth: Birth, start: ProgramStart) -> None:
        """Give the process a descriptor of each file by which it enters v1 cgroups; exec closes them."""
        try:
            for file in birth.given:
                path = file.within(self.world.groups.name)
                start.streams.theirs[path] = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        except FileNotFoundError:  # the lab was killed, and its cgroup reaper has removed them
            self.world.require_open()
            raise

    def _resolved(self, birth: Birth) -> Birth:
        """The list, with the name of the lab's own group where it names one."""
        in_group = any(call.of_group for call in (birth.fork, *birth.joining))
        return birth.resolved(self.world.groups.name) if in_group else birth

    # --- by machine code
    def _spawn(self, birth: Birth, start: ProgramStart) -> Program | None:
        """Start by the loop of machine code. None where it cannot do that."""
        try:
            self._require_loop()
            require_room(start)
            last = [*start.streams.calls(), execve(start.command, start.env)]
            child = SpawnedProcess(self.world.launcher, self._resolved(birth), last, start.made)
            return self._spawned(child, start)
        except Refused as why:
            if why.here:
                self.why_slow = str(why)
            return None

    def _require_loop(self) -> None:
        """Give the launcher the loop, once. Raises Refused where there can be none."""
        if self.why_slow is None:
            load_loop(self.world.launcher)
            self.why_slow = ""
        if self.why_slow:
            raise Refused(self.why_slow, here=True)

    def _spawned(self, child: SpawnedProcess, start: ProgramStart) -> Program:
        """One message, and the program runs. If it fails, nothing is left of it."""
        try:
            child.start(start.streams.theirs)
            process = CarriedProcess(self.world, "program", child.carrier, self.world.launcher)
            process.became = start.command[0]
            return running(process, start, child.story)
        except BaseException:
            child.give_up()
            self.world.reaper.forget(child.carrier.machine_pid)
            raise

    # --- by a forked child
    def _fork(self, recipe: Recipe, group: ControlGroup | None, birth: Birth, start: ProgramStart) -> Program:
        """Start by a Python child of the launcher, one message a stretch."""
        birth = self._resolved(birth)
        answers, carrier = self.world.launcher.fork([birth.fork])
        if answers[-1].errno in (ENOSYS, EPERM) and self.clone3:
            self.clone3 = False
            return self._fork(recipe, group, self._birth(recipe, group), start)
        if answers[-1].failed:
            raise answers[-1].error(answers)
        start.made = (*start.made, *answers)
        return exec_after(CarriedProcess(self.world, "program", carrier, self.world.launcher), start, birth.calls)


def require_room(start: ProgramStart) -> None:
    """Raise Refused below 8 MiB: an OOM kill would also kill the launcher, whose memory the child shares.

    Until exec, the child takes from its group what the kernel keeps for it, and the words of an execve.
    """
    memory = start.cgroup.memory_max if start.cgroup is not None else None
    if isinstance(memory, int) and memory < TIGHT:
        raise Refused("an OOM kill would also kill the launcher, whose memory the child shares")


@uninterrupted()
def exec_after(process: CarriedProcess, start: ProgramStart, before: Sequence[Call] = ()) -> Program:
    """Make the calls `before` in the new process, then exec. Kill it if either fails."""
    try:
        answers = process.carry(
            [*before, *start.streams.calls(), execve(start.command, start.env)], start.streams.theirs
        )
        made = start.made
        return running(process, start, lambda: (*made, *answers))
    except BaseException:
        start.streams.close()
        process.carrier.close()
        if process.carrier.machine_pid:
            process.end()
        else:  # interrupted before its pid was known: it may be the program already, and end by nothing else
            with suppress(Gone, Busy):
                process.parent.ask([kill(process.carrier.pid_there, SIGKILL), wait4(process.carrier.pid_there)])
        raise


def running(process: CarriedProcess, start: ProgramStart, trace: Trace) -> Program:
    """The program that a process has become."""
    start.streams.hand_over()
    program = Program(start, process, trace)
    process.world.reaper.expect(process)
    weakref.finalize(program, process.world.reaper.abandon, process)
    return program
