"""Sizes as people write them: "256M" is 256 MiB, as in the kernel's own files. Parsed here and nowhere else."""

from __future__ import annotations

import re

from ..errors import BadInput

UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
SIZE = re.compile(r"(\d{1,18})([KMGT]?)", re.ASCII)


def parse(text: int | str, *, what: str = "a size") -> int:
    """Bytes: of a whole number, or of a number with K, M, G or T behind it (powers of 1,024). Raises BadInput.

    `what` names the thing in the complaint: "memory" gives "memory cannot be ...".
    """
    if isinstance(text, int) and not isinstance(text, bool):
        size = text
    else:
        found = SIZE.fullmatch(text.strip().upper()) if isinstance(text, str) else None
        if not found:
            raise BadInput(f"{what} cannot be {_short(text)}", hint='write a number with K, M, G or T: "256M"')
        size = int(found[1]) * UNITS[found[2]]
    if not 0 < size < 1 << 63:
        raise BadInput(f"{what} cannot be {_short(text)}", hint='it is a positive number of bytes: "256M"')
    return size


def shown(size: int) -> str:
    """The shortest way to write it that `parse` reads back to the same size: 268435456 is "256M"."""
    unit = next(unit for unit in reversed(UNITS) if size % UNITS[unit] == 0)
    return f"{size // UNITS[unit]}{unit}"


def _short(thing: object) -> str:
    said = repr(thing)
    return said if len(said) <= 40 else said[:37] + "..."
