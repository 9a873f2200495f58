"""The five sets of capabilities of a process, as the kernel shows them. See capabilities(7), proc(5)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from . import proc
from .constants import CAPABILITIES

FIELDS = {
    "permitted": "CapPrm", "effective": "CapEff", "bounding": "CapBnd", "inheritable": "CapInh", "ambient": "CapAmb",
}  # fmt: skip


DANGEROUS = {
    "DAC_READ_SEARCH": "reads any file, opens files by handle",
    "NET_ADMIN": "changes links, routes, firewall rules",
    "NET_RAW": "forges packets: answers for neighbours",
    "SYS_MODULE": "loads code into the kernel",
    "SYS_RAWIO": "reaches I/O ports and physical memory",
    "SYS_PTRACE": "reads and writes the memory of others",
    "SYS_ADMIN": "mounts, joins namespaces, much more",
    "SYS_BOOT": "reboots, loads another kernel",
    "SYS_TIME": "sets the clock of the whole machine",
    "MAC_OVERRIDE": "ignores the machine's access policy",
    "MAC_ADMIN": "changes the machine's access policy",
    "PERFMON": "watches what the processor runs for others",
    "BPF": "loads programs into the kernel",
}
"""Capabilities that reach beyond a container, each with its reason: our judgement, after capabilities(7).

It is made for root of the whole machine. In a user namespace most of them reach only what that namespace owns, and a
few (NET_RAW, NET_ADMIN) whatever shares its network.
"""


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


def kernel_capabilities() -> tuple[str, ...]:
    """All capabilities of this kernel, in the order of their numbers: as many as cap_last_cap says."""
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text(encoding="ascii"))
    return names_in_mask((1 << last + 1) - 1)


def capability_sets(pid: int | str) -> CapabilitySets:
    """The sets of a process, by its number as we see it. Raises ProcessLookupError."""
    status = proc.status(pid)
    return CapabilitySets(**{name: names_in_mask(int(status[field], 16)) for name, field in FIELDS.items()})
