"""What the figures of networks are to reach."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..goal import Goal, figure_or_none
from ..samples import Results

MOST, LEAST = "at most", "at least"


def network_goals(results: Results) -> list[Goal]:
    """All figures."""
    return [
        Goal(name, unit, figure_or_none(results, figure), **{kind.replace(" ", "_"): bound})
        for name, unit, figure, kind, bound in FIGURES
    ]


def more_than(experiment: str, engine: str, other: str) -> Callable[[Results], float]:
    """How much more the median of one is than another's."""
    return lambda results: results.median(experiment, engine) - results.median(experiment, other)


def network_figures() -> Iterator[tuple[str, str, Callable[[Results], float], str, float]]:
    """Each figure with its unit, what it is of some results, and its bound."""
    yield "a start at a network, above one without", "ms", more_than("net_start", "ours", "ours none"), MOST, 2.5
    yield ("container to container over the bridge, to `ip netns` by hand", "x",
           lambda results: results.ratio("net_bytes", "ours", "ip netns"), LEAST, 0.9)  # fmt: skip
    yield ("a published port, to loopback", "x",
           lambda results: results.ratio("net_port", "published", "loopback"), LEAST, 0.45)  # fmt: skip
    yield ("a connection to a published port, above loopback", "ms",
           more_than("net_connect", "published", "loopback"), MOST, 0.5)  # fmt: skip
    yield "a crowd at one network, started", "s", lambda results: results.median("net_crowd", "ours"), MOST, 5
    yield "its last start, to its first", "x", lambda results: results.median("net_last", "ours"), MOST, 2
    yield "its lab, closed", "s", lambda results: results.median("net_close", "ours"), MOST, 2
    for what in ("idle", "computing"):
        yield (f"names, this process {what}", "1/s",
               lambda results, what=what: results.median("net_names", what), LEAST, 5000)  # type: ignore[misc]  # fmt: skip


FIGURES = tuple(network_figures())
