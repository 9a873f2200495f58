"""Mounts and files of the whole machine, except what other tests and a machine of vagrant/ may add meanwhile."""

from __future__ import annotations

import os
import re
from pathlib import Path

# Browsers and temporary folders of other tests, locks and folders of pytest, a box or a machine of `./lab test vm`;
# what systemd mounts at a login or the start of a service; what useradd(8) keeps of the tables of accounts.
OTHERS = re.compile(
    r"chromium|playwright|pytest|pyctr-(lab-tests|box|vm)|/tmp/(tmp[a-z0-9_]{8}\b|pip-)|libvirt"
    r"|/run/(user|credentials)/|binfmt_misc|/etc/(\w+-|\.pwd\.lock)$"
)


def mounts() -> set[str]:
    """Mounts of this mount namespace, without their numbers."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return {line.split(" ", 2)[2] for line in lines if not OTHERS.search(line)}


def names(folder: str) -> set[str]:
    """Paths of what lies in a folder; nothing where there is no such folder."""
    place = os.path.expanduser(folder)
    found = {os.path.join(place, name) for name in os.listdir(place)} if os.path.isdir(place) else set()
    return {path for path in found if not OTHERS.search(path)}
