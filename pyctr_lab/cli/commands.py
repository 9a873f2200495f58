"""The commands other than `run`. Each imports what it needs when called, so that `run` starts fast."""

from __future__ import annotations

import argparse
import os
import sys

from ..errors import BadInput
from ..kernel.checks import short_repr
from ..runtime import Lab, clean
from ..steps import default

MOST_IDS = (1 << 32) - 1


def print_recipe(words: argparse.Namespace) -> int:
    """`pyctr-lab recipe`: the default recipe as steps, as calls, or as a script."""
    made = default(words.hostname, ids=ids_here() if words.ids is None else count_of_ids(words.ids))
    if words.calls:
        print(made.listing(words.argv or ["/bin/sh"]))
    elif words.shell:
        print(made.shell(words.argv or ["/bin/sh"]), end="")
    else:
        for number, step in enumerate(made, 1):
            print(f"{number:>2}. {step.title:<24}{step.describe()}")
    return 0


def count_of_ids(text: str) -> int:
    """The value of --ids. Raises BadInput."""
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and 1 <= int(text) <= MOST_IDS):
        raise BadInput(
            f"--ids cannot be {short_repr(text)}", hint=f"it is a whole number from 1 up, at most {MOST_IDS}"
        )
    return int(text)


def ids_here() -> int:
    """The number of ids of a lab on this machine, found by opening one."""
    with Lab() as lab:
        return lab.ids


def bench(words: argparse.Namespace) -> int:
    """`pyctr-lab bench`: medians and spread of one interleaved run, ratios, pictures."""
    from .bench import run_bench

    return run_bench(words)


def clean_up(_: argparse.Namespace) -> int:
    """`pyctr-lab clean`: print one line; return 1 if a control group is still in use."""
    removed, kept = clean(patience=1.0)
    labs = sorted({os.path.basename(folder) for folder in removed})
    print(f"removed the control groups of {', '.join(labs)}" if labs else "there was nothing to remove")
    if kept:
        print(f"pyctr-lab: still in use: {' '.join(kept)}", file=sys.stderr)
    return 1 if kept else 0


def run_doctor(_: argparse.Namespace) -> int:
    """`pyctr-lab doctor`."""
    from ..course import cli_doctor

    return cli_doctor()


def show_progress(words: argparse.Namespace) -> int:
    """`pyctr-lab progress`."""
    from ..course import cli_progress, cli_reset

    return cli_reset(words.reset) if words.reset else cli_progress()


def check_exercise(words: argparse.Namespace) -> int:
    """`pyctr-lab check 3.1`: 0 passed, 1 not yet, 3 not started or no answer yet, 4 cannot be checked here."""
    from ..course import cli_check

    return cli_check(words.exercise, tuple(words.answer))
