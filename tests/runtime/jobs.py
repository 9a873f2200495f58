"""Generators that tests run as root of a lab."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pyctr_lab.errors import Unsupported


def look(made: str = "") -> Iterator[dict[str, Any]]:
    """Who it is, where, and what it has imported. Makes a file."""
    if made:
        Path(made).touch()
    kinds = ("user", "mnt", "pid", "net", "uts")
    namespaces = {kind: os.stat(f"/proc/self/ns/{kind}").st_ino for kind in kinds}
    ours = sorted(name for name in sys.modules if name.startswith("pyctr_lab"))
    yield {"ids": [os.getuid(), os.getgid(), os.getgroups()], "namespaces": namespaces, "modules": ours}


def echo(words: list[str]) -> Iterator[str]:
    yield from words


def wait() -> Iterator[int]:
    """Never ends by itself."""
    yield os.getpid()
    while True:
        os.read(0, 100)


def refuse(kind: str) -> Iterator[None]:
    if kind == "system":
        socket.create_connection(("127.0.0.1", 9))
    if kind == "image":
        from pyctr_lab.images.descriptors import BadImage

        raise BadImage("not an image", hint="another")
    raise Unsupported("not here", hint="there")
    yield


def crash() -> Iterator[int]:
    yield 1
    raise ZeroDivisionError("a mistake")


def serve(gate: int = 0, refuse: str = "") -> Iterator[dict[str, Any]]:
    """A service: an answer to each order; to one that waits, when the gate is closed."""
    if refuse:
        raise OSError(98, "Address already in use", refuse)
    yield {"ids": [os.getuid()], "gate": os.fstat(gate).st_ino}
    for line in sys.stdin:
        order = json.loads(line)
        if "end" in order:
            return
        if "wait" in order:
            os.read(gate, 1)
        yield {"error": "not that"} if "wrong" in order else {"got": order}
