"""Bytes and connections over TCP: `receive PORT`, `send ADDRESS PORT SECONDS`, `connect ADDRESS PORT COUNT`.

A receiver says how many bytes came when a connection's other side is done, so that a sender's time ends there. Prints
`ready`; 10^9 bits a second; the median of a connection, from connect to close, in milliseconds.
"""

import socket
import statistics
import struct
import sys
import time

CHUNK = bytes(1 << 17)
COUNT = struct.Struct("=Q")  # bytes that came


def receive(port: int) -> None:
    """Serve one connection after another, until this process is killed."""
    room = memoryview(bytearray(1 << 20))
    with socket.create_server(("", port), backlog=128) as listening:
        print("ready", flush=True)
        while True:
            came, line = 0, listening.accept()[0]
            with line:
                while size := line.recv_into(room):
                    came += size
                line.sendall(COUNT.pack(came))


def send(address: str, port: int, seconds: float) -> float:
    """Send as fast as can be."""
    with socket.create_connection((address, port)) as line:
        began = time.perf_counter()
        while time.perf_counter() - began < seconds:
            line.sendall(CHUNK)
        return closed(line) * 8 / (time.perf_counter() - began) / 1e9


def connect(address: str, port: int, count: int) -> float:
    """Make connections, one after another."""
    took = []
    for _ in range(count):
        began = time.perf_counter()
        with socket.create_connection((address, port)) as line:
            closed(line)
        took.append(time.perf_counter() - began)
    return statistics.median(took) * 1000


def closed(line: socket.socket) -> int:
    """End our side; how many bytes have come over there."""
    line.shutdown(socket.SHUT_WR)
    return int(COUNT.unpack(line.recv(COUNT.size, socket.MSG_WAITALL))[0])


if __name__ == "__main__":
    word, *rest = sys.argv[1:]
    if word == "receive":
        receive(int(rest[0]))
    elif word == "send":
        print(send(rest[0], int(rest[1]), float(rest[2])))
    else:
        print(connect(rest[0], int(rest[1]), int(rest[2])))
