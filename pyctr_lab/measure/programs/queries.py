"""Ask a name server for one name, again and again: `ADDRESS NAME COUNT`. Prints answers a second.

A few questions are under way at once, so that the server is never idle. See RFC 1035.
"""

import socket
import struct
import sys
import time

WINDOW = 16
SECONDS = 10  # for an answer


def question(number: int, name: str) -> bytes:
    """A datagram that asks for the IPv4 address of a name."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">6H", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", 1, 1)


def answers_a_second(address: str, name: str, count: int) -> float:
    """Ask `count` times. Raises OSError where there is no answer, ValueError for one without an address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.settimeout(SECONDS)
        line.connect((address, 53))
        began, asked = time.perf_counter(), 0
        for came in range(count):
            while asked < min(count, came + WINDOW):
                line.send(question(asked & 0xFFFF, name))
                asked += 1
            if struct.unpack_from(">H", line.recv(512), 6)[0] != 1:
                raise ValueError(f"{name} has no address")
        return count / (time.perf_counter() - began)


if __name__ == "__main__":
    print(answers_a_second(sys.argv[1], sys.argv[2], int(sys.argv[3])))
