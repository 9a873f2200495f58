"""Networks of a lab: namespaces joined by cables (veth pairs) to a bridge, and ports published to the notebook."""

from __future__ import annotations

from .view import Door, Learned, Link, NetworkView, Room

__all__ = ["Door", "Learned", "Link", "NetworkView", "Room"]
