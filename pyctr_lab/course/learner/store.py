"""A small JSON file that two notebooks may write at once, and that is never lost to a crash.

Every change is made under a lock, on what the file says now, and put in place by a rename. A file that cannot be
read, or that a newer version of the course wrote, is kept aside and said in a line.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from errno import EACCES, ENOSPC, EROFS
from pathlib import Path
from typing import Any

from .places import locked, trouble

VERSION = 1

Data = dict[str, Any]


class Store:
    """One JSON object in one file. `path` may be a function, for a place that the environment decides."""

    def __init__(self, path: Callable[[], Path], sound: Callable[[Data], Data] = dict) -> None:
        self._path = path
        self._sound = sound  # what can be used of an object whose parts may have a wrong shape
        self.problem = ""  # why the file could not be read when it was last tried
        self._said: set[str] = set()

    @property
    def path(self) -> Path:
        """Where the file is now."""
        return self._path()

    def read(self) -> Data:
        """What is kept; empty if nothing is, or, with a line, if it cannot be read. A useless file is set aside."""
        self.problem = ""
        try:
            with self._locked():
                return self._load()
        except OSError as why:
            if why.errno in (EROFS, EACCES, ENOSPC) and (data := self._as_it_is()) is not None:
                return data
            self.problem = f"{self.path.name} cannot be read: {trouble(why, self.path)}"
            self._say(self.problem)
        return {}

    def _as_it_is(self) -> Data | None:
        """What the file says, where nothing can be written: no lock, and nothing set aside. None if it is no use."""
        try:
            data = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return self._sound(data) if isinstance(data, dict) else None

    def change(self, change: Callable[[Data], None]) -> Data:
        """Apply `change` to the object in the file, and return it. Where it cannot be written, a line says so."""
        data: Data = {}
        try:
            with self._locked():
                data = self._load()
                change(data)
                write_atomically(self.path, {"version": VERSION, **data})
        except OSError as why:  # a full disk, say: what was asked of the kernel is to be heard all the same
            self._say(f"{self.path.name} could not be written, and this is not kept: {trouble(why, self.path)}")
        return data

    def aside(self, mark: str = "old") -> Path | None:
        """Keep a copy of the file beside it; None if there is no file."""
        with self._locked():
            return self._copy_aside(mark)

    def _say(self, line: str) -> None:
        """Once: a lesson reads what is kept many times."""
        if line not in self._said:
            self._said.add(line)
            print(line, file=sys.stderr)

    def _load(self) -> Data:
        try:
            data = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError:
            return self._useless("damaged", "cannot be read")
        if not isinstance(data, dict) or not isinstance(version := data.pop("version", None), int):
            return self._useless("damaged", "cannot be read")
        if version > VERSION:
            return self._useless("newer", "was written by a newer version of the course")
        sound = self._sound(data)
        if sound != data:
            kept = self._copy_aside("damaged")
            print(f"parts of {self.path.name} cannot be read: it is kept as {kept}, the rest is used", file=sys.stderr)
            write_atomically(self.path, {"version": VERSION, **sound})
        return sound

    def _useless(self, mark: str, why: str) -> Data:
        kept = self._copy_aside(mark)
        self.path.unlink()
        print(f"{self.path.name} {why}: it is kept as {kept}, and the course begins a new one", file=sys.stderr)
        return {}

    def _copy_aside(self, mark: str) -> Path | None:
        if not self.path.exists():
            return None
        number = 1
        while (kept := self.path.with_name(f"{self.path.name}.{mark}-{number}")).exists():
            number += 1
        kept.write_bytes(self.path.read_bytes())
        return kept

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with locked(self.path.with_name(f".{self.path.name}.lock")):
            yield


def write_atomically(path: Path, data: object) -> None:
    """Put a JSON file in place whole or not at all."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(fresh, "w", encoding="utf-8", errors="backslashreplace") as file:  # a lone surrogate as JSON has it
            json.dump(data, file, indent=1, ensure_ascii=False, sort_keys=True)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
