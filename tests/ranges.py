"""An ordinary user with a range of subordinate ids, whom only a mount namespace of the test knows."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

IN_PRIVATE_ETC = 'for name in passwd group subuid subgid; do mount --bind "$0/$name" "/etc/$name"; done; exec "$@"'
needs_range = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("newuidmap") or not os.path.exists("/etc/subuid"),
    reason="only root can become another user, and uidmap maps its ids",
)


def as_user_with(ranges: str, etc: Path, *before: str, uid: int = 61236, gid: int = 61236) -> list[str]:
    """Words in front of a command: jane.doe gives it. `etc` is an empty folder, `before` wraps the command."""
    lines = {"passwd": f"jane.doe:x:{uid}:{gid}::/:/bin/sh", "group": f"jane.doe:x:{gid}:", "subuid": ranges,
             "subgid": ranges}  # fmt: skip
    for name, added in lines.items():
        (etc / name).write_text(Path("/etc", name).read_text().rstrip("\n") + f"\n{added}\n")
        (etc / name).chmod(0o644)
    become = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", *before]
    return ["unshare", "--mount", "sh", "-c", IN_PRIVATE_ETC, str(etc), *become]
