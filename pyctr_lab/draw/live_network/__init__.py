"""The network map, live: redrawn while a cell runs or after it; its still is the picture `network`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ...errors import BadInput
from ...kernel.checks import check_function, short_repr
from ...networks.view import NetworkView
from ..network.words import HINT

if TYPE_CHECKING:
    from .panel import NetworkWidget

__all__ = ["live_network"]


def live_network(read: Callable[[], NetworkView], *, seconds: float = 60.0) -> NetworkWidget:
    """The map, redrawn twice a second from what `read` returns; what has changed since the look before is emphasized.

        with draw.live_network(net.view):       # shown at once; a still when the block ends
            net.unplug("shop")

    Without a block, `start()` shows it and the cell may return; it ends after `seconds`, by `stop()`, and when `read`
    raises an error of the lab. Raises BadInput.
    """
    if check_function(read, "what reads a network") is None:
        raise BadInput(f"what reads a network is a function, not {short_repr(read)}", hint=HINT)
    from .panel import NetworkWidget  # brings ipywidgets with it

    return NetworkWidget(read, seconds=seconds)
