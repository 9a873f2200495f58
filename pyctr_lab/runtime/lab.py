"""The lab: an outer world with no power over the machine, and the launcher that is its PID 1."""

from __future__ import annotations

import os
import re
import resource
import time
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Self

from ..cgroups import Cgroup, LabGroups, Limits
from ..cgroups.limits import check_group_name, merge_limits
from ..errors import BadInput, Gone, Unsupported
from ..interrupts import interrupted, uninterrupted
from ..kernel import proc
from ..kernel.calls import Answer, Call, CallError, prctl
from ..kernel.checks import check_environment, check_timeout, short_repr
from ..kernel.constants import PR_SET_NAME
from ..kernel.descriptors import enough_descriptors
from ..steps import RECIPES, ControlGroup, Recipe
from ..steps.recipes import FILES
from . import outer_setup
from .carrier import Carrier
from .container import Container
from .outer_ids import map_ids
from .outer_world import OuterWorld
from .program import Program, ProgramStart, Run, check_command
from .reaper import Reaper
from .starting import Starter, StartMethod
from .streams import Input, Streams

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}")
_open: list[weakref.ref[Lab]] = []


class Lab:
    """An outer world in which containers are made: a user, mount, network, PID, IPC, UTS and cgroup namespace.

    All that a lesson makes is inside it, and goes when the lab is closed, or when this process ends, however it ends.
    Raises Unsupported where the kernel does not let an ordinary user have such a world. One that is `private` is never
    the `current` one: it ends with the object that has made it. Programs are started by machine code where that can
    be, or with `start="fork"` by a child that Python forks.
    """

    @enough_descriptors()
    def __init__(self, *, private: bool = False, start: StartMethod = "auto") -> None:
        self.containers: dict[str, Container] = {}
        self.world = OuterWorld()
        self.starter = Starter(self.world, start)
        self._finalizer = weakref.finalize(self, self.world.end)
        self.host = Container(self.world, "host", self.world.launcher, None)
        try:
            self._enter()
        except (CallError, Gone, OSError) as why:
            self.close()
            hint = "`pyctr-lab doctor` says what is in the way, and what mends it"
            said = getattr(why, "message", why)  # without its own hint: the doctor knows better
            raise Unsupported(f"this machine refuses the lab's outer world: {said}", hint=hint) from why
        self.world.launcher = self.host.carrier
        self.launcher.prompt = True
        assert self.launcher.pids  # asked while it lives
        self.world.cgroup_root = proc.cgroup(self.launcher.machine_pid)
        if not private:
            _open.append(weakref.ref(self))

    def _enter(self) -> None:
        """The launcher is itself carried into a container; here *we* are the ones outside."""
        root = os.getuid() == 0
        if root and outer_setup.is_masked():
            self.host.carry(outer_setup.unmask())
        self.host.carry(outer_setup.leave())
        self.world.ids = map_ids(self.host.machine_pid)
        ranges = proc.uid_map(self.host.machine_pid)[2:]  # behind the user's own id
        self.world.cuts = tuple(line.inside for line in ranges)
        self.host.carry(outer_setup.drop_root(root=root and self.ids > 1))
        self.host.carry(outer_setup.furnish())

    @staticmethod
    def current() -> Lab | None:
        """The newest lab that is still open and not private, or None."""
        labs = (made() for made in reversed(_open))
        return next((lab for lab in labs if lab is not None and not lab.closed), None)

    # --- what it is made of
    @property
    def launcher(self) -> Carrier:
        """PID 1 of its outer world."""
        return self.world.launcher

    @property
    def reaper(self) -> Reaper:
        """The processes that have a waiter, and the zombies that have none."""
        return self.world.reaper

    @property
    def groups(self) -> LabGroups:
        """Its control groups. Raises Unsupported where none can be made."""
        return self.world.groups

    @property
    def ids(self) -> int:
        """How many user ids a container may have."""
        return self.world.ids

    @property
    def alive(self) -> bool:
        """Whether it is open, and its PID 1 lives."""
        return self.world.alive

    @property
    def closed(self) -> bool:
        """Whether it has been closed."""
        return self.world.closed

    def processes(self) -> set[int]:
        """Its own processes, by their numbers as the notebook sees them."""
        return self.world.processes()

    def outside(self, calls: Sequence[Call]) -> list[Answer]:
        """Have the launcher make calls."""
        return self.world.outside(calls)

    # --- containers
    @enough_descriptors()
    @uninterrupted()
    def container(self, name: str = "demo") -> Container:
        """A live process with no walls yet. One that has this name already is ended first.

        A name has up to 63 letters, digits, `_`, `.` and `-`.
        """
        if not isinstance(name, str) or not NAME.fullmatch(name) or not name.isascii():
            raise BadInput(f"{short_repr(name)} is no name for a container", hint="up to 63 letters, digits, _ . and -")
        if name == "host":
            raise BadInput('"host" is the name of the lab\'s host', hint="it is there already: lab.host")
        self.world.require_open()
        if name in self.containers:
            self.containers[name].kill()
        with self.reaper.lock:
            self.reaper.reap(self.launcher)
            _, carrier = self.launcher.fork()
            box = Container(self.world, name, carrier, self.launcher, self.host)
            carrier.ask([prctl(PR_SET_NAME, name[:15])])
            self.reaper.expect(box)
            self.containers[name] = box
        box.on_end = forget_in(self.containers)
        if interrupted():
            box.kill()
        return box

    @enough_descriptors()
    @uninterrupted()
    def cgroup(self, name: str = "demo", limits: Limits | None = None, /, **words: Any) -> Cgroup:
        """A control group, with limits: `lab.cgroup("web", memory="64M", cpus=0.5)`; see Limits for the words.

        One that has this name already is removed first, with all that is in it. Raises Unsupported for what is not
        delegated to this user: the hint says which command delegates it.
        """
        wanted = merge_limits(limits, words)
        before = self.groups.made.get(check_group_name(name))
        if isinstance(before, Cgroup):
            before.remove()
        made = Cgroup.make(self.groups, name, wanted)
        if interrupted():
            made.remove()
        return made

    def recipe(self, hostname: str = "demo", *, kind: str = "default") -> Recipe:
        """A recipe by its name (see steps.RECIPES), with as many ids and open files as this lab has."""
        if not isinstance(kind, str) or kind not in RECIPES:
            raise BadInput(f"there is no recipe {short_repr(kind)}", hint=f"there are {', '.join(RECIPES)}")
        files = min(FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        return RECIPES[kind](hostname, ids=self.ids, cuts=self.world.cuts, files=files)

    def _chosen_recipe(self, recipe: Recipe | str | None) -> Recipe:
        """A recipe, one by its name, or the default one. Raises BadInput for what is none."""
        if recipe is None or isinstance(recipe, str):
            return self.recipe(kind=recipe or "default")
        if not isinstance(recipe, Recipe):
            raise BadInput(f"{short_repr(recipe)} is no recipe", hint="lab.recipe() is the default one")
        return recipe

    # --- the fast path
    @enough_descriptors()
    @uninterrupted()
    def run(
        self,
        argv: Iterable[str],
        *,
        recipe: Recipe | str | None = None,
        limits: Limits | None = None,
        stdin: Input = None,
        timeout: float | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Run:
        """Make a container of a whole recipe, start a program in it, and wait for its end.

        With `limits` it has a control group of its own; `Run.reached` names the limits that have acted.
        """
        timeout = check_timeout(timeout)
        return self.launch(argv, Streams(stdin), recipe=recipe, limits=limits, env=env).finish(timeout)

    @enough_descriptors()
    @uninterrupted()
    def start(
        self,
        argv: Iterable[str],
        *,
        recipe: Recipe | str | None = None,
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
        recipe: Recipe | str | None = None,
        limits: Limits | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Program:
        """A program in a container of its own, with these streams."""
        began = time.monotonic()
        with self.reaper.lock:
            try:
                command = check_command(argv)
                self.world.require_open()
                recipe = self._chosen_recipe(recipe)
                environment = recipe.environment if env is None else check_environment(env)
                self.reaper.reap_now_and_then(self.launcher)
                group = None if limits is None else ControlGroup(limits, self.groups.fresh_name(), self.groups.where)
                return self.starter.start(recipe, group, ProgramStart(command, environment, streams, began))
            except BaseException:
                streams.close()
                raise

    # --- its end
    @uninterrupted(firm=True)
    def close(self) -> None:
        """Without its PID 1 the outer world ends, and with it all that is inside. Twice is fine."""
        self.containers.clear()
        self.world.launcher = self.host.carrier
        self.world.close()
        self._finalizer.detach()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Lab({'closed' if self.closed else ', '.join(self.containers) or 'no container yet'})"


def forget_in(containers: dict[str, Container]) -> Callable[[Container], None]:
    """A container that has ended is no longer in the way of its name. Holds no lab: it may be collected before."""

    def forget(box: Container) -> None:
        if containers.get(box.name) is box:
            del containers[box.name]

    return forget
