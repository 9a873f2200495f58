r"""The course: exercises, predictions, progress, the doctor and the notebook's magics. For who writes a lesson.

Exercises, each with live ground of its own (any order works, twice works):

    from pyctr_lab.course import exercises

    ground = exercises.start("3.1", lab)     # `ground` as a cell's last line shows the question
    ground["amber"], ground.box              # its live containers: by name; the only or first one

    answer = (..., ...)                      # the dots are "not started"; names, containers or a number
    exercises.check("3.1", answer)           # a Verdict: the cell's last line shows it
    exercises.check("3.2")                   # where the question asks for a deed, the kernel's state is the answer
    exercises.hint("3.1")                    # next; hint("3.1", back=True); hint("3.1", 2)
    exercises.reveal("3.1"), exercises.another("3.1"), exercises.reset("3.1")

    0.1 One process, two numbers       check("0.1", 2) is the first try that fails on purpose (M1)
    1.1 Who shares this memory?        two names      1.2 The one that owes a wait  a number
    1.3 A zombie of your own           a deed
    2.1 Promised is not taken          a name         2.2 Pull the plug in time     a deed
    2.3 A machine to order             a deed
    3.1 Two in one room (uts)          two names      3.2 A name of its own (uts)   a deed
    3.3 First, and root (pid, user)    a deed
    3.4 Who sees it? (mnt)             names          3.5 Nobody else's (mnt)       a deed
    3.6 Two containers, one network    a deed         3.7 The wall that is missing  a kind
    9.1 A difference, or bad luck?     names          9.2 What do they take together?  a number
    9.3 One kernel                     paths          9.4 Which would you choose?   a dict

Predictions are kept, never graded. A guess is made with the buttons below the question, or as `guess=`:

    from pyctr_lab.course import compare, predict

    predict("3.uts-copy", "Does its host name change at once?", options=["yes", "no"])
    compare("3.uts-copy", "no")              # lays both side by side
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

from .commands import cli_check, cli_doctor, cli_progress, cli_reset
from .learner.predictions import compare, predict, recall, recall_number

__all__ = ["cli_check", "cli_doctor", "cli_progress", "cli_reset", "compare", "predict", "recall", "recall_number"]
