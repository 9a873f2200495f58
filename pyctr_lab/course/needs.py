"""A cell that says what it needs: where that cannot be had, it does nothing and says so in one line.

    # needs: memory, cpu
    group = lab.cgroup("web", memory="64M", cpus=0.5)

The first line of a cell may name controllers of control groups, `group` (any one will do), `disk` (one that can be
limited, under `/var/tmp`), `pressure`, `busybox`, which the measured engines run, `qemu`, which plays virtual
machines, `registry`, Debian's docker-registry, or `nft`, which writes the rules of a network. It is a comment: the
cell is plain Python, and can be copied to any place.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from typing import Any

from ..cgroups import device_of
from ..cgroups.places import delegation
from ..errors import BadInput, Unsupported
from ..networks.rules import FOLDERS

NEEDS = re.compile(r"#\s*needs:\s*(.+)")
DISK = "/var/tmp"  # kept on a disk where /tmp may be memory: see file-hierarchy(7)
PRESSURE = "/proc/pressure/cpu"
UNGIVEN = "not given"


def watch_cells(shell: Any) -> None:
    """Register the transform of cells with an IPython shell. Twice is fine."""
    transforms = shell.input_transformers_cleanup
    if only_where_it_can not in transforms:
        transforms.append(only_where_it_can)


def only_where_it_can(lines: list[str]) -> list[str]:
    """The cell as it is; or, where something of what it needs is missing, one that says so."""
    asked = NEEDS.match(lines[0]) if lines else None
    why = why_not_run([word.strip() for word in asked[1].split(",")]) if asked else ""
    return [f"print({why!r})\n"] if why else lines


def why_not_run(words: Sequence[str]) -> str:
    """Why a cell that needs this cannot be run here, in a line; empty where it can."""
    reasons = {word: reason for word in words if (reason := _why(word))}
    ungiven = [word for word, reason in reasons.items() if reason == UNGIVEN]
    said = [f"no cgroup with {', '.join(ungiven)} is delegated to this user"] if ungiven else []
    said += [reason for reason in reasons.values() if reason != UNGIVEN]
    return f"Not run here: {'; '.join(said)}." if said else ""


def _why(word: str) -> str:
    if word == "disk":
        return _why_no_disk()
    if word == "busybox":
        return "" if shutil.which(word) else "busybox is not installed (apt-get install busybox-static)"
    if word == "qemu":
        return _why_no_qemu()
    if word == "registry":
        return "" if shutil.which("docker-registry") else "docker-registry is not installed (./lab packages registry)"
    if word == "nft":
        return "" if shutil.which(word, path=FOLDERS) else "nft is not installed (./lab packages network)"
    if word == "pressure":
        return "" if _has_pressure() else "no group of ours has its pressure counted"
    where = delegation()
    if word == "group":
        return "" if where.places else "no cgroup is delegated to this user"
    if where.place(word):
        return ""
    return UNGIVEN if word in where.offered else where.why(word)


def _why_no_disk() -> str:
    try:
        device_of(DISK)
    except BadInput as why:
        return why.message
    return ""


def _why_no_qemu() -> str:
    from ..machines import check_emulator

    try:
        check_emulator()
    except Unsupported as why:
        return str(why)
    return ""


def _has_pressure() -> bool:
    """Only version 2 counts it, unless the kernel was started without."""
    try:
        with open(PRESSURE, encoding="ascii") as file:
            file.read()
    except OSError:
        return False
    return any(place.tree.version == 2 for place in delegation().places)
