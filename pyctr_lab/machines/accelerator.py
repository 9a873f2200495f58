"""Who carries out the guest's instructions: the processor itself, through KVM, or software that translates them, TCG.

That /dev/kvm opens says little: in some virtual machines no guest ever comes to speak under it. So it counts as there
only after a guest has spoken; the finding is kept until the host boots again.
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
class Finding:
    """What was found out about KVM on this boot of the host: whether a guest spoke under it, and if not, why."""

    works: bool
    reason: str = ""


def known() -> Finding | None:
    """What is known of KVM here; None when nobody has tried."""
    if not KVM.exists():
        return Finding(False, f"there is no {KVM}: no virtualisation by the processor, or it is switched off")
    try:
        kept = json.loads(_file().read_text())
        return Finding(**kept["kvm"]) if kept["boot"] == _boot() else None
    except (OSError, ValueError, KeyError, TypeError, Unsupported):  # never tried, or written by another version
        return None


def remember(finding: Finding) -> None:
    """Keeps a finding; two at once do not mix theirs. Where nothing can be kept, the next machine tries again."""
    with suppress(OSError, Unsupported):
        _write(finding)


def _write(finding: Finding) -> None:
    file = _file()
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=file.parent, prefix=".new-", delete=False) as new:
        json.dump({"boot": _boot(), "kvm": asdict(finding)}, new)
    os.replace(new.name, file)


def _file() -> Path:
    return cache.folder() / f"kvm-{os.getuid()}.json"


def _boot() -> str:
    return BOOT_ID.read_text().strip()
