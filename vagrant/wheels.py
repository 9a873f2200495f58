"""Select the packages for a machine of the course from the locked list: `wheels.py LIST PYTHON PROCESSOR`.

The list has conditions (environment markers) for Python and processor. pip would evaluate them for the computer it
runs on, which may be a Mac. This script evaluates them for the machine, and prints the matching packages without them.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from pip._vendor.packaging.markers import Marker


def environment(*, python: str, processor: str) -> dict[str, str]:
    """What a condition may ask (PEP 508), of Debian with that Python (3.11) and processor (x86_64, aarch64)."""
    return {
        "implementation_name": "cpython",
        "implementation_version": f"{python}.0",
        "os_name": "posix",
        "platform_machine": processor,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": "linux",
        "extra": "",
    }


def entries(text: str) -> list[str]:
    """The requirements of a list, each with its hashes: a line that ends in a backslash goes on."""
    lines = (line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))
    return re.sub(r"\\\n\s*", " ", "\n".join(lines)).splitlines()


def chosen(text: str, *, python: str, processor: str) -> list[str]:
    """Those whose condition holds there, in pip's own form."""
    where = environment(python=python, processor=processor)
    found = []
    for entry in entries(text):
        requirement, *hashes = entry.split(" --hash=")
        name, _, condition = requirement.partition(";")
        if not condition.strip() or Marker(condition).evaluate(where):
            found.append(" --hash=".join([name.strip(), *map(str.strip, hashes)]))
    return found


if __name__ == "__main__":
    print(*chosen(Path(sys.argv[1]).read_text(), python=sys.argv[2], processor=sys.argv[3]), sep="\n")
