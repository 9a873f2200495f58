"""The most memory that a process and all its descendants take while it runs."""

from __future__ import annotations

import subprocess
import sys
import time

from ...errors import LabError
from ...kernel import proc
from ..memory import MIB, pss_or_zero

EVERY = 0.005  # seconds between two looks


def peak_memory(*words: str) -> float:
    """MiB, while bring_image.py brings an image; a page that n processes share counts an n-th for each."""
    command = [sys.executable, "-P", "-c", f"from {__package__}.bring_image import main; main()", *words]
    most = 0
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        while process.poll() is None:
            most = max(most, sum(map(pss_or_zero, (process.pid, *proc.descendants(process.pid)))))
            time.sleep(EVERY)
        said = process.stderr.read().strip()
    if process.returncode:
        raise LabError(f"the import failed: {said[-200:]}")
    return most / MIB
