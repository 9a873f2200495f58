"""The lab: an outer world with no power over the machine, and the launcher that is its PID 1."""

from __future__ import annotations

import os
import re
import resource
import shlex
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from ..errors import NEW_LAB, BadInput, Busy, Gone, Unsupported
from ..kernel import proc
from ..kernel.arguments import Ref
from ..kernel.calls import Answer, Call, CallError, execve, kill, prctl, setns, unshare, wait4
from ..kernel.checks import check_environment as variables
from ..kernel.checks import check_timeout as time_limit
from ..kernel.checks import short_repr as short
from ..kernel.constants import CLONE_NEWCGROUP, PR_SET_NAME, SIGKILL, WNOHANG
from ..kernel.descriptors import enough_descriptors
from ..launcher import MAIN
from ..steps import ENVIRONMENT, ControlGroup, Limits, Recipe, default
from ..steps.control_group import asked, group_name
from ..steps.recipe import FILES
from . import world
from .carrier import Carrier, ended
from .cgroup import Cgroup
from .container import Container, is_init
from .groups import Groups
from .interrupts import interrupted, uninterrupted
from .program import Program, Run, Story, words
from .starting import started
from .streams import Input, Streams

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}")
_open: list[weakref.ref[Lab]] = []


class Lab:
    """An outer world in which containers are made: a user, mount, network, PID, IPC, UTS and cgroup namespace.

    All that a lesson makes is inside it, and goes when the lab is closed, or when this process ends, however it ends.
    Raises Unsupported where the kernel does not let an ordinary user have such a world. One that is `private` is never
    the `current` one: it ends with whoever has made it for himself.
    """

    @enough_descriptors()
    def __init__(self, *, private: bool = False) -> None:
        self.containers: dict[str, Container] = {}
        self.ids = 0  # how many user ids a container may have
        self.cuts: tuple[int, ...] = ()  # where a range of the outer world's map ends and the next begins
        self.closed = False
        self._unburied = 0  # starts since the dead were last looked for
        self.clone3 = True  # whether a process can be born into its namespaces here; found by trying
        self.slow: str | None = None  # why starts are not done by the loop of machine code; "" if they are
        self.births = threading.RLock()  # held from a birth until it is known who waits for it: else another buries it
        self._groups: Groups | None = None
        self._expected: dict[int, Container] = {}  # processes that have a waiter, by their numbers as we see them
        self._unwaited: set[int] = set()  # those of them whose Program object is gone, so that no caller can wait
        first = Carrier(None)
        self._process = start_launcher(first._theirs.fileno())
        first._theirs.close()
        self._finalizer = weakref.finalize(self, end, first, self._process)
        self.launcher = first
        self.host = Container(self, "host", first, None)
        try:
            self._enter()
        except (CallError, Gone, OSError) as why:
            self.close()
            hint = "`pyctr-lab doctor` says what is in the way, and what mends it"
            said = getattr(why, "message", why)  # without its own hint: the doctor knows better
            raise Unsupported(f"this machine refuses the lab's outer world: {said}", hint=hint) from why
        self.launcher = self.host.carrier
        self.launcher.prompt = True
        assert self.launcher.pids  # asked while it lives
        self.cgroup_root = proc.cgroup(self.launcher.host_pid)
        if not private:
            _open.append(weakref.ref(self))

    def _enter(self) -> None:
        """The launcher is itself carried into a container; here *we* are the ones outside."""
        root = os.getuid() == 0
        if root and world.is_masked():
            self.host.carry(world.unmask())
        self.host.carry(world.leave())
        self.ids = world.map_ids(self.host.host_pid)
        self.cuts = tuple(line.inside for line in proc.uid_map(self.host.host_pid)[2:])  # behind the user's own id
        self.host.carry(world.let_go(root=root and self.ids > 1))
        self.host.carry(world.furnish())

    @staticmethod
    def current() -> Lab | None:
        """The newest lab that is still open and not private, or None."""
        labs = (made() for made in reversed(_open))
        return next((lab for lab in labs if lab is not None and not lab.closed), None)

    # --- containers
    @enough_descriptors()
    @uninterrupted()
    def container(self, name: str = "demo") -> Container:
        """A live process with no walls yet. One that has this name already is ended first.

        A name has up to 63 letters, digits, `_`, `.` and `-`.
        """
        if not isinstance(name, str) or not NAME.fullmatch(name) or not name.isascii():
            raise BadInput(f"{short(name)} is no name for a container", hint="up to 63 letters, digits, _ . and -")
        if name == "host":
            raise BadInput('"host" is the name of the lab\'s host', hint="it is there already: lab.host")
        self._must_be_open()
        if name in self.containers:
            self.containers[name].kill()
        with self.births:
            self.bury(self.launcher)
            _, carrier = self.launcher.fork()
            box = Container(self, name, carrier, self.launcher)
            carrier.ask([prctl(PR_SET_NAME, name[:15])])
            self.expect(box)
            self.containers[name] = box
        if interrupted():
            box.kill()
        return box

    def forget(self, box: Container) -> None:
        """A container that has ended is no longer in the way of its name."""
        if self.containers.get(box.name) is box:
            del self.containers[box.name]

    # --- control groups
    @property
    def groups(self) -> Groups:
        """The lab's control groups. Raises Unsupported where none can be made."""
        if self._groups is None:
            with self.births:  # two threads may ask for their first group at once
                if self._groups is None:
                    self._must_be_open()
                    self._groups = Groups(self)
        return self._groups

    @enough_descriptors()
    @uninterrupted()
    def cgroup(self, name: str = "demo", limits: Limits | None = None, /, **words: Any) -> Cgroup:
        """A control group, with limits: `lab.cgroup("web", memory="64M", cpus=0.5)`; see Limits for the words.

        One that has this name already is removed first, with all that is in it. Raises Unsupported for what nobody has
        given us: the hint says which command does.
        """
        wanted = asked(limits, words)
        if group_name(name) in self.groups.made:
            self.groups.made[name].remove()
        made = Cgroup.make(self.groups, name, wanted)
        if interrupted():
            made.remove()
        return made

    def processes(self) -> set[int]:
        """The lab's own processes, by their numbers as the notebook sees them."""
        carriers = [self.launcher, *(box.carrier for box in self.containers.values())]
        return {carrier.host_pid for carrier in carriers if not ended(carrier.host_pid, 0)} | set(self._expected)

    def stands_still(self, host_pid: int) -> bool:
        """Whether a process is in a control group that was frozen, or in one below it."""
        frozen = list(self._groups.frozen) if self._groups is not None else []
        return any(group.frozen and host_pid in group.all_pids() for group in frozen)

    def wake(self, host_pid: int) -> None:
        """Before a process is killed: where its control group stands still it may have to go on for that."""
        if self._groups is not None:
            self._groups.wake(host_pid)

    def see_groups_from(self, path: str) -> None:
        """The outer world's cgroup namespace is made anew, where the lab's own group is: that is `/` in it from now on.

        A namespace lets nobody move processes out of what it shows (cgroup-v2.rst, nsdelegate); the first one shows
        the group in which the lab was started.
        """
        sharing = [box for box in self.containers.values() if box.alive and not box.became and box.shares("cgroup")]
        self.launcher.ask([unshare(CLONE_NEWCGROUP)])
        fd = os.open(f"/proc/{self.launcher.host_pid}/ns/cgroup", os.O_RDONLY | os.O_CLOEXEC)
        for box in sharing:
            with suppress(Gone, Busy):
                box.carrier.ask([setns(Ref("cgroup"), CLONE_NEWCGROUP)], {"cgroup": fd})
        os.close(fd)
        self.cgroup_root = path

    def recipe(self, hostname: str = "demo") -> Recipe:
        """The default recipe, with as many ids and open files as this lab has."""
        files = min(FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        return default(hostname, ids=self.ids, cuts=self.cuts, files=files)

    # --- the fast path
    @enough_descriptors()
    @uninterrupted()
    def run(
        self,
        argv: Iterable[str],
        *,
        recipe: Recipe | None = None,
        limits: Limits | None = None,
        stdin: Input = None,
        timeout: float | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Run:
        """Makes a container of a whole recipe, has it become a program, and waits for its end.

        With `limits` it has a control group of its own; `Run.reached` names those that have acted.
        """
        timeout = time_limit(timeout)
        return self.launch(argv, Streams(stdin), recipe=recipe, limits=limits, env=env).finish(timeout)

    @enough_descriptors()
    @uninterrupted()
    def start(
        self,
        argv: Iterable[str],
        *,
        recipe: Recipe | None = None,
        limits: Limits | None = None,
        stdin: Input = None,
        env: Mapping[str, str] | None = None,
    ) -> Program:
        """As `run`, but does not wait. Its control group, if it has limits, is `Program.cgroup` until `wait`."""
        return self.launch(argv, Streams(stdin, collect=False), recipe=recipe, limits=limits, env=env)

    @uninterrupted()
    def launch(
        self,
        argv: Iterable[str],
        streams: Streams,
        *,
        recipe: Recipe | None = None,
        limits: Limits | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Program:
        """A program in a container of its own, with these streams."""
        began = time.monotonic()
        group = None
        with self.births:
            try:
                command = words(argv)
                self._must_be_open()
                recipe = self.recipe() if recipe is None else recipe
                if not isinstance(recipe, Recipe):
                    raise BadInput(f"{short(recipe)} is no recipe", hint="lab.recipe() is the default one")
                given = recipe.environment if env is None else variables(env)
                self._bury_now_and_then()
                group = ControlGroup(limits, self.groups.fresh_name()) if limits is not None else None
                program = started(self, recipe, group, command, streams, given, began)
            except BaseException as why:
                streams.close()
                if group is not None:
                    made = self.groups.adopt(group)
                    killed = isinstance(why, (CallError, Gone)) and self.alive and made.events.oom_kill
                    made.remove()
                    if killed:
                        said = f"{shlex.join(command)}: killed by its memory limit before it was a program"
                        raise Gone(said, hint="a start takes up to 1M") from why
                raise
            if group is not None:
                program.cgroup = self.groups.adopt(group)
            if interrupted():  # by whom it is not returned to
                program.end()
            return program

    def become(
        self,
        carrier: Carrier,
        reaper: Carrier,
        command: Sequence[str],
        streams: Streams,
        before: Sequence[Call],
        env: Mapping[str, str],
        began: float,
        story: Sequence[Answer] = (),
    ) -> Program:
        """Has a newborn process make the calls `before`, and become a program. When it cannot, it ends."""
        box = Container(self, "newborn", carrier, reaper)
        try:
            answers = box.carry([*before, *streams.calls(), execve(command, env)], streams.theirs)
            return self.running(box, command, streams, began, lambda: (*story, *answers))
        except BaseException:
            streams.close()
            box.carrier.close()
            if box.carrier.host_pid:
                box.kill()
            else:  # interrupted before it said who it is: it may be the program already, and end by nothing else
                with suppress(Gone, Busy):
                    reaper.ask([kill(carrier.pid_there, SIGKILL), wait4(carrier.pid_there)])
            raise

    def running(self, box: Container, command: Sequence[str], streams: Streams, began: float, story: Story) -> Program:
        """What a process has become."""
        streams.hand_over()
        meanwhile = box.bury_visitors if is_init(box.carrier) else None
        program = Program(tuple(command), box.host_pid, box.pid, box.wait_status, streams, began, meanwhile)
        program.told = story
        self.expect(box)
        weakref.finalize(program, unwaited, box, self._expected, self._unwaited)
        return program

    # --- the launcher's duties
    def outside(self, calls: Sequence[Call], pid: int | None = None) -> list[Answer]:
        """Have the launcher make calls, for the process with this number as the launcher sees it."""
        return self.launcher.ask([call.resolved(pid=pid, lab=self._group_of(call)) for call in calls])

    def _group_of(self, call: Call) -> str:
        """The name of the lab's own control group, which is made when a call first names it."""
        return self.groups.name if call.of_group else ""

    @uninterrupted()
    def bury(self, init: Carrier) -> None:
        """Reaps the dead whom nobody waits for: orphans that a PID 1 inherited. See wait(2), init's duty."""
        depth = len(init.pids) - 1
        try:
            with self.births:
                for pid in proc.children(init.find_host_pid()):
                    if (pid not in self._expected or pid in self._unwaited) and proc.state(pid) == "Z":
                        init.ask([wait4(proc.nspid(pid)[depth], WNOHANG)])
                        self.no_longer_expected(pid)
        except ProcessLookupError:  # the kernel buries them with it
            raise Gone("the process has ended") from None

    def _bury_now_and_then(self) -> None:
        """To look through all children at each start would make every start dearer than the one before."""
        self._unburied += 1
        if self._unburied > 8 + len(self._expected) // 8:
            self._unburied = 0
            self.bury(self.launcher)

    def expect(self, box: Container) -> None:
        """Somebody will wait for this process."""
        self._expected[box.host_pid] = box

    def no_longer_expected(self, host_pid: int) -> None:
        """Somebody has waited for this process."""
        self._expected.pop(host_pid, None)
        self._unwaited.discard(host_pid)

    def visitors(self, box: Container) -> list[Container]:
        """Who entered the PID namespace of `box` from outside: it cannot end before they are reaped."""
        home = proc.namespace(box.host_pid, "pid")
        inside = [other for other in list(self._expected.values()) if other is not box and other.is_in(home)]
        return [other for other in inside if not other.is_in(home, parent=True)]

    @property
    def alive(self) -> bool:
        """Whether it is open, and its PID 1 lives."""
        return not self.closed and not ended(self.launcher.host_pid, 0)

    def _must_be_open(self) -> None:
        if not self.alive:
            raise Gone("this lab is closed" if self.closed else "this lab has ended", hint=NEW_LAB)

    # --- its end
    @uninterrupted(firm=True)
    def close(self) -> None:
        """Without its PID 1 the outer world ends, and with it all that is inside. Twice is fine."""
        if self._groups is not None:
            self._groups.thaw_all()
        self.closed = True
        self.containers.clear()
        if self.launcher is not self.host.carrier:
            self.launcher = self.host.carrier
        carrier = self.launcher
        while carrier.parent is not None:  # innermost first, so that each is reaped by its own parent
            let_end(carrier, carrier.parent)
            carrier = carrier.parent
        self._finalizer()
        if self._groups is not None:
            self._groups.close()

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Lab({'closed' if self.closed else ', '.join(self.containers) or 'no container yet'})"


def unwaited(box: Container, expected: Mapping[int, Container], pids: set[int]) -> None:
    """Note that no caller will wait for a program: `bury` may reap its process."""
    pid = box.carrier.host_pid
    if expected.get(pid) is box:
        pids.add(pid)


def start_launcher(channel: int) -> subprocess.Popen[bytes]:
    """The one new interpreter: as small as it goes, away from the terminal's signals and from our environment."""
    environment = {"PATH": ENVIRONMENT["PATH"], "LANG": "C.UTF-8"}
    command = [sys.executable, "-I", "-S", str(MAIN), str(channel)]
    null = subprocess.DEVNULL  # the terminal of the notebook's process is none of a container's business
    return subprocess.Popen(
        command, pass_fds=[channel], start_new_session=True, cwd="/", env=environment, stdin=null, stdout=null
    )


def let_end(carrier: Carrier, parent: Carrier) -> None:
    """Lets a PID 1 go, and with it all in its namespace; it has ended when they have."""
    carrier.close()
    if not parent.closed and carrier.host_pid and ended(carrier.host_pid, 5):
        with suppress(Gone, Busy):
            parent.ask([wait4(carrier.pid_there)])


def end(first: Carrier, process: subprocess.Popen[bytes]) -> None:
    """Lets the launcher go, and waits until it and its world are no more."""
    first.close()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
