r"""The course: exercises, predictions, progress, the doctor and the notebook's magics. For authors of lessons.

Exercises, each with live ground of its own (any order works, twice works):

    from pyctr_lab.course import exercises

    ground = exercises.start("3.1", lab)     # `ground` as a cell's last line shows the question
    ground["amber"], ground.box              # its live containers: by name; the only or first one

    answer = (..., ...)                      # the dots are "no answer yet"; names, containers or a number
    exercises.check("3.1", answer)           # a Verdict: the cell's last line shows it
    exercises.check("3.2")                   # where the question asks for a deed, the kernel's state is the answer
    exercises.hint("3.1")                    # next; hint("3.1", back=True); hint("3.1", 2)
    exercises.reveal("3.1"), exercises.another("3.1"), exercises.reset("3.1")

`progress.show()` lists them all; each is a module of `course/lessons/lesson_NN/`, found by folder. The one list of
lessons is `course/syllabus.py`.

Predictions are kept, never graded. A guess is made with the buttons below the question, or as `guess=`:

    from pyctr_lab.course import compare, predict

    predict("3.uts-copy", "Does its host name change at once?", options=["yes", "no"])
    compare("3.uts-copy", "yes" if inside == named else "no")   # asks the kernel; lays both side by side
    predict("what-is-a-container", "In one sentence: what is a container?")     # free text: no options
    recall("what-is-a-container")            # the learner's own words, for the capstone

    from pyctr_lab.course import doctor, progress

    progress.show()                          # the map of the course, and how far the learner has come
    doctor.examine()                         # what this machine can do, what is missing, the one command that mends it
    %load_ext pyctr_lab                      # %%host and %%inside NAME; errors of the lab as one line

Everything shown has a text twin. For nbval, one pattern covers every number in a verdict that differs from run to run:

    regex: (?<=/proc/)\d+|(?<=:\[)\d+(?=\])
    replace: N

State is kept in $XDG_STATE_HOME/pyctr_lab: a test sets that, and $XDG_RUNTIME_DIR, to folders of its own.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .commands import cli_check, cli_doctor, cli_progress, cli_reset
from .learner import compare, predict, recall, recall_number, state_dir

__all__ = [
    "cli_check", "cli_doctor", "cli_progress", "cli_reset", "compare", "control_groups", "doctor", "exercises",
    "images_and_layers", "magics", "network", "predict", "progress", "recall", "recall_number", "state_dir",
    "virtual_machines", "whole_container",
]  # fmt: skip


PARTS = (
    "control_groups", "doctor", "exercises", "images_and_layers", "magics", "network", "progress", "virtual_machines",
    "whole_container",
)  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import a part when it is first used: the exercises bring the whole package with them. See PEP 562."""
    if name not in PARTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f".{name}", __name__)
