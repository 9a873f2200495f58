from __future__ import annotations

import socket
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress

from pyctr_lab.measure.programs import load

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@contextmanager
def answering(answer):
    """A server of one client that answers each request, or hangs up when there is nothing to say."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve():
            guest, _ = door.accept()
            with guest, suppress(ConnectionResetError):  # the client ends when its time is over
                while guest.recv(4096) and answer:
                    guest.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield door.getsockname()[1]


def told(port, *, rate, seconds=0.2):
    command = [sys.executable, "-I", "-S", load.__file__, *map(str, (port, rate, seconds, 1))]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_each_request_that_was_due_has_a_line():
    with answering(ANSWER) as port:
        lines = told(port, rate=50).stdout.splitlines()
    assert len(lines) >= 10
    assert all(float(took) > 0 and done in "01" for took, done in map(str.split, lines))


def test_what_nobody_answers_counts_with_its_wait():
    with socket.create_server(("127.0.0.1", 0)) as door:  # takes connections, and says nothing
        lines = told(door.getsockname()[1], rate=50).stdout.splitlines()
    waits = [float(line.removesuffix(" 0")) for line in lines]
    assert len(waits) == 10 and waits == sorted(waits, reverse=True)
    assert 199 < waits[0] <= 200


def test_without_a_rate_a_client_asks_again_when_it_is_answered():
    with answering(ANSWER) as port:
        assert all(line.endswith(" 1") for line in told(port, rate=0).stdout.splitlines()[:-1])


def test_a_server_that_hangs_up_is_a_failure_and_no_latency():
    with answering(b"") as port:
        done = told(port, rate=50)
    assert (done.returncode, done.stdout) == (1, "") and "Connection" in done.stderr
