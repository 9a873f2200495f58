"""What the figures of images are to reach: ratios, which travel between machines, and a few absolute ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..goal import Goal, figure_or_none
from ..samples import Results

NEW = "what is new"  # beside the tools: the blobs that only the second image has, without any overhead


def goals(results: Results) -> list[Goal]:
    """All figures."""
    return [Goal(name, unit, figure_or_none(results, figure), at_most) for name, unit, figure, at_most in FIGURES]


def to_ours(experiment: str, other: str) -> Callable[[Results], float]:
    """How many times another tool's median ours is."""
    return lambda results: results.ratio(experiment, "ours", other)


def ours(experiment: str) -> Callable[[Results], float]:
    """Our median."""
    return lambda results: results.median(experiment, "ours")


def image_above_host(results: Results) -> float:
    """Milliseconds that a start from an image takes more than one from the host's tree."""
    return results.median("image_start", "image") - results.median("image_start", "host's tree")


def table_of_figures() -> Iterator[tuple[str, str, Callable[[Results], float], float]]:
    """Each figure with its unit, what it is of some results, and the most that it should be."""
    yield "import and unpack, to umoci", "x", to_ours("unpack", "umoci"), 0.35
    yield "import and unpack, to GNU tar without digests", "x", to_ours("unpack", "tar"), 1.6
    yield "a start from an image of four layers, above one from the host's tree", "ms", image_above_host, 0.5
    yield "memory for a large layer", "MiB", ours("layer_memory"), 100
    yield "memory for a bomb", "MiB", ours("bomb_memory"), 100
    yield "push on loopback, to skopeo", "x", to_ours("push", "skopeo"), 1.0
    yield "pull on loopback, to skopeo", "x", to_ours("pull", "skopeo"), 1.0
    for what in ("sent", "fetched", "stored"):
        yield f"an image that shares three layers of four: {what}, to its new blobs", "x", to_ours(what, NEW), 1.02
    yield "a rebuild with all steps cached", "s", ours("rebuild"), 0.3


FIGURES = tuple(table_of_figures())
