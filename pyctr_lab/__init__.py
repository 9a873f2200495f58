"""Build a container by hand: an ordinary process, carried one system call at a time into a world of its own."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import errors, kernel, steps
from .errors import BadInput, Gone, Harm, LabError, OrderError, TimeExpired, Unsupported
from .kernel.calls import CallError
from .lab import Lab
from .runtime import Cgroup, Container, Program, Run, StepResult, View
from .steps import Limits, Recipe, Step

if TYPE_CHECKING:
    from . import draw
    from .machines import Machine

__version__ = "0.1.0"
__all__ = [
    "BadInput", "CallError", "Cgroup", "Container", "Gone", "Harm", "Lab", "LabError", "Limits", "Machine",
    "OrderError", "Program", "Recipe", "Run", "Step", "StepResult", "TimeExpired", "Unsupported", "View", "draw",
    "errors", "kernel", "load_ipython_extension", "steps",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import pictures, and `Machine`, at their first use. See PEP 562."""
    if name == "draw":
        return import_module(".draw", __name__)
    if name != "Machine":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .machines import Machine

    return Machine


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext pyctr_lab`: the magics %%host and %%inside, and errors in one line."""
    from .course.magics import load

    load(shell)
