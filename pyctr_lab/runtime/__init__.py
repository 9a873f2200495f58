"""Who does it: the lab, its launcher, the containers on their way, and their control groups."""

from ..errors import GroupError
from .cgroup import Cgroup
from .container import Container
from .events import Events, Watch
from .groups import clean
from .lab import Lab
from .limit_files import Written
from .program import Program, Run
from .step_result import StepResult
from .usage import Pressure, Reached, Usage
from .view import Interface, Ipc, Process, View

__all__ = [
    "Cgroup", "Container", "Events", "GroupError", "Interface", "Ipc", "Lab", "Pressure", "Process", "Program",
    "Reached", "Run", "StepResult", "Usage", "View", "Watch", "Written", "clean",
]  # fmt: skip
