"""What is refused before it reaches the kernel: what C could not carry, or what would be cut without a word.

Each returns what it was given. Raises BadInput, in one line.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import BadInput
from .spelling import Argument, GroupDescriptor, GroupFile, Later, ProcFile, Ref

WORD = (1 << 63) - 1


def short(thing: object) -> str:
    """A wrong argument in a complaint: its repr, cut to 40 characters."""
    said = repr(thing)
    return said if len(said) <= 40 else said[:37] + "..."


def text(value: object, what: str) -> str:
    """Text that C can carry: no NUL inside, and no half of a UTF-16 pair."""
    if not isinstance(value, str):
        raise BadInput(f"{what} is text, not {type(value).__name__}: {short(value)}")
    if "\0" in value:
        raise BadInput(f"{what} must not contain a NUL byte: {short(value)}")
    try:
        os.fsencode(value)
    except UnicodeEncodeError:
        raise BadInput(f"{what} must not contain half a surrogate pair: {short(value)}") from None
    return value


def path(value: Any, what: str = "a path") -> Any:
    """A file name as the kernel takes it: not empty, at most 4,095 bytes; or a file whose name is known later."""
    if isinstance(value, ProcFile | GroupFile):
        return value
    name = text(value, what)
    if not name:
        raise BadInput(f"{what} must not be empty")
    if len(os.fsencode(name)) > 4095:
        raise BadInput(f"{what} is {len(os.fsencode(name))} bytes long; the kernel takes 4095 (PATH_MAX)")
    return name


def number(value: Any, what: str, least: int = 0, most: int = WORD) -> Any:
    """A number that fits into a machine word, or a reference to one."""
    if isinstance(value, Ref | GroupDescriptor):
        return value
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadInput(f"{what} is a number, not {short(value)}")
    if not least <= value <= most:
        limit = "2^63-1" if most == WORD else most
        raise BadInput(f"{what} is a number from {least} up to {limit}, not {short(value)}")
    return value


def identity(value: object, what: str) -> int:
    """A user or group id: 32 bits, and the last of them means "none"."""
    number(value, what, most=(1 << 32) - 2)
    if isinstance(value, Ref | GroupDescriptor):
        raise BadInput(f"{what} is a number, not {short(value)}")
    assert isinstance(value, int)
    return value


def several(values: object, what: str) -> tuple[Any, ...]:
    """A list or a tuple, say; one text is none."""
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise BadInput(f"{what} is a list, not {type(values).__name__}: {short(values)}")
    return tuple(values)


def variables(env: object) -> dict[str, str]:
    """An environment: names and values, both text; a name has no `=`."""
    if not isinstance(env, Mapping):
        raise BadInput(f"an environment is a dictionary, not {type(env).__name__}: {short(env)}")
    for name, value in env.items():
        if not text(name, "a variable") or "=" in name:
            raise BadInput(f"a variable's name is not empty and has no =: {short(name)}")
        text(value, f"the variable {short(name)}")
    return dict(env)


def time_limit(value: object, what: str = "a timeout") -> float | None:
    """How long to wait; None is for ever."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:  # nan is neither
        raise BadInput(
            f"{what} is a number of seconds, not {short(value)}", hint="5, 0.5, or None: as long as it takes"
        )
    return min(float(value), 1e9)


def argument(value: Any, what: str = "an argument") -> Argument:
    """What a system call takes: a number, text, bytes, None, a reference, or a tuple of these."""
    if value is None or isinstance(value, bytes | Ref | Later):
        return value
    if isinstance(value, str):
        return text(value, what)
    if isinstance(value, tuple):
        for each in value:
            argument(each, what)
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        number(value, what, least=-WORD - 1, most=(1 << 64) - 1)
        return value
    raise BadInput(f"{what} is a number, text, bytes or a tuple of them, not {type(value).__name__}: {short(value)}")
