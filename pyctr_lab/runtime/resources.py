"""What steps need outside: made before their calls, and given back, whatever kind of thing it is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from ..cgroups import Cgroup
from ..cgroups.group import adopt
from ..kernel.calls import Answer
from ..steps import LimitedGroup, Resource
from .outer_world import OuterWorld


class Held(Protocol):
    """A resource that has been made."""

    def leave(self) -> None:
        """Give it back, unless others use it still."""

    def remove(self) -> None:
        """Give it back, with all that is in it."""


class Holder(Protocol):
    """A process, or the start of one, for which resources are made."""

    held: list[Held]

    def moved_to(self, group: Cgroup) -> None:
        """Take note of a control group of its own."""


class Keeper(Protocol):
    """How one kind of resource is made in a lab."""

    def refuse_harm(self, world: OuterWorld, resource: Any, pid: int) -> None:
        """Raise Harm where a process must not have it."""

    def adopt(self, world: OuterWorld, resource: Any, holder: Holder) -> Held:
        """The resource as an object, before its calls are made."""

    def made(self, world: OuterWorld, answers: list[Answer]) -> None:
        """Finish what the resource's calls have made, before the process uses it."""


class GroupKeeper:
    """Control groups: below the lab's own, written to by no container."""

    def refuse_harm(self, world: OuterWorld, resource: LimitedGroup, pid: int) -> None:
        """Raise Harm for a process that must not end with a group."""
        world.groups.refuse_harm(pid)

    def adopt(self, world: OuterWorld, resource: LimitedGroup, holder: Holder) -> Cgroup:
        """The group as an object, which the holder is in from now on."""
        group = adopt(world.groups, resource.name, resource.limits)
        holder.moved_to(group)
        return group

    def made(self, world: OuterWorld, answers: list[Answer]) -> None:
        """Protect the group's files from the containers."""
        world.groups.protect_made(answers)


KEEPERS: dict[type[Resource], Keeper] = {LimitedGroup: GroupKeeper()}
"""How each kind is made. A room above this one adds its own: `KEEPERS[Veth] = VethKeeper()`."""


def take(world: OuterWorld, resources: Iterable[Resource], holder: Holder) -> list[Answer]:
    """Make what a step needs. Raises CallError as the kernel says; the holder has then what was made before."""
    answers: list[Answer] = []
    for resource in resources:
        keeper = KEEPERS[type(resource)]
        held = keeper.adopt(world, resource, holder)
        if held not in holder.held:
            holder.held.append(held)
        calls = resource.calls()
        answers += world.outside(calls) if calls else []
        if calls and answers[-1].failed:
            raise answers[-1].error(answers)
        keeper.made(world, answers)
    return answers


def give_back(held: list[Held], *own: Held | None) -> None:
    """Give back what a holder has, last taken first; what is its `own` goes with all that is in it."""
    while held:
        last = held.pop()
        last.remove() if last in own else last.leave()
