"""Accelerators: KVM, where the processor runs the guest's instructions, and TCG, which translates them in software.

That /dev/kvm opens proves little: in some virtual machines no guest boots under it. KVM counts as working after a guest
has answered under it; the finding is kept until the host's next boot.
"""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from ..errors import Unsupported
from . import cache

KVM = Path("/dev/kvm")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class KvmFinding:
    """Whether a guest has answered under KVM since the host's boot, and if not, the reason."""

    works: bool
    reason: str = ""


def known_kvm() -> KvmFinding | None:
    """The finding about KVM on this host; None if no guest has tried it yet."""
    if not KVM.exists():
        return KvmFinding(False, f"there is no {KVM}: no virtualisation by the processor, or it is switched off")
    try:
        kept = json.loads(_file().read_text())
        return KvmFinding(**kept["kvm"]) if kept["boot"] == _boot() else None
    except (OSError, ValueError, KeyError, TypeError, Unsupported):  # never tried, or written by another version
        return None


def remember_kvm(finding: KvmFinding) -> None:
    """Write a finding to the cache, atomically. If that fails, the next machine tries KVM again."""
    with suppress(OSError, Unsupported):
        _write(finding)


def _write(finding: KvmFinding) -> None:
    file = _file()
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=file.parent, prefix=".new-", delete=False) as new:
        json.dump({"boot": _boot(), "kvm": asdict(finding)}, new)
    os.replace(new.name, file)


def _file() -> Path:
    return cache.cache_folder() / f"kvm-{os.getuid()}.json"


def _boot() -> str:
    return BOOT_ID.read_text().strip()
