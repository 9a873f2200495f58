"""A live process that is carried, one list of system calls at a time, into a world of its own."""

from __future__ import annotations

import os
import signal
import time
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import reduce
from itertools import groupby
from operator import or_
from typing import TYPE_CHECKING

from ..errors import NEW_LAB, BadInput, Busy, Gone, Harm
from ..kernel import proc
from ..kernel.arguments import Ref
from ..kernel.calls import Answer, Call, CallError, pidfd_open, setns
from ..kernel.checks import check_environment as variables
from ..kernel.checks import check_list as several
from ..kernel.checks import check_timeout as time_limit
from ..kernel.checks import short_repr as short
from ..kernel.constants import KIND_FLAGS
from ..kernel.descriptors import enough_descriptors
from ..steps import ENVIRONMENT, NAMES, ControlGroup, Environment, Step, refusals
from ..steps.namespaces import known_kind
from ..steps.step import refuse_no_step
from .carrier import EXECS, Carrier, ended
from .interrupts import interrupted, uninterrupted
from .program import Program, Run, words
from .step_result import StepResult
from .streams import Input, Streams, next_look
from .view import View, look

if TYPE_CHECKING:
    from .cgroup import Cgroup
    from .lab import Lab


class Container:
    """A live process on its way, with a name. Made by `Lab.container`; it ends with the lab at the latest."""

    def __init__(self, lab: Lab, name: str, carrier: Carrier, reaper: Carrier | None) -> None:
        self._lab = weakref.ref(lab)  # a lab that nobody holds any more ends, whatever containers it has
        self.name = name
        self.again = f'box = lab.container("{name}")'  # what makes a fresh one, for whoever finds this one ended
        self.history: list[StepResult] = []
        self.environment: dict[str, str] = dict(ENVIRONMENT)
        self.carrier = carrier  # the process; a `pid` step goes on in a child, so it is not always the same one
        self.cgroup: Cgroup | None = None  # a control group of its own, if it was given one
        self.became: str | None = None  # the program it has turned into, if it has
        self._reaper = reaper  # whose child it is
        self._waiters: list[tuple[Carrier, Carrier | None]] = []  # earlier ones that must stay: a namespace's PID 1
        self._status: int | None = None

    # --- who it is
    @property
    def lab(self) -> Lab:
        """The lab it lives in."""
        lab = self._lab()
        if lab is None:
            raise Gone(f"the lab of {self.name} is closed", hint=NEW_LAB)
        return lab

    @property
    def pid(self) -> int:
        """Its number as the lab's host sees it."""
        return self.carrier.pid_for(self.lab.launcher)

    @property
    def host_pid(self) -> int:
        """Its number as the notebook sees it: /proc/<host_pid> is there to be read."""
        if self._status is not None:
            raise self._gone()
        return self.carrier.find_host_pid()

    @property
    def alive(self) -> bool:
        """Whether the process is still there."""
        return self._status is None and not ended(self.carrier.host_pid, 0)

    def shares(self, kind: str) -> bool:
        """Whether its namespace of this kind is the lab's own."""
        known_kind(kind)
        return proc.namespace(self.host_pid, kind) == proc.namespace(self.lab.launcher.host_pid, kind)

    def is_in(self, pid_namespace: int | None, *, parent: bool = False) -> bool:
        """Whether it (or its parent) lives in that PID namespace."""
        carrier = (self._reaper or self.lab.launcher) if parent else self.carrier
        try:
            return proc.namespace(carrier.host_pid, "pid") == pid_namespace
        except (ProcessLookupError, PermissionError):  # it ended meanwhile, or does not let itself be looked at
            return False

    # --- lists of calls
    def call(self, call: Call, timeout: float | None = None) -> Answer:
        """Has one bare system call made. Raises CallError (an OSError) as the kernel says.

        Nothing guards it: what it changes in a namespace that the process shares, it changes for the lab. After
        `timeout` seconds TimeExpired is raised; the process is still inside the call then, and only `kill` gets it out.
        """
        return self.carry([call], timeout=timeout)[0]

    @enough_descriptors()
    @uninterrupted()
    def apply(self, step: Step, *, shared: str | None = None) -> StepResult:
        """Takes the process one step on. Raises CallError as the kernel says; what was done before stands.

        A step that would change the lab's own world is refused with Harm, unless `shared` names the kind of
        namespace ("uts", "mnt", "net") that is meant to be shared with the lab.
        """
        self._refuse_harm(step, shared)
        if isinstance(step, Environment):
            self.environment = dict(step.variables)
        if isinstance(step, ControlGroup):
            self.cgroup = self.lab.groups.adopt(step)
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
        calls = step.calls()
        if not isinstance(step, ControlGroup):
            return self.carry(calls) if calls else []
        made = self.carry(calls[: -len(step.entering())])
        self.lab.groups.protect_made(made)
        try:
            return made + self.carry(calls[-len(step.entering()) :])
        except CallError as why:
            why.answers = (*made, *why.answers)
            raise

    def _out_of_order(self, step: Step) -> str:
        """Why the step cannot work behind those that the process has taken; nothing if they are not the reason."""
        taken = [result.step for result in self.history if not any(answer.failed for answer in result.calls)]
        found = refusals([*taken, step], shared=[step.changes])
        return found[-1].advice if found and found[-1].index == len(taken) else ""

    def _refuse_harm(self, step: Step, shared: str | None) -> None:
        refuse_no_step(step, "steps one by one; for one bare system call there is .call(...)")
        if isinstance(step, ControlGroup):
            self._still_obeys()
            self.lab.groups.refuse_harm(self.host_pid)
        kind = step.changes
        if kind and kind != shared and self is not self.lab.host and self.shares(kind):
            raise Harm(
                f"{step.title}: {self.name} shares its {NAMES[kind]} namespace with the lab, which would be changed",
                hint=f'apply NewNamespace("{kind}") first, or say shared="{kind}" if you mean it',
            )

    @uninterrupted()
    def carry(
        self, calls: Sequence[Call], descriptors: Mapping[str, int] | None = None, timeout: float | None = None
    ) -> list[Answer]:
        """Has each call made by whoever is to make it, one message a stretch; a failure raises."""
        for call in several(calls, "calls"):
            if not isinstance(call, Call):
                raise BadInput(
                    f"{short(call)} is no system call", hint="pyctr_lab.kernel has them: unshare(CLONE_NEWUTS)"
                )
        timeout = time_limit(timeout)
        self._still_obeys()
        answers: list[Answer] = []
        for stretch in stretches(calls):
            answers += self._stretch(stretch, descriptors, timeout)
            if answers[-1].failed:
                raise answers[-1].error(answers)
        if calls and calls[-1].name in EXECS:
            self.became = str(calls[-1].args[0])
            self.carrier.close()
        return answers

    def _still_obeys(self) -> None:
        if self.became:
            raise Gone(
                f"{self.name} has become {self.became} and obeys no more", hint="a program is run in it with .run()"
            )
        if self._status is not None or (self.carrier.host_pid and ended(self.carrier.host_pid, 0)):
            raise self._gone()
        if self.lab.stands_still(self.carrier.host_pid):
            raise Busy(f"{self.name} stands still: its control group is frozen", hint="`.thaw()` of the group")

    def _gone(self) -> Gone:
        lab = self._lab()
        if lab is None or not lab.alive:
            return Gone(f"{self.name} has ended with its lab", hint=NEW_LAB)
        return Gone(f"{self.name} has ended", hint=f"{self.again} makes a fresh one")

    def _stretch(self, calls: list[Call], descriptors: Mapping[str, int] | None, timeout: float | None) -> list[Answer]:
        if calls[0].outside:
            return self.lab.outside(calls, self.pid)
        if calls[-1].name == "fork":
            return self._go_on_in_child(calls)
        return self.carrier.ask(calls, descriptors, timeout=timeout)

    def _go_on_in_child(self, calls: list[Call]) -> list[Answer]:
        answers, child = self.carrier.fork(calls)
        if answers[-1].failed:
            return answers
        with uninterrupted(firm=True):
            self._have_gone_on(child)
        return answers

    def _have_gone_on(self, child: Carrier) -> None:
        """Take note that the process goes on in its child."""
        parent, self.carrier = self.carrier, child
        child.find_host_pid()
        if self._reaper is not None and not self._waiters and not is_init(parent):
            parent.close()  # it ends, and its own parent, which reaps it, inherits the child
            parent.wait(self._reaper)
            self.lab.no_longer_expected(parent.host_pid)
        else:  # a namespace ends with its PID 1
            self._waiters.append((parent, self._reaper))
            self._reaper = parent
        if self is not self.lab.host:
            self.lab.expect(self)

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
        """Runs a program as a child of the live process, with its view, its limits and its working directory.

        Waits for its end. After `timeout` seconds it is killed, and TimeExpired raised; interrupting the cell kills
        it too. Raises CallError when there is no such program.
        """
        timeout = time_limit(timeout)
        return self.launch(argv, Streams(stdin), env=env).finish(timeout)

    @enough_descriptors()
    @uninterrupted()
    def start(self, argv: Iterable[str], *, stdin: Input = None, env: Mapping[str, str] | None = None) -> Program:
        """Starts a program as a child of the live process, and does not wait for it."""
        return self.launch(argv, Streams(stdin, collect=False), env=env)

    @uninterrupted()
    def launch(self, argv: Iterable[str], streams: Streams, *, env: Mapping[str, str] | None = None) -> Program:
        """A program as a child of the live process, with these streams."""
        began = time.monotonic()
        with self.lab.births:
            try:
                command, env = words(argv), self.environment if env is None else variables(env)
                child, reaper = self._newborn()
            except BaseException:
                streams.close()
                raise
            program = self.lab.become(child, reaper, command, streams, [], env, began)
            if interrupted():  # by whom it is not returned to
                program.end()
            return program

    def _newborn(self) -> tuple[Carrier, Carrier]:
        """A child with the view of the process: its own, or once it is a program, one that entered its namespaces."""
        if not self.became:
            self._still_obeys()
            self.lab.bury(self.carrier)
            answers, child = self.carrier.fork()
            if answers[-1].failed:  # behind a bare unshare(CLONE_NEWPID) whose first child has died, say
                raise answers[-1].error(answers)
            return child, self.carrier
        return self._entered()

    def _entered(self) -> tuple[Carrier, Carrier]:
        launcher, group = self.lab.launcher, self.cgroup
        kinds = [kind for kind in KIND_FLAGS if not self.shares(kind)]
        _, visitor = launcher.fork()
        if group is not None and group.is_there:  # its limits are the visitor's too
            group.add(visitor.find_host_pid())
        if kinds:
            flags = reduce(or_, (KIND_FLAGS[kind] for kind in kinds))
            answers = visitor.ask([pidfd_open(self.pid), setns(Ref("pidfd"), flags)])
            if answers[-1].failed:
                visitor.close()
                visitor.wait(launcher)
                raise answers[-1].error(answers)
        if "pid" not in kinds:
            return visitor, launcher
        _, child = visitor.fork()
        child.find_host_pid()
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
        asked, reaper = (self.carrier, None) if not self.became else self._entered()
        own_tree = self is not self.lab.host and not self.shares("cgroup")
        root = proc.cgroup(self.host_pid) if own_tree else self.lab.cgroup_root
        try:
            visitor = asked.find_host_pid() if reaper else 0
            return look(self.host_pid, asked.ask, root, self.lab.launcher.host_pid, visitor)
        finally:
            if reaper:
                asked.close()
                asked.wait(reaper)

    # --- its end
    @uninterrupted(firm=True)
    def kill(self) -> None:
        """Ends the process, wherever it is, and all that lives in its PID namespace. Twice is fine."""
        lab = self._lab()
        if lab is None or lab.closed:  # then it has ended already
            return
        if self is lab.host:
            raise BadInput("the lab's host ends with the lab", hint="lab.close() ends both")
        if self._status is None:
            visitors = lab.visitors(self) if is_init(self.carrier) and self.alive else []
            lab.wake(self.carrier.host_pid)
            send_signal(self.carrier.host_pid, signal.SIGKILL)
            for visitor in visitors:
                visitor.wait_status()
            self.wait()
        lab.forget(self)

    def wait(self, timeout: float | None = None) -> int:
        """Waits for the process to end; its return code, negative for a signal. Raises TimeExpired."""
        return os.waitstatus_to_exitcode(self.wait_status(time_limit(timeout)))

    @uninterrupted()
    def wait_status(self, timeout: float | None = None) -> int:
        """As `wait`, but the status as wait4(2) gives it."""
        if self._status is None:
            self._status = self._ended(timeout)
            self.lab.no_longer_expected(self.carrier.host_pid)
            for carrier, parent in reversed(self._waiters):
                carrier.close()
                carrier.wait(parent or self.lab.launcher)
                self.lab.no_longer_expected(carrier.host_pid)
            if self.cgroup is not None:
                self.cgroup.leave()
        return self._status

    def _ended(self, timeout: float | None) -> int:
        reaper = self._reaper or self.lab.launcher
        try:
            if is_init(self.carrier):
                self._let_it_end(timeout)
                timeout = 0 if timeout is not None else None
            return self.carrier.wait(reaper, timeout)
        except Gone:
            if not ended(reaper.host_pid, 5):
                raise
            if is_init(reaper):
                return int(signal.SIGKILL)  # a PID namespace ends with its PID 1: the kernel kills all that is in it
            return self.carrier.wait(self.lab.launcher, timeout)  # PID 1 inherits whoever loses its parent

    def _let_it_end(self, timeout: float | None) -> None:
        until = None if timeout is None else time.monotonic() + timeout
        while not ended(self.carrier.host_pid, max(0.0, next_look(until) - time.monotonic())):
            if until is not None and time.monotonic() >= until:
                return
            self.bury_visitors()

    def bury_visitors(self) -> None:
        """Reaps those who came into its PID namespace from outside and have ended: without that a PID 1 cannot end.

        When it does, the kernel has killed them, and waits until somebody has buried each; see pid_namespaces(7).
        """
        for visitor in self.lab.visitors(self) if self.alive else []:
            if proc.state(visitor.host_pid) == "Z":
                visitor.wait_status()

    def __enter__(self) -> Container:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def __repr__(self) -> str:
        return f"Container({self.name!r}, {len(self.history)} step{'s' * (len(self.history) != 1)})"


def is_init(carrier: Carrier) -> bool:
    """Whether it is PID 1 of its own pid namespace, which lives and dies with it."""
    try:
        return carrier.pids[-1] == 1
    except Gone:  # it has ended: whatever it was
        return False


def send_signal(host_pid: int, number: int) -> None:
    """Sends a signal to a process of the lab; one that has ended is left in peace."""
    if host_pid > 0:  # else kill(2) would take it for many
        with suppress(ProcessLookupError):
            os.kill(host_pid, number)


def stretches(calls: Sequence[Call]) -> Iterator[list[Call]]:
    """Cuts a list where another process goes on: from inside to outside and back, and behind a fork."""
    generation = 0

    def maker(call: Call) -> tuple[bool, int]:
        nonlocal generation
        now = (call.outside, generation)
        generation += call.name == "fork"
        return now

    return (list(stretch) for _, stretch in groupby(calls, maker))
