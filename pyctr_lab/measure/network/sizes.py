"""How much is sent, asked and started when networks are measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NetworkSizes:
    """Seconds of one stream of bytes, connections and questions of one turn, containers of the crowd."""

    seconds: float
    connections: int
    questions: int
    crowd: int


FULL = NetworkSizes(1.0, 200, 20_000, 500)
SMALL = NetworkSizes(0.1, 20, 500, 20)
