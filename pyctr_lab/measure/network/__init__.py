"""What networks cost, beside those of others: a start, bytes, published ports, a crowd, names."""

from .goals import network_goals
from .running import known_peers, measure_network
from .sizes import FULL, SMALL, NetworkSizes

__all__ = ["FULL", "SMALL", "NetworkSizes", "known_peers", "measure_network", "network_goals"]
