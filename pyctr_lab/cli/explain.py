"""`run --explain`: print each step of a container and its system calls while it is built."""

from __future__ import annotations

import sys

from ..kernel.calls import Call
from ..lab import Lab
from ..runtime import Container
from ..runtime.faststart import code_here
from ..runtime.step_result import costed, folded
from ..steps import ControlGroup, Limits, Recipe
from .run_network import beside


def explain_run(lab: Lab, box: Container, recipe: Recipe, limits: Limits | None) -> None:
    """Apply each step to the live process and print it; then print a real start."""
    total = 0.0
    group = [ControlGroup(limits, box.name)] if limits is not None else []  # first, as in a real start
    for number, step in enumerate([*group, *recipe], 1):
        result = box.apply(step)
        total += result.seconds
        print(f"{number:>2}. {step.describe()}  [{result.seconds * 1e6:.0f} µs]")
        for line in map(costed, folded(result.calls)):
            print(f"      {line}")
    print(f"    {count_and_time(sum(len(result.calls) for result in box.history), total)}, one at a time.\n")
    explain_start(lab, recipe, limits)
    print("    Now the program, in the container that was made step by step:\n")
    sys.stdout.flush()


def explain_start(lab: Lab, recipe: Recipe, limits: Limits | None) -> None:
    """Start /bin/true in another container of the same recipe, as `run` does, and print its system calls."""
    program = lab.start(["true"], recipe=beside(lab, recipe), limits=limits)
    program.wait()
    why = lab.starter.why_slow
    by = f"a child that Python forks ({why})" if why else f"a loop of {len(code_here())} bytes"
    print(f"The same as a start really is: the list in one go, its process carried from call to call by {by}.")
    for line in folded(program.story):
        print(f"      {caller(line[0].call) + ':':<10}{costed(line)}")
    print(f"    {count_and_time(len(program.story), sum(answer.seconds for answer in program.story))}.\n")


def caller(call: Call) -> str:
    """Which process makes the call, as in `recipe --calls`."""
    return "launcher" if call.name == "fork" else "outside" if call.outside else "process"


def count_and_time(calls: int, seconds: float) -> str:
    """Number of calls and their time."""
    return f"{calls} system calls, {seconds * 1e3:.2f} ms in the kernel"
