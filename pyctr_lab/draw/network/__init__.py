"""Pictures of a network: the map of its namespaces and cables, a packet's path, and a conversation.

Blue bars are the walls of network namespaces: a cable leads through, or a socket that was made on the other side.
"""

from __future__ import annotations

from ...networks.view import NetworkView
from ..marks import SMALL_PAGE, WIDE_PAGE
from ..picture import Picture
from .drawing import network_svg
from .words import alt_text, network_plan, title

__all__ = ["alt_text", "network", "title"]


def network(view: NetworkView) -> Picture:
    """The map of a network: the notebook's published ports, the lab with the bridge, and up to eight containers.

    What `view.changed` names is emphasized; containers beyond eight are counted. Raises BadInput.
    """
    plan = network_plan(view)
    heading, words = title(view), alt_text(view)
    wide, small = (network_svg(plan, page, heading, words) for page in (WIDE_PAGE, SMALL_PAGE))
    return Picture(wide, words, heading, small)
