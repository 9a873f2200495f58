"""A live process that is carried, one list of system calls at a time, into a world of its own."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from errno import EINVAL
from functools import reduce
from operator import or_
from socket import socket as Socket
from typing import Literal

from ..cgroups import Cgroup
from ..errors import BadInput, Gone, Harm
from ..interrupts import interrupted, uninterrupted
from ..kernel import proc
from ..kernel.arguments import Ref
from ..kernel.calls import Answer, Call, CallError, pidfd_open, prctl, setns, setresgid, setresuid
from ..kernel.checks import check_environment, check_timeout
from ..kernel.constants import AF_INET, KIND_FLAGS, PR_SET_DUMPABLE, SOCK_STREAM, SUID_DUMP_USER
from ..kernel.descriptors import enough_descriptors
from ..steps import ENVIRONMENT, NAMES, Environment, Recipe, Step, refusals
from ..steps.step import refuse_no_step
from .carrier import Carrier
from .outer_world import OuterWorld
from .process import CarriedProcess
from .program import Program, ProgramStart, Run, check_command
from .resources import KEEPERS, Held, give_back, take
from .sockets import fetch_socket
from .starting import exec_after
from .step_result import StepResult
from .streams import Input, Streams
from .view import View, look
from .watch import CallWatch, watch_calls
from .watched import WatchedCall

ROOT_INSIDE = [
    setresgid(0).accepting(EINVAL),
    setresuid(0).accepting(EINVAL),
    prctl(PR_SET_DUMPABLE, SUID_DUMP_USER),
]
"""Become root of a user namespace, where it has one (EINVAL): it may be another user outside than the lab's root."""


class Container(CarriedProcess):
    """A live process on its way, with a name. Made by `Lab.container`; it ends with the lab at the latest."""

    def __init__(
        self, world: OuterWorld, name: str, carrier: Carrier, parent: Carrier | None, host: Container | None = None
    ) -> None:
        super().__init__(world, name, carrier, parent)
        self._host = host
        self.again = f'box = lab.container("{name}")'  # what makes a fresh one, in the error after its end
        self.history: list[StepResult] = []
        self.environment: dict[str, str] = dict(ENVIRONMENT)
        self.cgroup: Cgroup | None = None  # a control group of its own, if it was given one
        self.held: list[Held] = []  # resources that its steps have made
        self.recipe: Recipe | None = None  # the steps that it is meant to take, if that was said
        self.on_end: Callable[[Container], None] | None = None  # called when it has been killed

    def _gone(self) -> Gone:
        gone = super()._gone()
        gone.hint = gone.hint or f"{self.again} makes a fresh one"
        return gone

    @property
    def host(self) -> Container:
        """The lab's host: the launcher, seen as a container."""
        return self._host or self

    def moved_to(self, group: Cgroup) -> None:
        """Take note of a control group of its own."""
        self.cgroup = group

    # --- lists of calls
    def call(self, call: Call, timeout: float | None = None) -> Answer:
        """Make one bare system call. Raises CallError (an OSError) as the kernel says.

        It is not checked for harm: what it changes in a shared namespace, it changes for the lab. After
        `timeout` seconds TimeExpired is raised; the process is still inside the call then, and only `kill` gets it out.
        """
        return self.carry([call], timeout=timeout)[0]

    @enough_descriptors()
    @uninterrupted()
    def apply(self, step: Step, *, shared: str | None = None) -> StepResult:
        """Take the process one step on. Raises CallError as the kernel says; what was done before stands.

        A step that would change the lab's own world is refused with Harm, unless `shared` names the kind of
        namespace ("uts", "mnt", "net") that is meant to be shared with the lab.
        """
        self._refuse_harm(step, shared)
        if isinstance(step, Environment):
            self.environment = dict(step.variables)
        try:
            answers = self._carry_step(step)
        except CallError as why:
            why.hint = self._out_of_order(step) or step.advice(why.errno or 0) or why.hint
            self.history.append(StepResult(step, why.answers))
            raise
        result = StepResult(step, tuple(answers))
        self.history.append(result)
        return result

    def _carry_step(self, step: Step) -> list[Answer]:
        made = take(self.world, step.resources(), self)
        calls = step.calls()
        try:
            return made + (self.carry(calls) if calls else [])
        except CallError as why:
            why.answers = (*made, *why.answers)
            raise

    def _out_of_order(self, step: Step) -> str:
        """Why the step cannot work behind the steps that the process has taken; empty if they are not the reason."""
        taken = [result.step for result in self.history if not any(answer.failed for answer in result.calls)]
        found = refusals([*taken, step], shared=[step.changes])
        return found[-1].advice if found and found[-1].index == len(taken) else ""

    def _refuse_harm(self, step: Step, shared: str | None) -> None:
        refuse_no_step(step, "steps one by one; for one bare system call there is .call(...)")
        for resource in step.resources():
            self._still_obeys()
            KEEPERS[type(resource)].refuse_harm(self.world, resource, self.machine_pid)
        kind = step.changes
        if kind and kind != shared and not self.is_host and self.shares(kind):
            raise Harm(
                f"{step.title}: {self.name} shares its {NAMES[kind]} namespace with the lab, which would be changed",
                hint=f'apply NewNamespace("{kind}") first, or say shared="{kind}" if you mean it',
            )

    # --- sockets
    def socket(self, domain: int = AF_INET, type: int = SOCK_STREAM) -> Socket:
        """A socket of its network namespace, in the notebook: what it listens to or reaches is what the container does.

        Raises CallError as the kernel says. Close it there.
        """
        return fetch_socket(self, domain, type)

    # --- programs
    @enough_descriptors()
    @uninterrupted()
    def run(
        self,
        argv: Iterable[str],
        *,
        stdin: Input = None,
        timeout: float | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Run:
        """Run a program as a child of the live process, with its view, its limits and its working directory.

        Waits for its end. After `timeout` seconds it is killed, and TimeExpired raised; interrupting the cell kills
        it too. Raises CallError when there is no such program.
        """
        timeout = check_timeout(timeout)
        return self.launch(argv, Streams(stdin), env=env).finish(timeout)

    @enough_descriptors()
    @uninterrupted()
    def start(self, argv: Iterable[str], *, stdin: Input = None, env: Mapping[str, str] | None = None) -> Program:
        """Start a program as a child of the live process, and do not wait for it."""
        return self.launch(argv, Streams(stdin, collect=False), env=env)

    @uninterrupted()
    def launch(self, argv: Iterable[str], streams: Streams, *, env: Mapping[str, str] | None = None) -> Program:
        """A program as a child of the live process, with these streams."""
        began = time.monotonic()
        with self.world.reaper.lock:
            try:
                command = check_command(argv)
                variables = self.environment if env is None else check_environment(env)
                start = ProgramStart(command, variables, streams, began)
                child, parent = self._fork_child()
            except BaseException:
                streams.close()
                raise
            program = exec_after(CarriedProcess(self.world, "program", child, parent), start)
            if interrupted():  # the caller never gets it
                program.end()
            return program

    def _fork_child(self) -> tuple[Carrier, Carrier]:
        """A child with the view of the process: its own, or once it is a program, one that entered its namespaces."""
        if not self.became:
            self._still_obeys()
            self.world.reaper.reap(self.carrier)
            answers, child = self.carrier.fork()
            if answers[-1].failed:  # behind a bare unshare(CLONE_NEWPID) whose first child has died, say
                raise answers[-1].error(answers)
            return child, self.carrier
        return self._enter()

    def _enter(self) -> tuple[Carrier, Carrier]:
        launcher, group = self.world.launcher, self.cgroup
        kinds = [kind for kind in KIND_FLAGS if not self.shares(kind)]
        _, visitor = launcher.fork()
        if group is not None and group.is_there:  # its limits are the visitor's too
            group.add(visitor.find_machine_pid())
        if kinds:
            flags = reduce(or_, (KIND_FLAGS[kind] for kind in kinds))
            root = ROOT_INSIDE if "user" in kinds else []
            answers = visitor.ask([pidfd_open(self.pid), setns(Ref("pidfd"), flags), *root])
            if answers[-1].failed:
                visitor.close()
                visitor.wait(launcher)
                raise answers[-1].error(answers)
        if "pid" not in kinds:
            return visitor, launcher
        _, child = visitor.fork()
        child.find_machine_pid()
        visitor.close()
        visitor.wait(launcher)
        return child, launcher

    # --- seen
    @enough_descriptors()
    @uninterrupted()
    def view(self) -> View:
        """What the process sees, as data. Takes about half a millisecond."""
        if not self.became:
            self._still_obeys()
        asked, parent = (self.carrier, None) if not self.became else self._enter()
        own_tree = not self.is_host and not self.shares("cgroup")
        root = proc.cgroup(self.machine_pid) if own_tree else self.world.cgroup_root
        try:
            visitor = asked.find_machine_pid() if parent else 0
            return look(self.machine_pid, asked.ask, root, self.world.machine_pid, visitor)
        finally:
            if parent:
                asked.close()
                asked.wait(parent)

    @enough_descriptors()
    def watch(
        self,
        calls: Iterable[str] = ("openat", "mkdirat"),
        *,
        decide: Callable[[WatchedCall], int | str | None] | Literal["ask"] | None = None,
    ) -> CallWatch:
        """Watch system calls of the process and of all programs that it starts from now on: `watch.calls` has them.

        Without `decide` they go on. A function is given each call, in a thread of its own, and returns None to let it
        go on, or an errno ("EPERM", or its number) to refuse it; if it raises, the call goes on, and the first error is
        printed. With "ask" a call waits for `watch.answer`: start the program by `start` then. A process that obeys the
        notebook (it has not called execve) waits one second for a decision, and goes on.

        One watch for each container, and for its life: `close()` lets all go on. Without CAP_SYS_ADMIN the process sets
        no_new_privs first. Letting a call go on is no wall: its path can change after the look. Programs that enter
        once the process has become a program are not watched. Raises BadInput for calls that are unknown or that the
        live process needs, Busy for a second watch, and CallError as the kernel says.
        """
        return watch_calls(self, calls, decide)

    # --- its end
    @uninterrupted(firm=True)
    def kill(self) -> None:
        """End the process, and all that lives in its PID namespace. Twice is fine."""
        if self.world.closed:  # then it has ended already
            return
        if self.is_host:
            raise BadInput("the lab's host ends with the lab", hint="lab.close() ends both")
        self.end()
        if self.on_end is not None:
            self.on_end(self)

    def wait(self, timeout: float | None = None) -> int:
        """Waits for the process to end; its return code, negative for a signal. Raises TimeExpired."""
        return os.waitstatus_to_exitcode(self.wait_status(check_timeout(timeout)))

    @uninterrupted()
    def wait_status(self, timeout: float | None = None) -> int:
        """As `wait`, but the status as wait4(2) gives it."""
        status = super().wait_status(timeout)
        give_back(self.held)
        if self.cgroup is not None:
            self.cgroup.leave()
        return status

    def __enter__(self) -> Container:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def __repr__(self) -> str:
        return f"Container({self.name!r}, {len(self.history)} step{'s' * (len(self.history) != 1)})"
