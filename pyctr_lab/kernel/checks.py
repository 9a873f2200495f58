"""Checks of arguments before a call: values that C cannot carry, or that the kernel would truncate silently.

Each function returns its value, or raises BadInput with a message of one line.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..errors import BadInput
from .arguments import Argument, GroupDescriptor, GroupFile, Later, ProcFile, Ref

WORD = (1 << 63) - 1


def short_repr(thing: object) -> str:
    """The repr of a wrong argument for an error message, cut to 40 characters."""
    said = repr(thing)
    return said if len(said) <= 40 else said[:37] + "..."


def is_number(value: Any) -> bool:
    """Whether it is a finite number, numpy's too; a truth value or a text is none."""
    if isinstance(value, (bool, str, bytes, bytearray)):
        return False
    try:
        return math.isfinite(float(value))
    except (TypeError, ValueError, OverflowError):
        return False


def check_text(value: object, what: str) -> str:
    """Text that C can carry: no NUL byte, no lone surrogate."""
    if not isinstance(value, str):
        raise BadInput(f"{what} is text, not {type(value).__name__}: {short_repr(value)}")
    if "\0" in value:
        raise BadInput(f"{what} must not contain a NUL byte: {short_repr(value)}")
    try:
        os.fsencode(value)
    except UnicodeEncodeError:
        raise BadInput(f"{what} must not contain half a surrogate pair: {short_repr(value)}") from None
    return value


def check_path(value: Any, what: str = "a path") -> Any:
    """A file name as the kernel takes it: not empty, at most 4,095 bytes; or a file whose name is known later."""
    if isinstance(value, ProcFile | GroupFile):
        return value
    name = check_text(value, what)
    if not name:
        raise BadInput(f"{what} must not be empty")
    if len(os.fsencode(name)) > 4095:
        raise BadInput(f"{what} is {len(os.fsencode(name))} bytes long; the kernel takes 4095 (PATH_MAX)")
    return name


def check_number(value: Any, what: str, least: int = 0, most: int = WORD) -> Any:
    """A number that fits into a machine word, or a reference to one."""
    if isinstance(value, Ref | GroupDescriptor):
        return value
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadInput(f"{what} is a number, not {short_repr(value)}")
    if not least <= value <= most:
        limit = "2^63-1" if most == WORD else most
        raise BadInput(f"{what} is a number from {least} up to {limit}, not {short_repr(value)}")
    return value


def check_count(value: object, what: str, *, least: int = 1, most: int) -> int:
    """A whole number within bounds."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise BadInput(f"{what} cannot be {short_repr(value)}", hint=f"it is a whole number from {least} to {most}")
    return value


def check_seconds(value: object, what: str, *, most: float = 1e9) -> float:
    """A number of seconds above 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= most:  # nan is refused too
        raise BadInput(f"{what} cannot be {short_repr(value)}", hint=f"it is in seconds, above 0, at most {most:.0f}")
    return float(value)


def check_id(value: object, what: str) -> int:
    """A user or group id: 32 bits; the highest value means "no id" to the kernel."""
    check_number(value, what, most=(1 << 32) - 2)
    if isinstance(value, Ref | GroupDescriptor):
        raise BadInput(f"{what} is a number, not {short_repr(value)}")
    assert isinstance(value, int)
    return value


def check_list(values: object, what: str, *, hint: str = "") -> tuple[Any, ...]:
    """The items of a list, tuple or other iterable; a text, bytes or a mapping is refused."""
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise BadInput(f"{what} is a list, not {type(values).__name__}: {short_repr(values)}", hint=hint)
    return tuple(values)


def check_kind(value: Any, kind: type | tuple[type, ...], what: str, *, hint: str = "") -> Any:
    """A value of one type, or of one of several."""
    if not isinstance(value, kind):
        names = " or ".join(each.__name__ for each in (kind if isinstance(kind, tuple) else (kind,)))
        raise BadInput(f"{what} is a {names}, not {short_repr(value)}", hint=hint)
    return value


def check_each(values: object, kind: type, what: str, *, least: int = 0, hint: str = "") -> tuple[Any, ...]:
    """The items of a list, all of one type, and at least so many."""
    items = check_list(values, what, hint=hint)
    for item in items:
        check_kind(item, kind, f"each of {what}", hint=hint)
    if len(items) < least:
        raise BadInput(f"{what}: at least {least} wanted, {len(items)} given", hint=hint)
    return items


def check_function(value: Any, what: str) -> Any:
    """A function to be called later, or None."""
    if value is not None and not callable(value):
        raise BadInput(f"{what} is a function, not {type(value).__name__}: {short_repr(value)}")
    return value


def check_file_name(value: Any, what: str = "a file") -> Path:
    """The path of a file of this machine, from text or a path object; whether it exists is another question."""
    if not isinstance(value, str | os.PathLike):
        raise BadInput(f"{what} is named by text or a path, not {type(value).__name__}: {short_repr(value)}")
    return Path(check_path(os.fspath(value), what))


def check_environment(env: object, what: str = "an environment") -> dict[str, str]:
    """An environment as a dict: names and values are text, and a name contains no `=`."""
    if not isinstance(env, Mapping):
        raise BadInput(f"{what} is a dictionary, not {type(env).__name__}: {short_repr(env)}")
    for name, value in env.items():
        if not check_text(name, "a variable") or "=" in name:
            raise BadInput(f"a variable's name is not empty and has no =: {short_repr(name)}")
        check_text(value, f"the variable {short_repr(name)}")
    return dict(env)


def check_timeout(value: object, what: str = "a timeout") -> float | None:
    """Seconds to wait; None means no limit."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:  # nan is neither
        raise BadInput(
            f"{what} is a number of seconds, not {short_repr(value)}", hint="5, 0.5, or None: as long as it takes"
        )
    return min(float(value), 1e9)


def check_argument(value: Any, what: str = "an argument") -> Argument:
    """An argument of a system call: a number, text, bytes, None, a reference, or a tuple of these."""
    if value is None or isinstance(value, bytes | Ref | Later):
        return value
    if isinstance(value, str):
        return check_text(value, what)
    if isinstance(value, tuple):
        for each in value:
            check_argument(each, what)
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        check_number(value, what, least=-WORD - 1, most=(1 << 64) - 1)
        return value
    raise BadInput(
        f"{what} is a number, text, bytes or a tuple of them, not {type(value).__name__}: {short_repr(value)}"
    )
