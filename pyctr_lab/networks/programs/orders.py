"""Orders that a program of a network takes: a line of JSON each, and an answer to each. The end of them is its own."""

from __future__ import annotations

import json
import os

TYPE_CHECKING = False  # without the module: programs stay in memory
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any


class Orders:
    """The lines that come from a descriptor. `ended` once it was closed."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.ended = False
        self._rest = b""

    def answers(self, obey: Callable[[dict[str, Any]], dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Carry out what has come. A wrong order is answered by an `error`, and changes nothing."""
        come = os.read(self.fd, 1 << 16)
        self.ended = not come
        *lines, self._rest = (self._rest + come).split(b"\n")
        for line in lines:
            try:
                yield obey(json.loads(line))
            except (AttributeError, KeyError, TypeError, ValueError, OSError) as why:
                yield {"error": f"a wrong order: {why}"}
