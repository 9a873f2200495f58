"""Where the files of a lab's root are kept: ids outside depend on the lab's maps."""

from __future__ import annotations

import os
from pathlib import Path

from ..kernel import proc
from ..runtime import Lab

TREE_JOBS = "pyctr_lab.images.tree_jobs"  # runs as root of a lab


def map_name(lab: Lab) -> str:
    """A name for the lab's id maps: files of one map belong to strangers in another. `0-1000-1_1-100000-65535`."""
    lines = proc.uid_map(lab.launcher.machine_pid)
    return "_".join(f"{line.inside}-{line.outside}-{line.count}" for line in lines)


def make_folder_of(lab: Lab, folder: Path) -> None:
    """Make a folder that belongs to the lab's root."""
    folder.mkdir(parents=True, exist_ok=True)
    uids, gids = proc.uid_map(lab.launcher.machine_pid), proc.gid_map(lab.launcher.machine_pid)
    if os.stat(folder).st_uid != uids[0].outside:
        os.chown(folder, uids[0].outside, gids[0].outside)
