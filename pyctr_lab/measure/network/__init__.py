"""What networks cost, beside those of others: a start, bytes, published ports, a crowd, names."""

from .goals import network_goals
from .running import NETWORK_SUITE, measure_network
from .sizes import FULL, SMALL, NetworkSizes

__all__ = ["FULL", "NETWORK_SUITE", "SMALL", "NetworkSizes", "measure_network", "network_goals"]
