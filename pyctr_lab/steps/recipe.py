"""Recipes: steps in an order that works."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, reduce
from itertools import takewhile
from operator import or_

from ..errors import OrderError
from ..kernel.arguments import GroupDescriptor, GroupFile
from ..kernel.calls import Call, execve, fork, unshare
from ..kernel.checks import check_list
from ..kernel.constants import CLONE_INTO_CGROUP, CLONE_NEWCGROUP, KIND_FLAGS
from .ids import OwnIds
from .namespaces import NewNamespace
from .order import refusals
from .privileges import ENVIRONMENT, Environment
from .script import script
from .step import AtBirth, Resource, Step, refuse_no_step


class Recipe(Sequence[Step]):
    """Steps in an order that works: a container, not yet made.

    Raises OrderError, with the reason, for a list that cannot work. `shared` names the kinds of namespaces that the
    steps may change although the container shares them with the lab.
    """

    def __init__(self, steps: Iterable[Step], *, shared: Iterable[str] = ()) -> None:
        self.steps = tuple(check_list(steps, "a recipe"))
        self.shared = tuple(check_list(shared, "what is shared"))
        for step in self.steps:
            refuse_no_step(step)
        for refusal in refusals(self.steps, shared=self.shared):
            raise OrderError(f"this recipe cannot work: {refusal}", step=refusal.step, reason=refusal.reason)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        return self.steps[index]

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Recipe) and self.steps == other.steps

    def __hash__(self) -> int:
        return hash(self.steps)

    def __repr__(self) -> str:
        return f"Recipe({list(self.steps)!r})"

    def without(self, *unwanted: str | type[Step]) -> Recipe:
        """The same recipe without some steps: by their class, or a namespace by its kind. May raise OrderError."""

        def kept(step: Step) -> bool:
            kind = getattr(step, "kind", None) if isinstance(step, NewNamespace) else None
            return not any(kind == word if isinstance(word, str) else isinstance(step, word) for word in unwanted)

        return Recipe(filter(kept, self.steps), shared=self.shared)

    def with_shared_ids(self) -> Recipe:
        """The same recipe, with the lab's ids where it has a range of its own: files of the lab's root are its root's.

        So are an image's, a volume's, and a terminal.
        """
        if not any(isinstance(step, OwnIds) for step in self.steps):
            return self
        steps = (step.shared if isinstance(step, OwnIds) else step for step in self.steps)
        return Recipe(steps, shared=self.shared)

    def calls(self) -> list[Call]:
        """All system calls of all steps, in order."""
        return list(self._calls)

    @cached_property
    def _calls(self) -> tuple[Call, ...]:
        return tuple(call for step in self.steps for call in step.all_calls())

    @cached_property
    def birth(self) -> Birth:
        """The same list, rewritten so that clone3 starts the process in its namespaces."""
        early = {step: how for step in self.steps if (how := step.at_birth()) is not None}
        birth = birth_of(tuple(step for step in self.steps if step not in early))
        flags = birth.fork.args[0]
        assert isinstance(flags, int)
        if any(step.changes and not flags & KIND_FLAGS[step.changes] for step in early):  # its namespace comes later
            early = {step: how for step, how in early.items() if not step.changes}
            birth = birth_of(tuple(step for step in self.steps if step not in early))
        return reduce(Birth.into, early.values(), birth)

    @property
    def environment(self) -> dict[str, str]:
        """What the program finds in its environment."""
        return dict(pair for step in self.steps if isinstance(step, Environment) for pair in step.variables) or dict(
            ENVIRONMENT
        )

    def listing(self, argv: Sequence[str] = ()) -> str:
        """The calls of a real start, a line each, with their maker: launcher, outside (the launcher too), process."""
        birth = self.birth
        last = [execve(argv, self.environment)] if argv else []
        made = [
            *(("outside", call) for resource in birth.resources for call in resource.calls()),
            ("launcher", birth.fork),
            *(("outside" if call.outside else "process", call) for call in birth.calls + last),
        ]
        return "\n".join(f"{who + ':':<10}{call}" for who, call in made)

    def shell(self, argv: Sequence[str] = ("/bin/sh",)) -> str:
        """A POSIX script that makes the same container with util-linux and iproute2, and runs a program in it."""
        return script(self.steps, argv, self.environment)


@dataclass(frozen=True)
class Birth:
    """A list of calls, rewritten: what comes first, the fork (or clone3) that makes the process, and the rest.

    `rest` is the same for each start of a recipe; what differs, for a group of its own, stands in the other two.
    """

    fork: Call
    rest: list[Call]
    resources: tuple[Resource, ...] = ()  # made before
    joining: tuple[Call, ...] = ()  # made by the process, as soon as it may go on: it may be waiting for the launcher
    reaching: tuple[Call, ...] = ()  # made by the launcher before that

    @property
    def given(self) -> list[GroupFile]:
        """The files that the process is given as descriptors: it may not open them itself."""
        return [arg.file for call in self.joining for arg in call.args if isinstance(arg, GroupDescriptor)]

    def resolved(self, lab: str) -> Birth:
        """The same, with the name of the lab's own control group in what differs from start to start."""
        joining = tuple(call.resolved(pid=None, lab=lab) for call in self.joining)
        return replace(self, fork=self.fork.resolved(pid=None, lab=lab), joining=joining)

    @property
    def outside(self) -> int:
        """How many calls of the rest come first, and are made by the launcher."""
        return len(list(takewhile(lambda call: call.outside, self.rest)))

    @property
    def calls(self) -> list[Call]:
        """All that comes after the fork."""
        return [*self.rest[: self.outside], *self.reaching, *self.joining, *self.rest[self.outside :]]

    def into(self, how: AtBirth) -> Birth:
        """The same process, with the effect of one more step from the start."""
        start, own = self._in_group(how.cgroup) if how.groups else (self.fork, [])
        return replace(
            self,
            fork=start,
            resources=(*self.resources, *how.resources),
            joining=(*self.joining, *how.joining, *own),
            reaching=(*self.reaching, *how.outside),
        )

    def _in_group(self, folder: GroupFile | None) -> tuple[Call, list[Call]]:
        """In a control group from the start: clone3 starts it there (v2), or it enters by itself.

        A cgroup namespace shows the group in which it was made as `/`: so it is made when the process is there.
        """
        flags = self.fork.args[0]
        assert isinstance(flags, int)
        own = [unshare(CLONE_NEWCGROUP)] if flags & CLONE_NEWCGROUP else []
        plain = flags & ~CLONE_NEWCGROUP
        return fork(plain | CLONE_INTO_CGROUP, folder) if folder is not None else fork(plain), own


@lru_cache(maxsize=64)
def birth_of(steps: tuple[Step, ...]) -> Birth:
    """The start of a process that takes these steps, and what they need outside."""
    birth = born_with([call for step in steps for call in step.calls()])
    return replace(birth, resources=tuple(resource for step in steps for resource in step.resources()))


MOVABLE = ("setgroups", "setresgid", "setresuid", "prctl")
"""Calls that do the same behind the fork: who a process is, it is in all namespaces."""


def born_with(calls: Sequence[Call]) -> Birth:
    """Rewrite a list so that clone3 makes the namespaces that it unshares before its first fork: one fork is saved.

    A list that does more than that before its first fork, but for becoming a user, stays as it is.
    """
    forks = [place for place, call in enumerate(calls) if call.name == "fork"]
    before = list(calls[: forks[0]]) if forks else []
    unshared = [call for call in before if call.name == "unshare"]
    outside = [call for call in before if call.outside]
    moved = [call for call in before if call.name in MOVABLE and not call.outside]
    twice = len({call.args for call in unshared}) < len(unshared)  # one namespace within another of its kind
    if not forks or twice or len(unshared) + len(outside) + len(moved) < len(before):
        return Birth(fork(), list(calls))
    flags = reduce(or_, (call.args[0] for call in unshared if isinstance(call.args[0], int)))
    return Birth(fork(flags), [*outside, *moved, *calls[forks[0] + 1 :]])
