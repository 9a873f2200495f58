"""Build a container by hand: an ordinary process, carried one system call at a time into a world of its own."""

from typing import Any

from . import errors, kernel, steps
from .errors import BadInput, CallError, Gone, Harm, LabError, OrderError, TimeExpired, Unsupported
from .runtime import Container, Lab, Program, Run, StepResult, View
from .steps import Recipe, Step

__version__ = "0.1.0"
__all__ = [
    "BadInput", "CallError", "Container", "Gone", "Harm", "Lab", "LabError", "OrderError", "Program", "Recipe", "Run",
    "Step", "StepResult", "TimeExpired", "Unsupported", "View", "errors", "kernel", "load_ipython_extension", "steps",
]  # fmt: skip


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext pyctr_lab`: the magics %%host and %%inside, and errors as one clear line."""
    from .course.magics import load

    load(shell)
