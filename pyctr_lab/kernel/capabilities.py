"""The five sets of capabilities of a process, and those of a file, as the kernel shows them. See capabilities(7)."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from errno import ENODATA, ENOTSUP
from pathlib import Path

from . import proc
from .arguments import Spelled, quoted
from .calls import Call
from .checks import check_path
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


ATTRIBUTE = "security.capability"
VERSION_2, EFFECTIVE = 0x02000000, 1  # of struct vfs_cap_data


@dataclass(frozen=True)
class FileCapabilities:
    """What a file gives to the process that executes it, as setcap(8) writes it.

    `root` is the user id, as we see it, of the root for whose user namespace it holds; None for our own.
    """

    permitted: tuple[str, ...]
    inheritable: tuple[str, ...] = ()
    effective: bool = True
    root: int | None = None

    def __str__(self) -> str:
        flags: dict[str, list[str]] = {}
        for name in names_in_mask(mask_of(self.permitted) | mask_of(self.inheritable)):
            own = ("e" * self.effective, "i" * (name in self.inheritable), "p" * (name in self.permitted))
            flags.setdefault("".join(own), []).append(f"cap_{name.lower()}")
        said = " ".join(f"{','.join(names)}+{which}" for which, names in flags.items()).replace("+", "=", 1)
        return said if self.root is None else f"{said} [rootid={self.root}]"


def mask_of(names: tuple[str, ...]) -> int:
    """The mask of capabilities, named as in `names_in_mask`."""
    numbers = {repr(each).removeprefix("CAP_"): int(each) for each in CAPABILITIES}
    return sum(1 << (int(name) if name.isdigit() else numbers[name]) for name in set(names))


def file_capabilities(path: str) -> FileCapabilities | None:
    """What a file has; None where it has none, or its file system knows none. Raises FileNotFoundError."""
    try:
        raw = os.getxattr(path, ATTRIBUTE)
    except OSError as why:
        if why.errno in (ENODATA, ENOTSUP):
            return None
        raise
    version, low, low_inherited, high, high_inherited, *root = struct.unpack(f"<{len(raw) // 4}I", raw)
    permitted, inheritable = low | high << 32, low_inherited | high_inherited << 32
    return FileCapabilities(
        names_in_mask(permitted), names_in_mask(inheritable), bool(version & EFFECTIVE), root[0] if root else None
    )


def set_file_capabilities(path: str, given: FileCapabilities) -> Call:
    """setxattr(2), as setcap(8) makes it; it needs CAP_SETFCAP. In a user namespace the kernel adds `root` itself."""
    masks = [mask_of(given.permitted), mask_of(given.inheritable)]
    words = [mask >> shift & 0xFFFFFFFF for shift in (0, 32) for mask in masks]
    raw = struct.pack("<5I", VERSION_2 | (EFFECTIVE if given.effective else 0), *words)
    return Call("setxattr", (check_path(path), ATTRIBUTE, Spelled(raw, quoted(raw[:-1])), len(raw), 0))
