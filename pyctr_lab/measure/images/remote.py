"""Push and pull: a whole image, and one that shares layers with another."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from ...images.descriptors import LAYER, MANIFEST, ImageManifest
from ...images.store import Image
from ..options import Measurement
from ..rounds import TurnTaker
from .bench_ground import NAMED, BenchGround, settle
from .clients import Client, clients
from .goals import NEW
from .material import noise_layer
from .servers import CountingRelay, new_registry

KIB = 1 << 10
TREE = "tree"  # the name of the image with the tree


def push_turns(ground: BenchGround, stack: ExitStack) -> dict[str, TurnTaker]:
    """The tree's image, to a registry that has nothing yet."""
    ground.need_tree(TREE)

    def turn(client: Client) -> Iterator[Measurement]:
        with new_registry(ground.fresh()) as address:
            yield timed_work(lambda: client.push(TREE, f"{address}/{TREE}:{NAMED}"))

    return {name: partial(turn, client) for name, client in clients(ground).items()}


def pull_turns(ground: BenchGround, stack: ExitStack) -> dict[str, TurnTaker]:
    """The tree's image, to an empty folder."""
    ground.need_tree(TREE)
    found = clients(ground)
    source = f"{stack.enter_context(new_registry(ground.fresh()))}/{TREE}:{NAMED}"
    found["ours"].push(TREE, source)

    def turn(client: Client) -> Iterator[Measurement]:
        folder = ground.fresh()
        yield timed_work(lambda: client.pull(source, folder))

    return {name: partial(turn, client) for name, client in found.items()}


def timed_work(work: Callable[[], object]) -> Measurement:
    """Seconds of some work."""
    settle()
    began = time.perf_counter()
    work()
    return Measurement(time.perf_counter() - began)


def shared_turns(ground: BenchGround, stack: ExitStack) -> dict[str, TurnTaker]:
    """KiB that go over the wire, and into the layout, for an image of four layers when another one with three of them
    is there; beside them the bytes of its fourth layer, configuration and manifest."""
    first, second = four_layers(ground, "first", 3), four_layers(ground, "second", 4)
    new = sum(blob.size for blob in second.blobs if blob not in first.blobs) / KIB

    def turn(client: Client) -> Iterator[Measurement]:
        folder = ground.fresh()
        with new_registry(ground.fresh()) as address, CountingRelay(address) as relay:
            client.push("first", f"{relay.address}/shared:1")
            client.pull(f"{relay.address}/shared:1", folder)
            stored = blob_bytes(folder)
            before = relay.sent
            client.push("second", f"{relay.address}/shared:2")
            yield Measurement((relay.sent - before) / KIB)
            before = relay.received
            client.pull(f"{relay.address}/shared:2", folder)
            yield Measurement((relay.received - before) / KIB, of="fetched")
            yield Measurement((blob_bytes(folder) - stored) / KIB, of="stored")

    def nothing_else() -> Iterator[Measurement]:
        yield from (Measurement(new, of=name) for name in ("sent", "fetched", "stored"))

    return {**{name: partial(turn, client) for name, client in clients(ground).items()}, NEW: nothing_else}


def four_layers(ground: BenchGround, name: str, last: int) -> Image:
    """An image of three layers that are always the same, and of one more."""
    layout = ground.images.store.layout
    layers = [layout.write(noise_layer(seed, ground.sizes.shared), LAYER) for seed in (0, 1, 2, last)]
    config = ground.configuration([layer.digest for layer in layers])
    manifest = layout.write(ImageManifest(config, tuple(layers)).encode(), MANIFEST)
    return ground.images.store.tag(name, manifest)


def blob_bytes(layout: Path) -> int:
    """Bytes of a layout's blobs."""
    return sum(path.stat().st_size for path in (layout / "blobs/sha256").iterdir())
