"""Limits of a control group as attributes: read, they are what the kernel has; assigned to, they are written."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from typing import Any, Protocol

from .files import MAX

DEFAULT_WEIGHT = 100  # cpu.weight where none is set


@dataclass(frozen=True)
class Written:
    """A value that was written to a file of a group."""

    path: str
    value: str
    seconds: float

    @property
    def shell(self) -> str:
        """The command that does the same."""
        return f"echo {shlex.quote(self.value)} > {self.path}"

    def __str__(self) -> str:
        return (
            f"{os.path.basename(self.path)} <- {self.value} · {self.seconds * 1e6:.0f} µs · in the shell: {self.shell}"
        )

    def __repr__(self) -> str:
        return f"Written({os.path.basename(self.path)!r}, {self.value!r})"


class Limited(Protocol):
    """A control group, as its limits see it."""

    def limit_of(self, file: str, kind: str) -> Any:
        """A limit as the kernel reports it."""

    def limit(self, **words: Any) -> Any:
        """Write limits."""


class LimitFile:
    """An attribute that is a limit: `group.memory_max`, and `group.memory_max = "64M"`."""

    def __init__(self, field: str, file: str, kind: str) -> None:
        self.field, self.file, self.kind = field, file, kind
        self.__doc__ = f"{file}; None where there is no limit."

    def __get__(self, group: Limited | None, owner: type | None = None) -> Any:
        return self if group is None else group.limit_of(self.file, self.kind)

    def __set__(self, group: Limited, value: Any) -> None:
        nothing = DEFAULT_WEIGHT if self.field == "cpu_weight" else MAX
        group.limit(**{self.field: nothing if value is None else value})
