"""A load generator: many clients ask a web server at a fixed rate, whether or not it keeps up.

Arguments: port, requests a second (0: each client asks again as soon as it is answered), seconds, clients. Latency
counts from the moment at which a request was due, so what had to wait for a free client is not hidden ("coordinated
omission"). Says a line for each request that was due: milliseconds, and 1; or 0 if it was still waiting at the end.
"""

import io
import itertools
import math
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator

Moments = dict[int, float]  # by the number of a request: seconds


def ask(stream: io.BufferedReader, line: socket.socket, price: int) -> bytes:
    """One request on a kept connection, and its whole answer."""
    line.sendall(b"GET /near/%d HTTP/1.1\r\nHost: shop\r\n\r\n" % price)
    size = 0
    while (head := stream.readline()) != b"\r\n":
        if not head:
            raise ConnectionError("the server has hung up")
        size = int(head.split()[1]) if head.startswith(b"Content-Length") else size
    return stream.read(size)


def client(line: socket.socket, rate: float, begin: float, numbers: Iterator[int], due: Moments, took: Moments) -> None:
    """Take the next request, wait until it is due, send it, and note how long the answer took."""
    with line.makefile("rb") as stream:
        for number in numbers:
            moment = begin + number / rate if rate else max(begin, time.monotonic())
            time.sleep(max(0.0, moment - time.monotonic()))
            due[number] = moment
            ask(stream, line, number * 31 % 10007)
            took[number] = time.monotonic() - moment


def fail(what: threading.ExceptHookArgs) -> None:
    """A client that fails is no latency: the whole generator fails with it."""
    print(f"{what.exc_type.__name__}: {what.exc_value}", file=sys.stderr, flush=True)
    os._exit(1)


if __name__ == "__main__":
    threading.excepthook = fail
    port, rate, seconds, clients = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    lines = [socket.create_connection(("127.0.0.1", port)) for _ in range(clients)]
    begin, numbers = time.monotonic() + 0.05, itertools.count()
    due, took = Moments(), Moments()
    for line in lines:
        threading.Thread(target=client, args=(line, rate, begin, numbers, due, took), daemon=True).start()
    end = begin + seconds
    time.sleep(max(0.0, end - time.monotonic()))
    took, asked = dict(took), dict(due)  # in this order: a request that took its time was due
    asked |= {
        number: begin + number / rate for number in range(int(seconds * rate))
    }  # requests that no client has sent yet
    for number, moment in sorted(asked.items()):
        waited = took.get(number, math.inf)
        if moment < end:
            print(f"{1000 * min(waited, end - moment):.3f} {int(moment + waited <= end)}")
    sys.stdout.flush()
    os._exit(0)  # the clients are still waiting
