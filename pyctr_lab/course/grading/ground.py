"""The ground of an exercise: live containers, programs and control groups, made for one learner and one variant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ...errors import BadInput, Gone
from ..learner.page import Page
from .processes import end_below
from .question import Question, Values
from .view import KernelView

if TYPE_CHECKING:
    from ...runtime import Cgroup, Container, Lab, Program


@dataclass(eq=False)
class Ground:
    """All that an exercise makes for the learner: live containers by name, and the values of this variant.

    `ground["amber"]` is a container of it; `ground.box` the only one, or the first; `ground.groups` are its control
    groups, and end with it. `values` and `facts` are plain data: of the variant, and as found on the machine when the
    ground was made. `held` keeps alive what the ground needs: virtual machines, open files.

    An exercise makes the whole ground; a learner gets what `shown()` returns, without the answer.
    """

    exercise: Question
    lab: Lab
    seed: int
    values: Values
    boxes: dict[str, Container] = field(default_factory=dict)
    programs: dict[str, Program] = field(default_factory=dict)
    groups: dict[str, Cgroup] = field(default_factory=dict)
    facts: Values = field(default_factory=dict)
    held: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Container:
        if name in self.boxes:
            return self.boxes[name]
        kinds = {"groups": "a control group", "programs": "a program", "held": "what you look for"}
        parts = [f"ground.{part}[{name!r}] is {kind}" for part, kind in kinds.items() if name in getattr(self, part)]
        hint = parts[0] if parts else f"there is {', '.join(self.boxes) or 'none'}"
        raise BadInput(f"the ground has no container {name!r}", hint=hint)

    def __iter__(self) -> Iterator[str]:
        return iter(self.boxes)

    @property
    def box(self) -> Container:
        """The only container of the ground, or the first."""
        return next(iter(self.boxes.values()))

    def add(self, name: str) -> Container:
        """A new live process with no walls, under this name."""
        self.boxes[name] = self.lab.container(name)
        self.boxes[name].again = f'ground = exercises.start("{self.exercise.id}", lab)'
        return self.boxes[name]

    def shown(self) -> Shown:
        """The ground as its learner gets it."""
        return Shown(self)

    def end(self) -> None:
        """End all that was made for it: containers and what runs below them, programs, control groups."""
        for box in self.boxes.values():
            if box.alive:
                self._end_below(box.machine_pid)
                box.kill()
        for program in self.programs.values():  # those of a container that was killed have outlived it
            if program.alive:
                self._end_below(program.machine_pid)
                program.kill()
            self.lab.reaper.forget(program.machine_pid)
        for group in self.groups.values():
            group.remove()

    def _end_below(self, top: int) -> None:
        for pid in end_below(top):
            self.lab.reaper.forget(pid)  # so that the lab reaps it

    def pids(self) -> dict[str, int]:
        """Process numbers as this machine sees them, of the containers and of the programs started in them."""
        living: dict[str, Container | Program] = {**self.boxes, **self.programs}
        return {name: _number(each) for name, each in living.items()}

    def view(self) -> KernelView:
        """The ground as the check will see it, now."""
        return KernelView(self.exercise.id, self.values, self.pids(), self.lab.host.machine_pid, self.facts)

    def page(self) -> Page:
        """The exercise as the learner reads it."""
        exercise = self.exercise
        page = Page(f"Exercise {exercise.id} “{exercise.title}”").line(exercise.ask(self.values))
        check = f'exercises.check("{exercise.id}"{exercise.wants.example and ", answer"})'
        name, words, there = self._asked_about()
        rows = [(name, f"{', '.join(there)}: {words.format(next(iter(there)))}")] if there else []
        rows += [("answer", exercise.wants.words)] if exercise.wants.words else []
        return page.rows([*rows, ("check", check), ("hints", f'exercises.hint("{exercise.id}")')])

    def _asked_about(self) -> tuple[str, str, Mapping[str, object]]:
        """The part of the ground that the question is about: the row's name, how to take one of it, and all of it."""
        asked = self.exercise.ask(self.values)
        parts: dict[str, tuple[str, Mapping[str, object]]] = {
            "boxes": ('ground["{}"] is a live container', self.boxes),
            "programs": ('ground.programs["{}"] is a live program', self.programs),
            "held": ('ground.held["{}"] is one', self.held),
            "facts": ('ground.facts["{}"]', {name: self.facts[name] for name in self.facts if f'"{name}"' in asked}),
        }
        if self.groups:
            return "groups", 'ground.groups["{}"] is one', self.groups
        return "ground", *parts[self.exercise.asks_about]

    def __repr__(self) -> str:
        return self.page().text()

    def _repr_html_(self) -> str:
        return self.page().html()


class Shown(Ground):
    """What a learner holds of a ground: its containers, and the values that the question names.

    Names and figures are copies: what is done to them changes nothing for the check.
    """

    def __init__(self, ground: Ground) -> None:
        self.become(ground)

    def become(self, ground: Ground) -> Shown:
        """Show this ground from now on, so that a variable which holds an earlier one sees the new one."""
        exercise = ground.exercise
        self.exercise, self.lab, self.held = exercise, ground.lab, ground.held
        self.values = deepcopy(exercise.shown(ground.values))
        self.facts = {name: _by_name(fact, exercise.names) for name, fact in deepcopy(ground.facts).items()}
        self.boxes, self.groups = dict(ground.boxes), dict(ground.groups)
        self.programs = {name: each for name, each in ground.programs.items() if name not in exercise.hides}
        _WHOLE[self] = ground
        return self

    def view(self) -> KernelView:
        """Only a check has this view. Raises BadInput."""
        raise BadInput("only the check sees the ground like this", hint="ground.box.view() shows a container")


#: The ground behind each that a learner holds.
_WHOLE: WeakKeyDictionary[Shown, Ground] = WeakKeyDictionary()


def _by_name(fact: object, names: tuple[str, ...]) -> object:
    """What was found for each name, in the order of the names: another order could be that of the parts they play."""
    return dict(sorted(fact.items())) if isinstance(fact, dict) and fact.keys() <= {*names} else fact


def whole(ground: Ground) -> Ground:
    """All of the ground of which a learner holds a part."""
    return _WHOLE[ground] if isinstance(ground, Shown) else ground


def _number(process: Container | Program) -> int:
    """Its number on this machine; 0 for one that has ended."""
    try:
        return process.machine_pid
    except Gone:
        return 0
