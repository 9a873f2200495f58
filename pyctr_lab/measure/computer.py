"""The machine that samples were taken on."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

from ..cgroups.places import delegation


def describe_machine() -> dict[str, str]:
    """Processor, memory, kernel, distribution, control groups: figures hold for this machine only."""
    return {
        "processor": processor_name(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / (1 << 30):.1f} GiB",
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "distribution": distribution_name(),
        "control groups": delegation().style,
        "user": "root" if os.getuid() == 0 else "an ordinary user",
        "Python": platform.python_version(),
    }


def processor_name() -> str:
    """Its name, as /proc/cpuinfo has it."""
    found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def distribution_name() -> str:
    """Its name. See os-release(5)."""
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "unknown")
    except OSError:
        return "unknown"
