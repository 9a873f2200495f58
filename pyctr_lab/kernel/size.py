"""Parse sizes and shares: "256M" is 256 MiB, as in the kernel's own files; "50%" is half a core.

"256m", "256MB", "256Mi", "256MiB" and "0.25G" are the same, as Docker reads them. Parsed in this module only.
"""

from __future__ import annotations

import re
from fractions import Fraction

from ..errors import BadInput
from .checks import short_repr

UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
MOST_CORES = 65536
SHARE = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)(%?)", re.ASCII)
SIZE = re.compile(r"(\d{1,18}(?:\.\d{1,9})?)(?:([KMGT])I?)?B?", re.ASCII)


def parse(text: int | str, *, what: str = "a size", least: int = 1) -> int:
    """Bytes: of a whole number, or of a number with K, M, G or T behind it (powers of 1,024). Raises BadInput.

    `what` names the value in the error message: "memory" gives "memory cannot be ...".
    """
    if isinstance(text, int) and not isinstance(text, bool):
        size = text
    else:
        found = SIZE.fullmatch(text.strip().upper()) if isinstance(text, str) else None
        if not found:
            raise BadInput(
                f"{what} cannot be {short_repr(text)}", hint='write a number with K, M, G or T: "256M", "1.5G"'
            )
        size = int(Fraction(found[1]) * UNITS[found[2] or ""])
    if size < least:
        raise BadInput(
            f"{what} cannot be {short_repr(text)}", hint=f'it is a number of bytes, {least} at least: "256M"'
        )
    if size >= 1 << 63:
        raise BadInput(
            f"{what} cannot be {short_repr(text)}", hint="it is less than 8388608T: the kernel counts to 2^63-1"
        )
    return size


def parse_cores(text: float | str) -> float:
    """Cores of processor time from 0.5, "0.5" or "50%". Raises BadInput."""
    if isinstance(text, int | float) and not isinstance(text, bool):
        cores = float(text)
    else:
        found = SHARE.fullmatch(text.strip()) if isinstance(text, str) else None
        if not found:
            raise BadInput(
                f"cpus cannot be {short_repr(text)}", hint='write cores as a number or a share: 0.5 or "50%"'
            )
        cores = float(found[1]) / (100 if found[2] else 1)
    if cores > MOST_CORES:
        raise BadInput(f"cpus cannot be {short_repr(text)}", hint=f"it is {MOST_CORES} cores at most")
    if not cores >= 0.01:  # nan is refused too
        raise BadInput(f"cpus cannot be {short_repr(text)}", hint="it is 0.01 of a core at least, the kernel's finest")
    return cores


def spell_size(size: int) -> str:
    """The shortest text that `parse` reads back to the same size: 268435456 is "256M"."""
    if size == 0:
        return "0"
    unit = next(unit for unit in reversed(UNITS) if size % UNITS[unit] == 0)
    return f"{size // UNITS[unit]}{unit}"
