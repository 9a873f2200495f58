"""What an exercise is: a question, ground of its own, a check that asks the kernel, hints, and known wrong ideas."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar

from ...errors import BadInput, Gone
from ..learner.page import Page
from .submissions import Answer, Wants
from .verdicts import Requirement
from .view import Scene

if TYPE_CHECKING:
    from ...runtime import Cgroup, Container, Lab, Program

Values = dict[str, Any]


@dataclass
class Ground:
    """What an exercise has made for the learner: live containers by name, and the values of this variant.

    `ground["amber"]` is a container of it; `ground.box` the only one, or the first; `ground.groups` are its control
    groups, and end with it. `values` and `facts` are plain
    data: those of the variant, and those that were found on the machine when the ground was made. `held` keeps what has
    to live as long as the ground does: virtual machines, open files.
    """

    exercise: Exercise
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
        group = f"ground.groups[{name!r}] is a control group"
        hint = group if name in self.groups else f"there is {', '.join(self.boxes) or 'none'}"
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

    def become(self, fresh: Ground) -> Ground:
        """Is the fresh ground from now on, for whoever still holds the ended one."""
        vars(self).update(vars(fresh))
        return self

    def pids(self) -> dict[str, int]:
        """Process numbers as this machine sees them, of the containers and of the programs started in them."""
        living: dict[str, Container | Program] = {**self.boxes, **self.programs}
        return {name: _number(each) for name, each in living.items()}

    def scene(self) -> Scene:
        """The ground as the check will see it, now."""
        return Scene(self.exercise.id, self.values, self.pids(), self.lab.host.host_pid, self.facts)

    def page(self) -> Page:
        """The exercise as the learner reads it."""
        exercise = self.exercise
        page = Page(f"Exercise {exercise.id} “{exercise.title}”").line(exercise.ask(self.values))
        names = ", ".join([] if self.groups else self.boxes)
        check = f'exercises.check("{exercise.id}"{exercise.wants.example and ", answer"})'
        rows = [("ground", f'{names}: ground["{next(iter(self.boxes))}"] is a live container')] if names else []
        if self.groups:
            rows.append(("groups", f'{", ".join(self.groups)}: ground.groups["{next(iter(self.groups))}"] is one'))
        rows += [("answer", exercise.wants.words)] if exercise.wants.words else []
        return page.rows([*rows, ("check", check), ("hints", f'exercises.hint("{exercise.id}")')])

    def __repr__(self) -> str:
        return self.page().text()

    def _repr_html_(self) -> str:
        return self.page().html()


def _number(process: Container | Program) -> int:
    """Its number on this machine; 0 for one that has ended."""
    try:
        return process.host_pid
    except Gone:
        return 0


@dataclass(frozen=True)
class Misconception:
    """A wrong idea that learners are known to have.

    `believes` says it in one sentence; `act` does what who believes it would do, and returns the answer that would
    be given; `sign` recognises it afterwards from the kernel's truth and the answer; `message` speaks to it.
    """

    code: str
    believes: str
    message: str
    sign: Callable[[Scene, Answer], bool]
    act: Callable[[Ground], object]


class Exercise:
    """The base of all exercises. A subclass sets the class attributes and writes the four methods.

    `question` may name values: "Give it the name {hostname}." `hints` go from a nudge to nearly the answer.
    """

    id: ClassVar[str]
    title: ClassVar[str]
    question: ClassVar[str]
    wants: ClassVar[Wants] = Wants()
    hints: ClassVar[tuple[str, ...]]
    misconceptions: ClassVar[tuple[Misconception, ...]]
    after: ClassVar[str]
    names: ClassVar[tuple[str, ...]] = ()

    @property
    def lesson(self) -> str:
        """The two digits of its lesson: "03"."""
        return self.id.partition(".")[0].zfill(2)

    def values(self, random: Random) -> Values:
        """The values of a variant, as plain data (they are kept in a file)."""
        return {"names": random.sample(self.names, len(self.names))}

    def setup(self, ground: Ground) -> None:
        """Makes the ground: live containers, in the state in which the learner finds them."""
        raise NotImplementedError

    def check(self, scene: Scene, answer: Answer) -> Sequence[Requirement]:
        """What has to hold, each with what the kernel said. Reads /proc and the answer, nothing else."""
        raise NotImplementedError

    def solution(self, ground: Ground) -> object:
        """Does what is asked and returns the answer. `reveal` shows these very lines."""
        raise NotImplementedError

    def dissolve(self, ground: Ground) -> None:
        """Puts back what `kill` on each container does not: for ground that reaches into the lab's own world."""

    def hindrance(self) -> str:
        """What is missing on this machine for the exercise, with the way out; empty where nothing is."""
        return ""

    def ask(self, values: Values) -> str:
        """The question, with the values of a variant."""
        return " ".join(self.question.format(**values).split())

    def hint(self, tier: int, values: Values) -> str:
        """A hint, 1 being the first, with the values of a variant."""
        words = " ".join(self.hints[tier - 1].split())
        for name, value in values.items():
            words = words.replace(f"{{{name}}}", str(value))
        return words

    def variant(self, seed: int) -> Values:
        """The values that belong to a seed: the same on every machine."""
        return self.values(Random(f"{self.id}/{seed}"))

    def recognise(self, scene: Scene, answer: Answer) -> Misconception | None:
        """The first known wrong idea whose sign shows."""
        return next((each for each in self.misconceptions if each.sign(scene, answer)), None)

    def source(self) -> str:
        """The solution as lines for a notebook cell."""
        lines = inspect.getsource(self.solution).splitlines()[1:]
        body = textwrap.dedent("\n".join(lines))
        end = f'exercises.check("{self.id}"' + (", answer)" if self.wants.example else ")")
        body = body.replace("return None", "").replace("return ", "answer = ").rstrip()
        return f"{body}\n{end}"
