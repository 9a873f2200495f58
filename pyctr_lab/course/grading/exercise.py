"""An exercise: its question, how its ground is made, a check that asks the kernel, and known wrong ideas."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from .ground import Ground, whole
from .question import Question
from .requirements import Requirement
from .submissions import Submission
from .view import KernelView


@dataclass(frozen=True, kw_only=True)
class Misconception:
    """A wrong idea that learners are known to have.

    `believes` is the idea in one sentence; `act` does what follows from it on a ground, and returns the wrong answer;
    `sign` recognises it from the kernel's truth and an answer; `message` is what the learner then reads. `explains`
    counts the requirements (1 is the first) whose miss the message explains: it is never shown while they all hold.
    `code` ("M1") counts them in their order: a new one comes last, for records keep the codes.
    """

    believes: str
    message: str
    explains: tuple[int, ...] = ()
    sign: Callable[[KernelView, Submission], bool]
    act: Callable[[Ground], object]
    code: str = ""


def on_whole(act: Callable[[Ground], object]) -> Callable[[Ground], object]:
    """The same deed, where only a learner's part of the ground is at hand."""
    return lambda ground: act(whole(ground))


class Exercise(Question):
    """The base of all exercises: a subclass sets the words of Question, `misconceptions`, and these methods."""

    misconceptions: ClassVar[tuple[Misconception, ...]] = ()

    def __init_subclass__(cls) -> None:
        numbered = enumerate(cls.misconceptions, 1)
        cls.misconceptions = tuple(replace(each, code=f"M{n}", act=on_whole(each.act)) for n, each in numbered)

    def setup(self, ground: Ground) -> None:
        """Make the ground: live containers, in the state in which the learner finds them."""
        raise NotImplementedError

    def check(self, view: KernelView, answer: Submission) -> list[Requirement]:
        """The requirements, each with what the kernel said. Read /proc and the answer, nothing else."""
        raise NotImplementedError

    def solution(self, ground: Ground) -> object:
        """Solve it, and return the answer. `reveal` shows these very lines."""
        raise NotImplementedError

    def teardown(self, ground: Ground) -> None:
        """Put back what ending the ground does not: for an exercise that reaches into the lab's own world."""

    def unavailable_reason(self) -> str:
        """Why this machine cannot have the exercise, with the way out; empty where it can."""
        return ""

    def recognise(
        self, view: KernelView, answer: Submission, requirements: Sequence[Requirement]
    ) -> Misconception | None:
        """The first known wrong idea whose sign shows and which explains a requirement that does not hold."""
        missed = {number for number, each in enumerate(requirements, 1) if not each.met}
        apt = (each for each in self.misconceptions if missed.intersection(each.explains))
        return next((each for each in apt if each.sign(view, answer)), None)

    def source(self) -> str:
        """The solution as lines for a notebook cell."""
        lines = inspect.getsource(self.solution).splitlines()[1:]
        body = textwrap.dedent("\n".join(lines))
        end = f'exercises.check("{self.id}"' + (", answer)" if self.wants.example else ")")
        body = re.sub(r"  # type: ignore.*", "", body)  # for the type checker alone
        body = body.replace("return None", "").replace("return ", "answer = ").rstrip()
        return f"{body}\n{end}"
