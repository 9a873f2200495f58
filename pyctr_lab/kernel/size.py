"""Sizes and shares as people write them: "256M" is 256 MiB, as in the kernel's own files; "50%" is half a core.

Parsed here and nowhere else.
"""

from __future__ import annotations

import re

from ..errors import BadInput

UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
SHARE = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)(%?)", re.ASCII)
SIZE = re.compile(r"(\d{1,18})([KMGT]?)", re.ASCII)


def parse(text: int | str, *, what: str = "a size", least: int = 1) -> int:
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
    if not least <= size < 1 << 63:
        raise BadInput(f"{what} cannot be {_short(text)}", hint=f'it is a number of bytes, {least} at least: "256M"')
    return size


def parse_cores(text: float | str) -> float:
    """How many processors' worth of time: of 0.5, "0.5" or "50%". Raises BadInput."""
    if isinstance(text, int | float) and not isinstance(text, bool):
        cores = float(text)
    else:
        found = SHARE.fullmatch(text.strip()) if isinstance(text, str) else None
        if not found:
            raise BadInput(f"cpus cannot be {_short(text)}", hint='write cores as a number or a share: 0.5 or "50%"')
        cores = float(found[1]) / (100 if found[2] else 1)
    if not 0.01 <= cores <= 65536:  # nan is neither
        raise BadInput(
            f"cpus cannot be {_short(text)}", hint="it is 0.01 of a core at least: the kernel counts no finer"
        )
    return cores


def shown(size: int) -> str:
    """The shortest way to write it that `parse` reads back to the same size: 268435456 is "256M"."""
    if size == 0:
        return "0"
    unit = next(unit for unit in reversed(UNITS) if size % UNITS[unit] == 0)
    return f"{size // UNITS[unit]}{unit}"


def _short(thing: object) -> str:
    said = repr(thing)
    return said if len(said) <= 40 else said[:37] + "..."
