"""Files of a control group: how they are read and written. Names and values are those of version 2.

Source: the kernel's document cgroup-v2.rst, "Core Interface Files".
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from ..errors import BadInput

PERIOD = 100_000  # microseconds: a quota of processor time is counted in each period
MAX = "max"  # no limit, as version 2 writes it


class Setting(NamedTuple):
    """A file of a group, and what is written to it."""

    file: str
    value: str

    @property
    def controller(self) -> str:
        """The part of the kernel that acts on it: "memory" for memory.max."""
        return self.file.partition(".")[0]


def read_file(folder: str, file: str) -> str:
    """The text of a group's file. Raises FileNotFoundError where group or file is not there."""
    with open(f"{folder}/{file}", encoding="ascii") as opened:
        return opened.read().strip()


def write_file(folder: str, file: str, value: str) -> None:
    """Write a file of a group with one write(2), as echo does. Raises OSError as the kernel says."""
    with open(f"{folder}/{file}", "w", encoding="ascii") as opened:
        opened.write(f"{value}\n")


def make_group(folder: str) -> None:
    """Make the folder of a group. Its mode does not depend on our umask: its owner may remove what is below it."""
    os.mkdir(folder)
    os.chmod(folder, 0o755)


def enter_group(folder: str, pids: Iterable[int]) -> None:
    """Move processes to a group; ended ones are passed over."""
    for pid in sorted(pids):
        with suppress(ProcessLookupError):
            write_file(folder, "cgroup.procs", str(pid))


def parse_number(text: str) -> int | None:
    """One number; None where there is no limit. Version 1 writes no limit as -1, or as a number beyond all memory."""
    value = None if text == MAX else int(text)
    return None if value is None or value < 0 or value >= 1 << 62 else value


def parse_flat(text: str) -> dict[str, int]:
    """A line each: a name and a number (memory.events, cpu.stat)."""
    pairs = (line.split() for line in text.splitlines())
    return {name: int(value) for name, value in pairs}


def parse_nested(text: str) -> dict[str, dict[str, str]]:
    """A line each: a key and name=value pairs (io.stat, io.max, memory.pressure).

    Of several keys before the pairs the last one counts: io.stat names disks without figures in the same line.
    """
    found = {}
    for words in map(str.split, text.splitlines()):
        keys = [word for word in words if "=" not in word]
        if keys:
            found[keys[-1]] = dict(word.split("=", 1) for word in words if "=" in word)
    return found


def read_flat(folder: str, file: str) -> dict[str, int]:
    """The counters of a file; none where folder (empty: no such tree) or file is not there."""
    try:
        return parse_flat(read_file(folder, file)) if folder else {}
    except FileNotFoundError:
        return {}


def read_number(folder: str, file: str) -> int | None:
    """The number in a file; None where there is no limit, or no such folder or file."""
    with suppress(FileNotFoundError):
        return parse_number(read_file(folder, file)) if folder else None
    return None


def device_of(path: str) -> str:
    """The disk under a path, as io.max wants it: "254:0". Raises BadInput where it is on none."""
    try:
        number = os.stat(path).st_dev
    except OSError as why:
        raise BadInput(f"{path} is on no disk: {os.strerror(why.errno or 0)}") from why
    name = f"{os.major(number)}:{os.minor(number)}"
    if not os.path.exists(f"/sys/dev/block/{name}"):
        raise BadInput(f"{path} is on no disk that could be limited")
    part = os.path.realpath(f"/sys/dev/block/{name}")
    if os.path.exists(f"{part}/partition"):  # limits are for whole disks
        with open(f"{os.path.dirname(part)}/dev", encoding="ascii") as file:
            return file.read().strip()
    return name
