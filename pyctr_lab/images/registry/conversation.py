"""The conversation with a registry as data: each request, its answer, and the bytes of their bodies."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from urllib.parse import parse_qsl, urlencode, urlsplit

DIGEST = re.compile(r"(sha256:[0-9a-f]{12})[0-9a-f]{52}")
SHOWN = ("mount", "from", "digest", "n", "last")  # of a query; others may hold a secret, or what only the server knows


@dataclass
class Exchange:
    """A request and its answer. `sent` and `received` are bytes of the bodies, without headers.

    `cached`: the blob is on this side, or on the registry's, already, and is not transferred. A request that was
    spared for that reason has status 0; so has one that got no answer. `blob` is the digest that it is about, where
    the path does not say so. Times are in seconds; `begun` counts from the begin of the conversation.
    """

    begun: float
    method: str
    path: str
    status: int = 0
    sent: int = 0
    received: int = 0
    cached: bool = False
    seconds: float = 0.0
    blob: str = ""

    def __str__(self) -> str:
        said = [str(self.status)] * bool(self.status) + ["cached"] * self.cached
        path = DIGEST.sub(r"\1", self.path)
        return f"{self.method:5} {path}  {' '.join(said) or 'no answer'}  sent {self.sent}  received {self.received}"


class Conversation:
    """All exchanges with one registry; several threads may add to it."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._exchanges: list[Exchange] = []
        self._lock = Lock()

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """All of them, the earliest first."""
        with self._lock:
            return tuple(sorted(self._exchanges, key=lambda each: each.begun))

    @property
    def sent(self) -> int:
        """Bytes of all bodies that were sent."""
        return sum(each.sent for each in self.exchanges)

    @property
    def received(self) -> int:
        """Bytes of all bodies that were received."""
        return sum(each.received for each in self.exchanges)

    @contextmanager
    def exchange(self, method: str, path: str) -> Iterator[Exchange]:
        """An exchange that lasts as long as the block; the block fills it in."""
        begun = time.monotonic()
        made = Exchange(begun - self._begun, method, path)
        with self._lock:
            self._exchanges.append(made)
        try:
            yield made
        finally:
            made.seconds = time.monotonic() - begun

    def spared(self, method: str, path: str) -> None:
        """Note a request that was not necessary: its blob is here."""
        with self.exchange(method, path) as made:
            made.cached = True


def shown_path(url: str, origin: str) -> str:
    """The path of an address as a conversation shows it; with its host, if that is another than `origin`."""
    found = urlsplit(url)
    query = urlencode([(key, value) for key, value in parse_qsl(found.query) if key in SHOWN], safe=":/")
    host = f"{found.scheme}://{found.netloc.rpartition('@')[2]}"
    return ("" if host == origin else host) + found.path + (f"?{query}" if query else "")
