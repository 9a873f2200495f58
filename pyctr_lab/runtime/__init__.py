"""Who does it: the lab, its launcher, and the containers on their way."""

from .container import Container, StepResult
from .lab import Lab
from .program import Program, Run
from .view import Interface, Ipc, Process, View

__all__ = ["Container", "Interface", "Ipc", "Lab", "Process", "Program", "Run", "StepResult", "View"]
