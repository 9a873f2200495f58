"""Errors as a learner reads them: of the lab in one line, of Python in the learner's own lines, with a way out.

Frames of libraries, this one among them, are left out: `%tb` shows all of them. See IPython's `set_custom_exc`.
"""

from __future__ import annotations

import ast
import os
import sys
import sysconfig
from pathlib import Path
from types import TracebackType
from typing import Any

from ..errors import LabError
from .whereabouts import first_cell, heading_of, is_made_here

#: Names that a lesson's first cell makes, and that are gone after a restart of the notebook's kernel.
LESSON_NAMES = ("lab", "Lab", "steps", "exercises", "draw", "os", "subprocess", "Path", "predict", "compare")
SHOW_ALL = "Frames of libraries are left out; %tb shows all of them."
PACKAGE = str(Path(__file__).resolve().parents[1])
LIBRARIES = tuple({PACKAGE, *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))})


def show_error(shell: Any, kind: type[BaseException], error: BaseException, trace: Any, tb_offset: Any = None) -> Any:
    """Show an error that ended a cell, as IPython's handler of exceptions."""
    from IPython.core.error import UsageError

    sys.last_type, sys.last_value, sys.last_traceback = kind, error, trace  # for %tb
    if isinstance(error, SyntaxError):
        shell.showsyntaxerror()
        return []
    if isinstance(error, UsageError):
        shell.show_usage_error(error)
        return []
    if isinstance(error, KeyboardInterrupt):
        lines = [f"{kind.__name__}: interrupted; run the cell again"]
    elif isinstance(error, LabError):
        lines = [f"{kind.__name__}: {error}"]
    elif type(error) is NameError and error.name in LESSON_NAMES:
        lines = [f"{kind.__name__}: {error}. After a restart of the kernel, run {first_cell(shell)} again"]
    else:
        lines = [*_shortened(shell, kind, error, trace, tb_offset), *_way_out(shell, error)]
    shell._showtraceback(kind, error, lines)
    return lines


def _shortened(shell: Any, kind: type[BaseException], error: BaseException, trace: Any, tb_offset: Any) -> list[str]:
    """The traceback without the frames of libraries, and a line that says how to see them."""
    offset = shell.InteractiveTB.tb_offset if tb_offset is None else tb_offset
    all_frames = _frames(trace)[offset:]
    own = [each for each in all_frames if not _is_library(each)]
    if not own or len(own) == len(all_frames):
        return list(shell.InteractiveTB.structured_traceback(kind, error, trace, tb_offset=tb_offset))
    lines = shell.InteractiveTB.structured_traceback(kind, error, _chained(own), tb_offset=0)
    return [*lines, SHOW_ALL]


def _frames(trace: TracebackType | None) -> list[TracebackType]:
    found = []
    while trace is not None:
        found.append(trace)
        trace = trace.tb_next
    return found


def _chained(frames: list[TracebackType]) -> TracebackType | None:
    chain: TracebackType | None = None
    for each in reversed(frames):
        chain = TracebackType(chain, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return chain


def _is_library(trace: TracebackType) -> bool:
    name = trace.tb_frame.f_code.co_filename
    return name.startswith("<frozen ") or os.path.abspath(name).startswith(LIBRARIES)


def _way_out(shell: Any, error: BaseException) -> list[str]:
    """Advice about a process that is gone, or a name that is not defined: a slip, or a cell that was passed over."""
    if isinstance(error, ProcessLookupError) or str(getattr(error, "filename", "")).startswith("/proc/"):
        return [f"If that process has ended: run {first_cell(shell)}, then this section from its heading."]
    if type(error) is not NameError or error.name is None:
        return []
    name = error.name
    if name in _exercise_words() or (_is_in_answer(shell, name) and not is_made_here(name)):
        return [f"Names are text: write it in quotes, {name!r}."]
    if heading := heading_of(shell, name):
        return [f"A cell under “{heading}” makes {name!r}: run {first_cell(shell)}, then from that heading on."]
    return [f"If an earlier cell makes {name!r}: run {first_cell(shell)}, then this section from its heading."]


def _exercise_words() -> set[str]:
    """The names that the exercises under way ask about: of containers, programs, groups."""
    exercises = sys.modules.get("pyctr_lab.course.exercises")
    grounds = exercises.SESSION.grounds.values() if exercises else ()
    return {name for ground in grounds for name in (*ground.boxes, *ground.programs, *ground.groups)}


def _is_in_answer(shell: Any, name: str) -> bool:
    """Whether the running cell has this name in `answer = ...`, or in a call of check()."""
    try:
        nodes = list(ast.walk(ast.parse((shell.user_ns.get("In") or [""])[-1])))
    except (SyntaxError, ValueError):
        return False
    places = [node.value for node in nodes if isinstance(node, ast.Assign)
              and any(isinstance(each, ast.Name) and each.id == "answer" for each in node.targets)]  # fmt: skip
    places += [each for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
               and node.func.attr == "check" for each in node.args]  # fmt: skip
    plain = [each for place in places for each in (place.elts if isinstance(place, ast.Tuple | ast.List) else [place])]
    return any(isinstance(each, ast.Name) and each.id == name for each in plain)
