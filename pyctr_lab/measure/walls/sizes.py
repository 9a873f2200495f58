"""How much is called and started when walls are measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WallSizes:
    """Calls of one loop, containers of the crowd; whether all probes of the isolation matrix are made."""

    calls: int
    crowd: int
    matrix: bool = True


FULL = WallSizes(200_000, 1000)
SMALL = WallSizes(20_000, 30, matrix=False)
