"""The lab, its launcher, the containers on their way, and their programs."""

from ..cgroups import Cgroup, Events, Pressure, Reached, Usage, Watch, Written, clean
from ..errors import GroupError
from .container import Container
from .lab import Lab
from .program import Program, Run
from .step_result import StepResult
from .view import Interface, Ipc, Process, View
from .watch import CallWatch
from .watched import WatchedCall

__all__ = [
    "CallWatch", "Cgroup", "Container", "Events", "GroupError", "Interface", "Ipc", "Lab", "Pressure", "Process",
    "Program", "Reached", "Run", "StepResult", "Usage", "View", "Watch", "WatchedCall", "Written", "clean",
]  # fmt: skip
