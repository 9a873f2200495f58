"""Control groups: hierarchies, delegation, limits, what groups use, and what happened at their limits."""

from .events import Events, Watch
from .files import Setting, device_of
from .group import Cgroup
from .hierarchies import Tree, all_trees, trees
from .lab_groups import LabGroups
from .leftovers import clean
from .limit_attributes import Written
from .limits import Limits
from .places import LIMITED, Delegation, Place, delegation
from .usage import Pressure, Reached, Usage, kernel_log
from .v1 import V1_NAMES

__all__ = [
    "LIMITED", "V1_NAMES", "Cgroup", "Delegation", "Events", "LabGroups", "Limits", "Place", "Pressure", "Reached",
    "Setting", "Tree", "Usage", "Watch", "Written", "all_trees", "clean", "delegation", "device_of", "kernel_log",
    "trees",
]  # fmt: skip
