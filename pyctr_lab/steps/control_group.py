"""A control group with limits: what a process may use. See cgroups(7) and the kernel's document cgroup-v2.rst."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from errno import EEXIST

from ..cgroups.limits import Limits, check_group_name, places_of, settings_in
from ..cgroups.places import Delegation, Place, delegation
from ..errors import BadInput
from ..kernel.arguments import GroupDescriptor, GroupFile, Subject
from ..kernel.calls import Call, mkdirat, write
from ..kernel.checks import short_repr
from .namespaces import write_to
from .step import AtBirth, Resource, Step

EXAMPLE = 'write Limits(memory="64M", cpus=0.5, pids=32)'


@dataclass(frozen=True)
class LimitedGroup(Resource):
    """A control group with limits, below the lab's own, as data. In paths, LAB stands for the lab's own group.

    `where` is what may be limited here.
    """

    name: str
    limits: Limits
    where: Delegation

    def calls(self) -> list[Call]:
        """Make the folder in each tree, and write each limit."""
        made = [mkdirat(self.file(place)).accepting(EEXIST) for place in self.places()]
        written = [call for file, value in self.files() for call in write_to(file, value)]
        return [call.from_outside() for call in made + written]

    def places(self) -> tuple[Place, ...]:
        """The trees that the group is in."""
        return places_of(self.limits, self.where)

    def file(self, place: Place, name: str = "") -> GroupFile:
        """A file of the group, or its folder, in one tree."""
        return GroupFile(place.base, self.name, name)

    def files(self) -> Iterator[tuple[GroupFile, str]]:
        """What is written before a process enters: file and value."""
        for place in self.places():
            yield from ((self.file(place, setting.file), setting.value) for setting in place.inherited)
        for place, setting in settings_in(self.limits, self.where):
            yield self.file(place, setting.file), setting.value


@dataclass(frozen=True)
class ControlGroup(Step):
    """Put the process into a control group of its own, with limits. Done from outside; needs a delegated group.

    `where` is what may be limited here: looked at when the step is made, so that its calls are data.
    """

    limits: Limits = field(default_factory=Limits)
    name: str = "demo"
    where: Delegation = field(default_factory=delegation, repr=False, compare=False)
    shell_form = "command"

    def __post_init__(self) -> None:
        check_group_name(self.name)
        if not isinstance(self.limits, Limits):
            raise BadInput(f"{short_repr(self.limits)} are no limits", hint=EXAMPLE)

    @property
    def group(self) -> LimitedGroup:
        """The group, with its limits."""
        return LimitedGroup(self.name, self.limits, self.where)

    def resources(self) -> tuple[Resource, ...]:
        return (self.group,)

    def calls(self) -> list[Call]:
        """Write the process's number to each tree."""
        group = self.group
        entering = [write_to(group.file(place, "cgroup.procs"), Subject()) for place in group.places()]
        return [call.from_outside() for calls in entering for call in calls]

    def at_birth(self) -> AtBirth:
        """clone3 starts it in version 2's tree; it enters version 1's trees by itself.

        It is given each `tasks` file as a descriptor: a process that could open the file itself could leave the group
        as well. For a process that moves another, the kernel stops all forks and exits, and waits (an RCU grace
        period: 5 to 15 ms). A thread that writes 0 for itself cannot fork or end meanwhile.
        """
        group = self.group
        v1 = [place for place in group.places() if place.tree.version == 1]
        v2 = [place for place in group.places() if place.tree.version == 2]
        joining = tuple(write(GroupDescriptor(group.file(place, "tasks")), "0") for place in v1)
        return AtBirth((group,), group.file(v2[0]) if v2 else None, joining, groups=True)

    def describe(self) -> str:
        said = repr(self.limits).removeprefix("Limits(").removesuffix(")")
        return f"Put it into the control group {self.name}{', with ' + said if said else ''}. Done from outside."

    def shell(self) -> str:
        group = self.group
        folders = " ".join(shlex.quote(str(group.file(place))) for place in group.places())
        files = [f"echo {shlex.quote(value)} > {path}" for path, value in group.files()]
        enter = f"for folder in {folders}; do echo $$ > $folder/cgroup.procs; done"
        return " && ".join([f"mkdir -p {folders}", *self._enabling(), *files, enter])

    def _enabling(self) -> Iterator[str]:
        """In version 2 a group's children have only the controllers that it enables for them."""
        names = " ".join(sorted({f"+{setting.controller}" for _, setting in settings_in(self.limits, self.where)}))
        if names and self.where.style == "v2":
            base = self.where.places[0].base
            yield from (f"echo {names} > {folder}/cgroup.subtree_control" for folder in (base, f"{base}/LAB"))

    @property
    def title(self) -> str:
        return f"control group {self.name}"


__all__ = ["ControlGroup", "LimitedGroup"]
