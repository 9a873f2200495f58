"""What a learner hands in, read strictly: a submission is plain data before any check sees it.

Names may be given as text (one, or several with commas or spaces between), as containers or programs, in any
collection; numbers as any kind of number, or as text. All else (an object that claims to be equal to everything) is
refused here, with its value and the reason.
"""

from __future__ import annotations

import math
import numbers
import operator
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from os import PathLike
from weakref import WeakKeyDictionary

Submission = tuple[str, ...] | int | str | None

DECIMAL = re.compile(r"([0-9]{1,11}(?:[.,][0-9]{1,20})?)\s*([A-Za-z]*)")
SEPARATORS = re.compile(r"[\s,;]+")
UNITS = {"B": 1 / 1024**2, "KiB": 1 / 1024, "kB": 1 / 1024, "MiB": 1, "GiB": 1024}  # in MiB; /proc calls a KiB kB
MOST_PARTS = 1000  # of an answer that never ends

#: The names that an exercise has given to programs of its ground.
PROGRAM_NAMES: WeakKeyDictionary[object, str] = WeakKeyDictionary()


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
    """Names out of a known set: exactly `count` different ones, or any number, none included, where count is 0."""

    count: int = 0

    def read(self, given: object) -> Submission:
        """The names, sorted and each once."""
        found = parts(given)
        if missing(found) or (self.count and not found):
            return None
        names = sorted({plain_name(part) for part in found})
        if self.count and len(names) != self.count:
            wanted = "wanted is one name" if self.count == 1 else f"wanted are {self.count}"
            raise UnreadableSubmission(f"you named {len(names)}: {', '.join(names)[:60]}; {wanted}")
        return tuple(names)


@dataclass(frozen=True)
class InOrder(Wants):
    """So many names, of which each has its place."""

    count: int = 0

    def read(self, given: object) -> Submission:
        """The names as they were given."""
        found = parts(given)
        if missing(found) or not found:
            return None
        names = tuple(plain_name(part) for part in found)
        if isinstance(given, set | frozenset):
            raise UnreadableSubmission(f"{shown(given)} is a set, which has no order; wanted are {self.count} in order")
        if len(names) != self.count:
            raise UnreadableSubmission(
                f"you named {len(names)}: {', '.join(names)[:60]}; wanted are {self.count}, in order: (..., ...)"
            )
        return names


@dataclass(frozen=True)
class Number(Wants):
    """A process id, or another whole number; one that need not be `whole` is rounded. `unit` may stand behind it."""

    whole: bool = True
    unit: str = ""

    def read(self, given: object) -> Submission:
        """The number: of any kind, or as text."""
        found = [given] if isinstance(given, str) else parts(given)
        if missing(found) or not found:
            return None
        if len(found) != 1:
            raise UnreadableSubmission(f"{shown(given)} has {len(found)} parts; wanted is one number")
        (only,) = found
        number = self._of_text(only) if isinstance(only, str) else plain_number(only)
        if number is None or not math.isfinite(number):
            raise UnreadableSubmission(f"{shown(only)} is {kind_of(only)}; wanted is a number")
        if self.whole and number != int(number):
            raise UnreadableSubmission(f"{shown(only)} is no whole number; wanted is a whole one")
        return int(number) if self.whole else round(number)

    def _of_text(self, text: str) -> float | None:
        """The number that a text is: digits, a point or a comma, a unit. None for another text."""
        text = "".join(list(text)).strip()
        match = DECIMAL.fullmatch(text) if text.isascii() else None
        if match is None:
            return None
        digits, unit = match.groups()
        if unit and (not self.unit or unit not in UNITS):
            wanted = f"in {self.unit}" if self.unit else "a number without a unit"
            raise UnreadableSubmission(f"{shown(text)} has the unit {unit!r}; wanted is {wanted}")
        if re.fullmatch(r"[0-9]+,[0-9]{3}", digits):
            raise UnreadableSubmission(f"{shown(text)} is thousands or a fraction; wanted is no comma")
        if digits.isdigit() and not unit:
            return int(digits)
        return float(digits.replace(",", ".")) * (UNITS[unit] / UNITS[self.unit] if unit else 1)


@dataclass(frozen=True)
class Word(Wants):
    """One word out of a list of choices."""

    choices: tuple[str, ...] = ()

    def read(self, given: object) -> Submission:
        """The word, if it is one of the choices."""
        there = parts(given)
        if missing(there) or not there:
            return None
        found = [plain_name(part) for part in there]
        word = found[0] if found[0] in self.choices else found[0].casefold()  # the course writes PID and UTS, too
        if len(found) != 1 or word not in self.choices:
            said = given if isinstance(given, str) else ", ".join(found)
            raise UnreadableSubmission(f"you handed in {shown(said)}; wanted is one of {', '.join(self.choices)}")
        return word


@dataclass(frozen=True)
class Choices(Wants):
    """One of the choices for each of several names: a dict, or texts "name=choice" as a terminal gives them."""

    choices: tuple[str, ...] = ()

    def read(self, given: object) -> Submission:
        """The pairs as sorted texts "name=choice"; what they are about, only the exercise knows."""
        pairs = [*given.items()] if isinstance(given, Mapping) else self._pairs(given)
        if missing(part for pair in pairs for part in pair) or not pairs:
            return None
        found: dict[str, str] = {}
        for name, choice in ((plain_name(name), self._choice(name, choice)) for name, choice in pairs):
            if found.setdefault(name, choice) != choice:
                raise UnreadableSubmission(
                    f"{name[:30]!r} has two choices; wanted is one for each, of {', '.join(self.choices)}"
                )
        return tuple(sorted(f"{name}={choice}" for name, choice in found.items()))

    def _pairs(self, given: object) -> list[tuple[object, object]]:
        """Names and choices out of a text "a=x, b=y", a collection of such texts, or of pairs."""
        split = re.split(r"[,;\n]", "".join(list(given))) if isinstance(given, str) else parts(given)
        if missing(split):
            return [(..., ...)]
        if split and all(isinstance(part, tuple | list) and len(part) == 2 for part in split):
            return [(part[0], part[1]) for part in split]  # type: ignore[index]
        texts = [text for text in map(plain_name, split) if text]
        if not all("=" in text for text in texts):
            wanted = "wanted is a dict, with one choice for each name: {name: choice, ...}"
            raise UnreadableSubmission(f"{shown(given)} has no choice for a name; {wanted}")
        return [(name, choice) for name, _, choice in (text.partition("=") for text in texts)]

    def _choice(self, name: object, given: object) -> str:
        """A choice as the exercise writes it: "As_Quick" is "as quick"."""
        choice = plain_name(given)
        plain = " ".join(re.split(r"[\s_-]+", choice.casefold()))
        if plain not in self.choices:
            raise UnreadableSubmission(
                f"{plain_name(name)[:30]!r} has {choice[:30]!r}; wanted is one of {', '.join(self.choices)}"
            )
        return plain


def missing(found: Iterable[object]) -> bool:
    """Whether the dots of an unsolved cell still stand."""
    return any(part is None or part is ... for part in found)


def parts(given: object) -> list[object]:
    """The members of a collection, whatever its kind; the names in one text: "a, b", "a b".

    Of a dict its keys; where each value is True or False, those with True.
    """
    if hasattr(given, "tolist") and not isinstance(given, type):  # numpy's arrays, numbers and texts
        given = given.tolist()
    if isinstance(given, str):
        return [part for part in SEPARATORS.split(str.strip(given)) if part] or [given]
    if isinstance(given, bytes | PathLike) or not isinstance(given, Iterable):
        return [given]
    if isinstance(given, dict) and all(isinstance(value, bool) for value in given.values()):
        given = [key for key, value in given.items() if value]
    return list(islice(given, MOST_PARTS))


def plain_number(part: object) -> float | None:
    """A number of any kind as an exact int or float; None for what is none, True and False included."""
    if isinstance(part, bool) or not isinstance(part, numbers.Real):
        return None
    if isinstance(part, numbers.Integral):
        return int.__pos__(operator.index(part))
    return float.__pos__(float(part))


def plain_name(part: object) -> str:
    """A name as an exact str, from text, a path, or from a container, a control group or a program of the ground."""
    from ...runtime import Cgroup, Container, Program

    name: object = part
    if isinstance(part, Container | Cgroup):
        name = part.name
    elif isinstance(part, Program):
        name = PROGRAM_NAMES.get(part)
    elif isinstance(part, PathLike):
        name = part.__fspath__()
    if not isinstance(name, str):
        raise UnreadableSubmission(f"{shown(part)} is {kind_of(part)}; wanted are names, as text")
    name = "".join(list(name)).strip()
    try:
        name.encode()
    except UnicodeEncodeError:
        raise UnreadableSubmission(f"{shown(name)} has a character that no text has; wanted are names") from None
    return name


def shown(given: object) -> str:
    """A value as it was handed in, short and readable everywhere; its kind where the value has no short text."""
    plain = (str, bytes, int, float, list, tuple, set, frozenset, dict, type(None))
    if type(given) not in plain and not isinstance(given, numbers.Number | PathLike):
        return f"what you handed in ({type(given).__name__})"
    text = ascii(given)
    return "what you handed in" if " at 0x" in text else text if len(text) <= 60 else f"{text[:57]}..."


def kind_of(given: object) -> str:
    """The kind of what was handed in, in words that are the same on every run."""
    words = {str: "a text", float: "a fraction", bool: "true or false", bytes: "bytes", int: "a number"}
    return words.get(type(given), f"an object of the kind {type(given).__name__}")
