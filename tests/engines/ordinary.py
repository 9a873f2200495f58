"""Run generators as an ordinary uid without an account."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

UID = 61237
BECOME = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups"]
ROWS = """
import json, sys
from pyctr_lab.engines import Sandbox
for target, words in json.loads(sys.argv[1]):
    with Sandbox(target, **words) as sandbox:
        for row in sandbox:
            print(json.dumps(row))
"""


def rows(readable: Path, asked: list[tuple[str, dict[str, Any]]], *before: str, **more: str) -> list[Any]:
    """All rows of these generators; `before` are words in front of the command, `more` goes to its environment."""
    env = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "PYTHONPATH": str(readable), "PYTHONDONTWRITEBYTECODE": "1",
           "HOME": "/nonexistent", **more}  # fmt: skip
    argv = [*before, *BECOME, "/usr/bin/python3", "-c", ROWS, json.dumps(asked)]
    done = subprocess.run(argv, capture_output=True, text=True, env=env, cwd=readable, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]
