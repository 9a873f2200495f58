"""A program of a network in a thread of the test, over loopback."""

from __future__ import annotations

import json
import os
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class Served:
    """Its first row, and a way to give it orders."""

    def __init__(self, orders: int, rows: queue.Queue[Any]) -> None:
        self._orders, self._rows = orders, rows
        self.port: int = rows.get(timeout=20)["port"]

    def ask(self, order: Any) -> Any:
        os.write(self._orders, json.dumps(order).encode() + b"\n")
        return self._rows.get(timeout=20)


@contextmanager
def served(generator: Callable[..., Iterator[Any]], **words: Any) -> Iterator[Served]:
    """Serve as long as the block."""
    theirs, ours = os.pipe()
    rows: queue.Queue[Any] = queue.Queue()

    def run() -> None:
        for row in generator(orders=theirs, **words):
            rows.put(row)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield Served(ours, rows)
    finally:
        os.close(ours)
        thread.join(20)
        os.close(theirs)
        assert not thread.is_alive()
