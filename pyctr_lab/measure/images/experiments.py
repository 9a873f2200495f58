"""The experiments with images: how their engines are made ready, and how many turns are enough."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from ..rounds import TurnTaker
from .bench_ground import BenchGround
from .local import bomb_memory_turns, layer_memory_turns, rebuild_turns, start_turns, unpack_turns
from .remote import pull_turns, push_turns, shared_turns


@dataclass(frozen=True)
class ImageExperiment:
    """What makes its engines ready, for each one turn; and the programs without which there is nothing to measure."""

    prepare: Callable[[BenchGround, ExitStack], dict[str, TurnTaker]]
    repetitions: int = 5
    warm_up: bool = True
    needs: tuple[str, ...] = ()


TOOLS = ("umoci", "tar", "skopeo")  # engines that are programs of others
IMAGE_EXPERIMENTS = {
    "unpack": ImageExperiment(unpack_turns),
    "image_start": ImageExperiment(start_turns, repetitions=100, needs=("busybox",)),
    "rebuild": ImageExperiment(rebuild_turns, repetitions=10, needs=("busybox",)),
    "push": ImageExperiment(push_turns, needs=("docker-registry",)),
    "pull": ImageExperiment(pull_turns, needs=("docker-registry",)),
    "sent": ImageExperiment(shared_turns, repetitions=1, warm_up=False, needs=("docker-registry",)),
    "bomb_memory": ImageExperiment(bomb_memory_turns, repetitions=3, warm_up=False),
    "layer_memory": ImageExperiment(layer_memory_turns, repetitions=1, warm_up=False),
}
