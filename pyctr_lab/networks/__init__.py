"""Networks of a lab: bridges, addresses, names, published ports, and packets seen.

All of it lies in the lab's network namespace, and ends with it.
"""

from __future__ import annotations

from .capture import capture
from .network import Network
from .networks import Networks
from .ports import Published, published_ports
from .view import Door, Learned, Link, NetworkView, Room

__all__ = [
    "Door", "Learned", "Link", "Network", "NetworkView", "Networks", "Published", "Room", "capture", "published_ports",
]  # fmt: skip
