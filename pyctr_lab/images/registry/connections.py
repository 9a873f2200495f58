"""Connections whose answers have whole headers.

http.client takes headers that end with the connection for all of them: a cut there would lose a digest, or half of it.
"""

from __future__ import annotations

import http.client
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection


class WholeLines:
    """A file whose lines are whole: raises IncompleteRead where the file ends before the empty line."""

    def __init__(self, file: Any) -> None:
        self.file = file

    def readline(self, most: int = -1) -> bytes:
        """The next line."""
        line: bytes = self.file.readline(most)
        if not line.endswith(b"\n") and len(line) != most:
            raise http.client.IncompleteRead(line)
        return line

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


class WholeAnswer(http.client.HTTPResponse):
    """An answer of http.client with whole headers."""

    def __init__(self, *words: Any, **options: Any) -> None:
        super().__init__(*words, **options)
        self.fp: Any = WholeLines(self.fp)

    def begin(self) -> None:
        """Read the headers."""
        super().begin()
        if self.fp is not None:
            self.fp = self.fp.file


def whole_answers(pool: urllib3.PoolManager) -> urllib3.PoolManager:
    """Let a pool's connections read such answers."""
    plain = type("Plain", (HTTPConnection,), {"response_class": WholeAnswer})
    secure = type("Secure", (HTTPSConnection,), {"response_class": WholeAnswer})
    pool.pool_classes_by_scheme = {
        "http": type("PlainPool", (urllib3.HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("SecurePool", (urllib3.HTTPSConnectionPool,), {"ConnectionCls": secure}),
    }
    return pool
