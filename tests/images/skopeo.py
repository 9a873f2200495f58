"""skopeo, run so that it leaves nothing on the machine."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def skopeo(home: Path, *words: str) -> str:
    """What it prints. It runs as an ordinary user, for root's keeps a cache in /var/lib/containers."""
    command = ["unshare", "--user", "--map-user=1000", "skopeo", "--insecure-policy", *words]
    environment = {"PATH": os.environ["PATH"], "HOME": str(home)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False, env=environment)
    assert done.returncode == 0, f"{words}: {done.stderr[-1000:]}"
    return done.stdout
