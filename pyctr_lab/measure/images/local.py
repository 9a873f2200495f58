"""Unpacking, starts, memory, and a build: all that needs no registry."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from ..options import Measurement
from ..rounds import TurnTaker
from .bench_ground import NAMED, BenchGround, run_tool, settle
from .bring_image import bring_image
from .material import bomb, large_layer, pack
from .peak import peak_memory
from .servers import find_tool

WEB = "web"  # the name of the image of four layers
CONTAINERFILE = """FROM busybox
ENV ONE=1
WORKDIR /work
COPY . .
RUN echo two >two
RUN ["touch", "three"]
CMD ["true"]
"""
CONTEXT_FILES = 200


# --- unpacking
def unpack_turns(ground: BenchGround, stack: ExitStack) -> dict[str, TurnTaker]:
    """An image in a layout, to a tree on disk. tar reads the layer's blob alone, and verifies nothing."""
    source = f"{ground.tree}:{NAMED}"
    blob = max((ground.tree / "blobs/sha256").iterdir(), key=lambda path: path.stat().st_size)
    rootless = ["--rootless"] if os.geteuid() else []

    def umoci(folder: Path) -> None:
        run_tool("umoci", ["unpack", *rootless, "--image", source, folder / "bundle"])

    def tar(folder: Path) -> None:
        run_tool("tar", ["--extract", "--gzip", "--numeric-owner", "--file", blob, "--directory", folder])

    def ours(folder: Path) -> None:
        bring_image(f"oci:{source}", folder)

    tools = {"ours": ours, "umoci": umoci, "tar": tar}
    return {name: partial(timed_to_disk, ground, tool) for name, tool in tools.items()}


def timed_to_disk(ground: BenchGround, work: Callable[[Path], None]) -> Iterator[Measurement]:
    """Seconds of some work in a fresh folder, and until all of it is on the disk."""
    folder = ground.fresh()
    settle()
    began = time.perf_counter()
    work(folder)
    yield Measurement(time.perf_counter() - began)
    settle()
    yield Measurement(time.perf_counter() - began, of="synced")


# --- starts and builds
def start_turns(ground: BenchGround, stack: ExitStack) -> dict[str, TurnTaker]:
    """One program, the same, in the host's tree, in an image of four layers, and there with a recipe made before."""
    build_web(ground)
    busybox, lab = find_tool("busybox"), ground.lab
    recipe = lab.recipe(image=WEB)

    def turn(start: Callable[[], object]) -> Iterator[Measurement]:
        began = time.perf_counter()
        start()
        yield Measurement((time.perf_counter() - began) * 1000)

    return {
        "image": partial(turn, lambda: lab.run(["/bin/busybox", "true"], image=WEB)),
        "image, recipe kept": partial(turn, lambda: lab.run(["/bin/busybox", "true"], recipe=recipe)),
        "host's tree": partial(turn, lambda: lab.run([busybox, "true"])),
    }


def rebuild_turns(ground: BenchGround, stack: ExitStack) -> dict[str, TurnTaker]:
    """A build of seven lines whose steps are all cached."""
    build_web(ground)

    def turn() -> Iterator[Measurement]:
        began = time.perf_counter()
        build_web(ground)
        yield Measurement(time.perf_counter() - began)

    return {"ours": turn}


def build_web(ground: BenchGround) -> None:
    """Build the image of four layers."""
    context = ground.place / "context"
    if not context.exists():
        ground.images.import_("busybox", "busybox")
        context.mkdir()
        for number in range(CONTEXT_FILES):
            (context / f"file{number}").write_bytes(bytes([number]) * 4096)
    ground.images.build(CONTAINERFILE, name=WEB, context=context)


# --- memory
def layer_memory_turns(ground: BenchGround, stack: ExitStack) -> dict[str, TurnTaker]:
    """A large layer."""
    return memory_turns(ground, large_layer(ground.sizes.layer))


def bomb_memory_turns(ground: BenchGround, stack: ExitStack) -> dict[str, TurnTaker]:
    """A layer of a thousandth of its content."""
    return memory_turns(ground, bomb(ground.sizes.bomb))


def memory_turns(ground: BenchGround, archive: Iterator[bytes]) -> dict[str, TurnTaker]:
    """Import and unpack it."""
    packed = ground.fresh() / "layer.tar.gz"
    pack(archive, packed)
    source = f"oci:{ground.layout_of(packed)}:{NAMED}"

    def turn() -> Iterator[Measurement]:
        yield Measurement(peak_memory(source, str(ground.fresh())))

    return {"ours": turn}
