"""What the figures of walls are to reach."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..goal import Goal, figure_or_none
from ..samples import Results
from .matrix import ON_IMAGE
from .starts import CROWD, LIMITED, STARTS

RATIOS = {"bubblewrap": (0.75, 1.0), "crun": (0.35, 0.4), "runc": (0.25, 0.3), "floor": (2, 2.6)}
WORDS = {"bubblewrap": "bubblewrap's plain start", "crun": "crun with equal walls", "runc": "runc with equal walls",
         "floor": "the least, in C"}  # fmt: skip


def wall_goals(results: Results) -> list[Goal]:
    """All figures."""
    return [Goal(name, unit, figure_or_none(results, figure), at_most) for name, unit, figure, at_most in FIGURES]


def ours_to(other: str, *, limits: bool) -> Callable[[Results], float]:
    """How many times another's median start ours is; crun and runc have the same limits then."""
    ours = f"ours {LIMITED}" if limits else "ours"
    theirs = f"{other} {LIMITED}" if limits and other in ("crun", "runc") else other
    return lambda results: results.ratio(STARTS, ours, theirs)


def median_of_ours(experiment: str) -> Callable[[Results], float]:
    """Our median."""
    return lambda results: results.median(experiment, "ours")


def image_and_network(results: Results) -> float:
    """Milliseconds that an image and a network add."""
    return results.median("whole_start", "image and network") - results.median("whole_start", "plain")


def crowd_seconds(results: Results) -> float:
    """Seconds of all starts of a crowd. Raises KeyError where there was none."""
    starts = [each.value for each in results.crowd("ours")]
    if not starts:
        raise KeyError(CROWD)
    return sum(starts) / 1000


def wall_figures() -> Iterator[tuple[str, str, Callable[[Results], float], float]]:
    """Each figure with its unit, what it is of some results, and the most that it should be."""
    for limits in (False, True):
        for other, bounds in RATIOS.items():
            said = "all walls and limits, to " if limits else "all walls, to "
            yield said + WORDS[other], "x", ours_to(other, limits=limits), bounds[limits]
    yield "an image and a network, above neither", "ms", image_and_network, 4
    yield "Docker's filter, compiled", "ms", median_of_ours("filter_compile"), 2
    yield "installed", "ms", median_of_ours("filter_install"), 0.2
    yield "asked at a call", "ns", median_of_ours("filter_call"), 40
    yield "a crowd with all walls, started", "s", crowd_seconds, 4
    yield "each of it", "MiB", median_of_ours("each"), 0.6
    yield "the isolation matrix", "s", median_of_ours("matrix"), 20
    yield "its outcomes that are not as its table says", "outcomes", median_of_ours("unexpected"), 0
    yield "probes that get out of an image", "probes", lambda results: results.median("out", ON_IMAGE), 0


FIGURES = tuple(wall_figures())
