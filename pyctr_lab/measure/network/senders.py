"""What sends bytes: iperf3 where it is installed, a program of our own elsewhere."""

from __future__ import annotations

import json
import math
import shutil
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...errors import LabError
from .places import ProgramPlace

PROGRAMS = Path(__file__).parents[1] / "programs"
PYTHON = ("/usr/bin/python3", "-I", "-S", "-c")
OWN, IPERF3 = "our own sender, in Python: iperf3 is not installed", "iperf3"


@dataclass(frozen=True)
class Sender:
    """Words for both sides. `ready` is what a receiver says when it listens; `gbits` reads what a sender says."""

    name: str
    receive: Callable[[int], list[str]]
    ready: str
    send: Callable[[str, int, float], list[str]]
    gbits: Callable[[str], float]


def program_words(name: str, *words: object) -> list[str]:
    """A program of ours, for a place that does not see this package's folder."""
    return [*PYTHON, (PROGRAMS / f"{name}.py").read_text(), *map(str, words)]


def find_sender() -> Sender:
    """The best that is here."""
    found = shutil.which("iperf3")
    if found is None:
        return own_sender()
    return Sender(
        IPERF3,
        lambda port: [found, "--server", "--one-off", "--forceflush", "--port", str(port)],
        "Server listening",
        lambda address, port, seconds: [
            found, "--client", address, "--port", str(port), "--time", str(math.ceil(seconds)), "--json"
        ],
        iperf3_gbits,
    )  # fmt: skip


def own_sender() -> Sender:
    """Our own program."""
    return Sender(
        OWN,
        lambda port: program_words("stream", "receive", port),
        "ready",
        lambda address, port, seconds: program_words("stream", "send", address, port, seconds),
        printed_number,
    )


def iperf3_gbits(said: str) -> float:
    """What the receiver got, of a report in JSON. Raises LabError."""
    try:
        return float(json.loads(said)["end"]["sum_received"]["bits_per_second"]) / 1e9
    except (ValueError, KeyError, TypeError):
        raise LabError(f"iperf3 failed: {' '.join(said.split())[-200:]}") from None


def printed_number(said: str) -> float:
    """The number that a program of ours prints. Raises LabError."""
    try:
        return float(said)
    except ValueError:
        raise LabError(f"a sender failed: {' '.join(said.split())[-200:]}") from None


def stream(
    sender: Sender, client: ProgramPlace, server: ProgramPlace, port: int, seconds: float, at: tuple[str, int]
) -> float:
    """10^9 bits a second from one place to another: the server listens at `port`, the client reaches it `at`."""
    with server.running(sender.receive(port)) as receiver:
        receiver.read(sender.ready)
        return sender.gbits(client.output(sender.send(*at, seconds)))


def connection(client: ProgramPlace, server: ProgramPlace, port: int, count: int, at: tuple[str, int]) -> float:
    """Milliseconds of a connection, from connect to close."""
    with server.running(program_words("stream", "receive", port)) as receiver:
        receiver.read("ready")
        return printed_number(client.output(program_words("stream", "connect", *at, count)))


def free_port() -> int:
    """A port of 127.0.0.1 that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        return int(made.getsockname()[1])
