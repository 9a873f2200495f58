"""What a learner hands in, read strictly: a submission is plain data before any check sees it.

Names may be given as text or as the containers themselves. All else (an object that claims to be equal to everything,
a whole sentence) is refused here, with the reason.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

Submission = tuple[str, ...] | int | str | None

DECIMAL = re.compile(r"[0-9]{1,11}\.[0-9]{1,20}")


class UnreadableSubmission(ValueError):
    """What was handed in cannot be read; the text says what could be."""


@dataclass(frozen=True)
class Wants:
    """The kind of submission that an exercise wants. The base wants none: the check looks at the kernel alone."""

    words: str = ""
    example: str = ""

    def read(self, given: object) -> Submission:
        """The answer as plain data, None where none was given. Raises UnreadableSubmission."""
        return None


@dataclass(frozen=True)
class Names(Wants):
    """Names out of a known set: exactly `count` different ones, or any number where count is 0."""

    count: int = 0

    def read(self, given: object) -> Submission:
        """The names, sorted and each once."""
        if missing(given):
            return None
        found = sorted({plain_name(part) for part in parts(given)})
        if self.count and len(found) != self.count:
            raise UnreadableSubmission(
                f"you named {len(found)} ({', '.join(found) or 'none'}); wanted are {self.count}"
            )
        return tuple(found)


@dataclass(frozen=True)
class InOrder(Wants):
    """So many names, of which each has its place."""

    count: int = 0

    def read(self, given: object) -> Submission:
        """The names as they were given."""
        if missing(given):
            return None
        found = tuple(plain_name(part) for part in parts(given))
        if isinstance(given, set | frozenset) or len(found) != self.count:
            raise UnreadableSubmission(f"you named {len(found)}, wanted are {self.count}, in order: (..., ...)")
        return found


@dataclass(frozen=True)
class Number(Wants):
    """A process id, or another whole number; one that need not be `whole` is rounded."""

    whole: bool = True

    def read(self, given: object) -> Submission:
        """The number; text of digits will do."""
        if missing(given):
            return None
        if isinstance(given, list | tuple) and len(given) == 1:
            given = given[0]
        if isinstance(given, str) and given.strip().isascii() and given.strip().isdigit() and len(given) < 12:
            return int(str.strip(given))
        if not self.whole and isinstance(given, str) and DECIMAL.fullmatch(given.strip()):
            given = float(str.strip(given))
        if not self.whole and type(given) is float and math.isfinite(given):
            return round(given)
        if type(given) is not int:
            raise UnreadableSubmission(f"you handed in {kind_of(given)}; wanted is a number")
        return given


@dataclass(frozen=True)
class Word(Wants):
    """One word out of a list of choices."""

    choices: tuple[str, ...] = ()

    def read(self, given: object) -> Submission:
        """The word, if it is one of the choices."""
        if missing(given):
            return None
        found = [plain_name(part) for part in parts(given)]
        if len(found) != 1 or found[0] not in self.choices:
            raise UnreadableSubmission(
                f"you handed in {', '.join(found)[:60]!r}; wanted is one of {', '.join(self.choices)}"
            )
        return found[0]


@dataclass(frozen=True)
class Choices(Wants):
    """One of the choices for each of several names: a dict, or texts "name=choice" as a terminal gives them."""

    choices: tuple[str, ...] = ()

    def read(self, given: object) -> Submission:
        """The pairs as sorted texts "name=choice"; what they are about, only the exercise knows."""
        pairs = dict(given) if isinstance(given, dict) else None
        if missing(given if pairs is None else list(pairs.values())):
            return None
        if pairs is None:
            texts = [plain_name(part) for part in parts(given)]
            if not all("=" in text for text in texts):
                raise UnreadableSubmission("wanted is a dict, with one choice for each name: {name: choice, ...}")
            split = [text.partition("=")[::2] for text in texts]
            pairs = dict(split)
            if len(pairs) != len(split):
                raise UnreadableSubmission(
                    f"a name has two choices; wanted is one for each, of {', '.join(self.choices)}"
                )
        found = {plain_name(name): plain_name(choice) for name, choice in pairs.items()}
        for name, choice in found.items():
            if choice not in self.choices:
                raise UnreadableSubmission(
                    f"{name[:30]!r} has {choice[:30]!r}; wanted is one of {', '.join(self.choices)}"
                )
        return tuple(sorted(f"{name}={choice}" for name, choice in found.items()))


def missing(given: object) -> bool:
    """Whether the dots of an unsolved cell still stand."""
    if given is None or given is ...:
        return True
    return isinstance(given, list | tuple | set | frozenset) and (not given or any(part is ... for part in given))


def parts(given: object) -> Iterable[object]:
    """The members of a collection; a single name counts as one."""
    return given if isinstance(given, list | tuple | set | frozenset) else (given,)


def plain_name(part: object) -> str:
    """A name as an exact str, from text, or from a container or a control group."""
    from ...runtime import Cgroup, Container

    name = part.name if isinstance(part, Container | Cgroup) else part
    if not isinstance(name, str):
        raise UnreadableSubmission(f"you handed in {kind_of(part)}; wanted are names, as text")
    return "".join(list(name)).strip()


def kind_of(given: object) -> str:
    """The type of what was handed in, in words that are the same on every run."""
    return f"an object of the kind {type(given).__name__}"
