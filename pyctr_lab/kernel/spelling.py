"""What a call's arguments are made of, and how strace spells them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TypeAlias

from .constants import Named


@dataclass(frozen=True)
class Ref:
    """The result of the earlier call of the same list that was named `name`."""

    name: str

    def __repr__(self) -> str:
        return self.name


class Spelled(bytes):
    """A C structure as bytes, which remembers how strace spells it."""

    spelling: str

    def __new__(cls, value: bytes, spelling: str) -> Spelled:
        self = super().__new__(cls, value)
        self.spelling = spelling
        return self

    def __repr__(self) -> str:
        return self.spelling


class Struct(tuple["Argument", ...]):
    """A C structure whose fields are machine words (or pointers), which remembers their names."""

    fields: tuple[str, ...]

    def __new__(cls, **fields: Argument) -> Struct:
        self = super().__new__(cls, fields.values())
        self.fields = tuple(fields)
        return self

    def __repr__(self) -> str:
        return "{" + ", ".join(f"{name}={spell(value)}" for name, value in zip(self.fields, self, strict=True)) + "}"


Argument: TypeAlias = int | str | bytes | tuple["Argument", ...] | Ref | None


def spell(arg: Argument) -> str:
    """An argument as strace prints it."""
    if arg is None:
        return "NULL"
    if type(arg) is tuple:
        words = arg[:-1] if arg[-1:] == (None,) else arg  # argv: its end goes without saying
        return f"[{', '.join(map(spell, words))}]"
    if isinstance(arg, str):
        return quoted(os.fsencode(arg))
    return quoted(arg) if type(arg) is bytes else repr(arg)


def quoted(raw: bytes) -> str:
    """Bytes as a C string."""
    return '"' + "".join(map(_escaped, raw)) + '"'


def _escaped(byte: int) -> str:
    special = {9: r"\t", 10: r"\n", 11: r"\v", 12: r"\f", 13: r"\r", 34: r"\"", 92: r"\\"}
    return special.get(byte) or (chr(byte) if 32 <= byte < 127 else f"\\{byte:o}")


def octal(mode: int) -> Named:
    """A file mode, printed in octal."""
    return Named(mode, f"0{mode:o}")
