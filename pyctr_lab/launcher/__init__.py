"""What runs in an interpreter of its own (`python -I -S main.py`): the launcher, and the reaper of a lab's cgroups.

Imports nothing else of the package: its modules are started by their paths. `layout` and `cgroup_reaper` are imported
by the notebook's side too, as the other end of what they say.
"""

from pathlib import Path

MAIN = Path(__file__).with_name("main.py")
CGROUP_REAPER = Path(__file__).with_name("cgroup_reaper.py")

__all__ = ["CGROUP_REAPER", "MAIN"]
