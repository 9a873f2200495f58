"""What lesson 05 uses beside the lab: a page server, questions to it, rules, a stream that is timed."""

from __future__ import annotations

import shutil
import socket
import time
from http.client import HTTPResponse
from pathlib import Path

from ..errors import LabError
from ..networks.rules import FOLDERS
from ..runtime import Container, Program
from ..steps import Step

PYTHON = ("/usr/bin/python3", "-I", "-S", "-c")
LISTEN = "0A"  # in /proc/PID/net/tcp
PATIENCE = 20  # seconds for a program to listen
WAIT, MOMENT = 2, 0.2  # seconds for an answer, and for one more datagram

SERVER = """
import socket, sys
page = sys.argv[1].encode()
head = b"HTTP/1.0 200 OK\\r\\nContent-Type: text/plain\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(page)
server = socket.create_server(("", int(sys.argv[2])))
while True:
    talk, _ = server.accept()
    with talk:
        talk.recv(4096)
        talk.sendall(head + page)
"""

SINK = """
import socket, sys, time
server = socket.create_server(("", int(sys.argv[1])))
talk, _ = server.accept()
room, count, began = bytearray(1 << 18), 0, time.perf_counter()
while part := talk.recv_into(room):
    count += part
print(count * 8 / (time.perf_counter() - began) / 1e9)
"""

SOURCE = """
import socket, sys, time
talk = socket.create_connection((sys.argv[1], int(sys.argv[2])), 10)
block, until = bytes(1 << 18), time.perf_counter() + float(sys.argv[3])
while time.perf_counter() < until:
    talk.sendall(block)
"""


def apply_once(box: Container, step: Step) -> None:
    """Apply a step that the container has not taken yet, and print what it is in the shell."""
    if step not in [result.step for result in box.history]:
        box.apply(step)
    print("in the shell:", step.shell())


def without_ipv6(box: Container) -> None:
    """Switch IPv6 off in a container's network: its interfaces would speak before they are asked to."""
    box.run(["sh", "-c", "for where in all default; do echo 1 > /proc/sys/net/ipv6/conf/$where/disable_ipv6; done"])


def ping(box: Container, address: str, size: int = 56) -> str:
    """Ask an address for an echo, once, and wait two seconds: "it answers", or what was said instead."""
    done = box.run(["busybox", "ping", "-c", "1", "-W", str(WAIT), "-s", str(size), address])
    said = done.stderr.strip().rpartition(": ")[2]
    return "it answers" if done.returncode == 0 else said or "no answer"


def serve(box: Container, page: str, port: int = 80) -> Program:
    """Start a program in a container that says `page` to each who asks. It listens when this returns."""
    return _started(box, [*PYTHON, SERVER, page, str(port)], port)


def read_page(box: Container, address: str, port: int = 80) -> str:
    """The page of a server, as a container sees it; or what its kernel says instead."""
    said = "no answer"
    try:
        with box.socket() as talk:
            talk.settimeout(WAIT)
            talk.connect((address, port))
            said = "connected, then nothing"
            talk.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return page_of(talk)
    except TimeoutError:
        return said
    except OSError as why:
        return why.strerror or str(why)


def page_of(talk: socket.socket) -> str:
    """The page that comes by a connection: as long as its head says, even if the server keeps the connection."""
    page = HTTPResponse(talk)
    page.begin()
    return page.read().decode()


def datagrams(inbox: socket.socket) -> list[bytes]:
    """What has come to a socket for datagrams, until nothing comes for a moment."""
    inbox.settimeout(MOMENT)
    found: list[bytes] = []
    try:
        while True:
            found.append(inbox.recv(65535))
    except TimeoutError:
        return found


def unused_port() -> int:
    """A port of this machine's 127.0.0.1 that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def set_rules(box: Container, rules: str) -> None:
    """Have nft replace all rules of a container's network by these. Raises LabError with its words."""
    done = box.run([_nft(), "-f", "-"], stdin=f"flush ruleset\n{rules}\n", timeout=60)
    if done.returncode:
        raise LabError(f"nft refused the rules: {done.stderr.strip()[:300]}")


def list_rules(box: Container) -> str:
    """All rules of a container's network, as nft lists them."""
    return box.run([_nft(), "list", "ruleset"], timeout=60).stdout.expandtabs(4).rstrip()


def _nft() -> str:
    return shutil.which("nft", path=FOLDERS) or "nft"


def gigabits(server: Container, client: Container, address: str, *, seconds: float = 0.2, port: int = 5201) -> float:
    """Gbit/s of one stream of TCP from a container to an address of another, or of its own."""
    sink = _started(server, [*PYTHON, SINK, str(port)], port)
    client.run([*PYTHON, SOURCE, address, str(port), str(seconds)], timeout=60)
    return float(sink.wait(60).stdout)


def _started(box: Container, argv: list[str], port: int) -> Program:
    program = box.start(argv)
    until = time.monotonic() + PATIENCE
    while not listens(program.machine_pid, port):
        if not program.alive or time.monotonic() > until:
            raise LabError(f"no program listens on port {port}: {program.end().stderr.strip()[-200:]}")
        time.sleep(0.005)
    return program


def listens(pid: int, port: int) -> bool:
    """Whether a TCP socket listens on a port in the network namespace of a process of this machine."""
    try:
        lines = Path(f"/proc/{pid}/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return False
    columns = (line.split() for line in lines)
    return any(each[3] == LISTEN and int(each[1].rpartition(":")[2], 16) == port for each in columns)
