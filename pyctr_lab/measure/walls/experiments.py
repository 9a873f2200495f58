"""The experiments with walls, but for starts in the sandbox: a filter, and a start with an image and a network."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from ...errors import LabError
from ...kernel.filters import compile_policy, docker_policy, encode_program
from ..images.bench_ground import BenchGround, bench_ground
from ..images.servers import find_tool
from ..images.sizes import SMALL as SMALL_IMAGES
from ..options import Measurement
from ..rounds import TurnTaker
from .sizes import WallSizes

BUSYBOX = "busybox"  # a program, and an image
FILTER_COST = Path(__file__).parents[1] / "programs/filter_cost.py"


def filter_turns(sizes: WallSizes, stack: ExitStack, missing: dict[str, str]) -> dict[str, TurnTaker]:
    """Docker's policy: compiled, installed, asked at a call that it always allows."""
    policy = docker_policy()

    def turn() -> Iterator[Measurement]:
        began = time.perf_counter()
        program = compile_policy(policy)
        yield Measurement((time.perf_counter() - began) * 1000)
        installed, without, behind = filter_cost(encode_program(program), sizes.calls)
        yield Measurement(installed / 1e6, of="filter_install")
        yield Measurement(behind - without, of="filter_call")

    return {"ours": turn}


def filter_cost(program: bytes, calls: int) -> tuple[float, float, float]:
    """Nanoseconds of its installation, of a call before it, and of one behind it, in a process of its own."""
    words = [sys.executable, "-I", "-S", str(FILTER_COST), program.hex(), str(calls)]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"no filter could be installed: {' '.join(done.stderr.split())[-200:]}")
    installed, without, behind = map(float, done.stdout.split())
    return installed, without, behind


def busybox_ground(stack: ExitStack) -> BenchGround:
    """A lab with a store of its own, and an image of busybox in it. Raises LabError where that is not installed."""
    find_tool(BUSYBOX)
    ground = stack.enter_context(bench_ground(SMALL_IMAGES))
    ground.images.import_(BUSYBOX, BUSYBOX)
    return ground


def whole_turns(sizes: WallSizes, stack: ExitStack, missing: dict[str, str]) -> dict[str, TurnTaker]:
    """One program with all walls: in this machine's files and without a network, and in an image, at a network."""
    ground = busybox_ground(stack)
    lab, network = ground.lab, ground.lab.network("bench")
    plain = lab.recipe(kind="docker_like")

    def timed(start: Callable[[], object]) -> TurnTaker:
        def turn() -> Iterator[Measurement]:
            began = time.perf_counter()
            start()
            yield Measurement((time.perf_counter() - began) * 1000)

        return turn

    def whole() -> object:
        return lab.run(["/bin/busybox", "true"], recipe="docker_like", image=BUSYBOX, network=network)

    return {"plain": timed(lambda: lab.run([BUSYBOX, "true"], recipe=plain)), "image and network": timed(whole)}
