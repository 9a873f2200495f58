"""Policies for system calls, as exercises hand them out and checks read them."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from .... import LabError, steps
from ....kernel.filters import FilterAction, FilterPolicy, compile_policy, decide, docker_policy, from_json, to_json
from ....kernel.syscall_table import SYSCALLS
from ...grading import KernelView
from .walls import NOT_STARTED, EndedProgram, run_inside

NUMBERS = SYSCALLS.get(platform.machine(), {})
"""The number of each system call of this processor; none where there is no table of them."""
MAKE_FOLDER = tuple(name for name in ("mkdir", "mkdirat") if name in NUMBERS)


def without_table() -> str:
    """Why filters cannot be had on this processor; empty where they can."""
    return "" if NUMBERS else f"there is no table of system calls for {platform.machine()}"


@lru_cache(maxsize=8)
def docker_without(*missing: str) -> FilterPolicy:
    """Docker's policy for its fourteen capabilities, without some calls."""
    text = json.loads(to_json(docker_policy(capabilities=[f"CAP_{name}" for name in steps.DropCapabilities().keep])))
    for rule in text["syscalls"]:
        rule["names"] = [name for name in rule["names"] if name not in missing]
    return from_json(json.dumps(text))


def policy_as_json(policy: FilterPolicy) -> str:
    """A policy as the OCI writes it, in lines."""
    return json.dumps(json.loads(to_json(policy)), indent=1)


def policy_in(file: str | Path) -> FilterPolicy | None:
    """The policy of a file; None where it has none."""
    try:
        return from_json(Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError, LabError):
        return None


def decisions_of(policy: FilterPolicy) -> dict[str, FilterAction]:
    """What a policy says of each system call that has no arguments to look at."""
    return {name: decide(policy, name) for name in NUMBERS}


def run_behind(view: KernelView, name: str, file: str, argv: Sequence[str]) -> EndedProgram:
    """How a program ends in a container, behind the policy of a file."""
    try:
        program = compile_policy(from_json(Path(file).read_text(encoding="utf-8")))
    except (OSError, ValueError, LabError) as why:
        return EndedProgram(NOT_STARTED, f"the file has no policy that holds: {getattr(why, 'message', why)}"[:120])
    return run_inside(view, name, argv, program=program)
