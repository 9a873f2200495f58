"""What a step is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from ..errors import BadInput
from ..kernel.arguments import GroupFile
from ..kernel.calls import Call
from ..kernel.checks import short_repr


@dataclass(frozen=True)
class AtBirth:
    """How a process has a step's effect from its first moment on."""

    resources: tuple[Resource, ...]
    cgroup: GroupFile | None  # the folder in which clone3 starts it
    joining: tuple[Call, ...]  # what it does itself, as soon as it may go on
    outside: tuple[Call, ...] = ()  # what the launcher does for it before
    groups: bool = False  # whether it moves to another control group


ShellForm = Literal["command", "wrapper", "outside"]


class Resource:
    """What must exist outside before a step's calls can work, as data: a control group, a network's end, a volume.

    A subclass is a frozen dataclass; how the runtime makes each kind stands in runtime/resources.py.
    """

    def calls(self) -> list[Call]:
        """The system calls that make it, from outside."""
        raise NotImplementedError


class Step:
    """One thing that can be done to a process on its way: a short list of system calls, as data.

    A step is a frozen dataclass. Nothing happens before a container applies it. A step of your own needs only
    `calls`; its docstring's first line describes it.
    """

    touches: tuple[str, ...] = ()  # the kinds of namespaces whose content it changes
    changes: str = ""  # the kind that must be the container's own, or the step would change the lab itself
    shell_form: ClassVar[ShellForm] = "command"  # a command, a wrapper that starts a program, or a command from outside

    def calls(self) -> list[Call]:
        """The system calls, as data, in their order."""
        raise NotImplementedError

    @property
    def needs(self) -> frozenset[str]:
        """What it depends on, in the words of the rules of order (steps/order.py)."""
        return frozenset({"privilege", f"own {self.changes}"} if self.changes else ())

    @property
    def provides(self) -> frozenset[str]:
        """What is so for the process once it has been taken, in the same words."""
        return frozenset({"change"} if self.changes else ())

    def resources(self) -> tuple[Resource, ...]:
        """What must exist outside before."""
        return ()

    def at_birth(self) -> AtBirth | None:
        """How a process that is only being made can have it from the start, where that is not by `calls`."""
        return None

    def all_calls(self) -> list[Call]:
        """The calls that make its resources, and its own."""
        return [*(call for resource in self.resources() for call in resource.calls()), *self.calls()]

    def describe(self) -> str:
        """What it does, in one line."""
        return (self.__doc__ or type(self).__name__).splitlines()[0]

    def shell(self) -> str:
        """The command of util-linux, iproute2 or coreutils that does the same; `outside` ones use $pid."""
        return f": {self.describe()}"

    def advice(self, errno: int) -> str:
        """What it means when it fails with `errno`, where the call's own hint cannot know; empty otherwise."""
        return ""

    @property
    def title(self) -> str:
        """A few words, for lists."""
        return type(self).__name__


def refuse_no_step(given: object, otherwise: str = "steps.NewNamespace(...) and the others") -> None:
    """Raises BadInput for whatever is no step, with what was meant, perhaps."""
    if isinstance(given, type) and issubclass(given, Step):
        raise BadInput(f"{given.__name__} is a kind of step", hint=f"with brackets: steps.{given.__name__}(...)")
    if not isinstance(given, Step):
        raise BadInput(f"{short_repr(given)} is no step", hint=otherwise)
