"""Arguments of a system call as data, and how strace prints them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from .constants import Named


@dataclass(frozen=True)
class Ref:
    """The result of an earlier call in the same list, by the name of that result."""

    name: str

    def __repr__(self) -> str:
        return self.name


@dataclass(frozen=True)
class ProcFile:
    """A file of the process's own folder in /proc, for a call that is made from outside."""

    name: str

    def __str__(self) -> str:
        return f"/proc/PID/{self.name}"

    def __repr__(self) -> str:
        return f'"{self}"'


@dataclass(frozen=True)
class Subject:
    """The process's number, as text, for a call that is made from outside."""

    def __repr__(self) -> str:
        return '"PID"'


@dataclass(frozen=True)
class GroupFile:
    """A file of the control group `group` of the lab, or its folder. `base` holds the lab's own group, LAB here."""

    base: str
    group: str
    file: str = ""

    def within(self, lab: str) -> str:
        """The path, in the lab whose own group has this name."""
        return "/".join(part for part in (self.base, lab, self.group, self.file) if part)

    def __str__(self) -> str:
        return self.within("LAB")

    def __repr__(self) -> str:
        return f'"{self}"'


@dataclass(frozen=True)
class GroupDescriptor:
    """A descriptor of a control group's file, which the process is given, open for writing: it could not open it."""

    file: GroupFile

    def __repr__(self) -> str:
        return str(self.file)


@dataclass(frozen=True)
class SubjectBytes:
    """A buffer with the process's number in its midst, four bytes long, for a call that is made from outside."""

    before: bytes
    after: bytes
    spell: Callable[[], str] = field(compare=False)  # as strace prints the buffer, with PID for the number
    __match_args__ = ("before", "after")

    def of(self, pid: int) -> Spelled:
        """The buffer for one process."""
        raw = self.before + pid.to_bytes(4, "little") + self.after
        number = "".join(f"\\x{byte:02x}" for byte in pid.to_bytes(4, "little"))
        return LazilySpelled(raw, lambda: self.spell().replace("\\PID", number).replace("PID", str(pid)))

    def __repr__(self) -> str:
        return self.spell().replace("\\PID", "PID")


Later: TypeAlias = ProcFile | Subject | SubjectBytes | GroupFile | GroupDescriptor
"""What is known only when a call is made."""


class Spelled(bytes):
    """A C structure as bytes, with the text that strace prints for it."""

    spelling: str

    def __new__(cls, value: bytes, spelling: str) -> Spelled:
        self = super().__new__(cls, value)
        self.spelling = spelling
        return self

    def __repr__(self) -> str:
        return self.spelling


class LazilySpelled(Spelled):
    """The same, with a text that is made only when it is asked for."""

    spell: Callable[[], str]

    def __new__(cls, value: bytes, spell: Callable[[], str]) -> LazilySpelled:
        self = bytes.__new__(cls, value)
        self.spell = spell
        return self

    def __repr__(self) -> str:
        return self.spell()


class Struct(tuple["Argument", ...]):
    """A C structure whose fields are machine words or pointers, with the names of the fields."""

    fields: tuple[str, ...]

    def __new__(cls, **fields: Argument) -> Struct:
        self = super().__new__(cls, fields.values())
        self.fields = tuple(fields)
        return self

    def __repr__(self) -> str:
        return "{" + ", ".join(f"{name}={spell(value)}" for name, value in zip(self.fields, self, strict=True)) + "}"


Argument: TypeAlias = int | str | bytes | tuple["Argument", ...] | Ref | Later | None


def spell(arg: Argument) -> str:
    """An argument as strace prints it."""
    if arg is None:
        return "NULL"
    if type(arg) is tuple:
        words = arg[:-1] if arg[-1:] == (None,) else arg  # argv: strace leaves out the final NULL
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
