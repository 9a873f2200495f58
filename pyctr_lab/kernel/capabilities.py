"""The five sets of capabilities of a process, as the kernel shows them. See capabilities(7), proc(5)."""

from __future__ import annotations

from dataclasses import dataclass

from . import proc
from .constants import CAPABILITIES

FIELDS = {
    "permitted": "CapPrm", "effective": "CapEff", "bounding": "CapBnd", "inheritable": "CapInh", "ambient": "CapAmb",
}  # fmt: skip


@dataclass(frozen=True)
class CapabilitySets:
    """What a process may do now (permitted, effective), and after an exec (bounding, inheritable, ambient).

    Names are as in capabilities(7), without CAP_, in the order of their numbers.
    """

    permitted: tuple[str, ...] = ()
    effective: tuple[str, ...] = ()
    bounding: tuple[str, ...] = ()
    inheritable: tuple[str, ...] = ()
    ambient: tuple[str, ...] = ()


def names_in_mask(mask: int) -> tuple[str, ...]:
    """The capabilities of a mask, by their names; one that has none here by its number."""
    numbers = [number for number in range(64) if mask >> number & 1]
    known = {int(each): repr(each).removeprefix("CAP_") for each in CAPABILITIES}
    return tuple(known.get(number, str(number)) for number in numbers)


def capability_sets(pid: int | str) -> CapabilitySets:
    """The sets of a process, by its number as we see it. Raises ProcessLookupError."""
    status = proc.status(pid)
    return CapabilitySets(**{name: names_in_mask(int(status[field], 16)) for name, field in FIELDS.items()})
