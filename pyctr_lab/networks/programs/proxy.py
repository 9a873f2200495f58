"""The way out of a lab without one: an HTTP proxy that knows CONNECT alone. `python -I -S proxy.py FD [loopback]`.

The listening socket FD was made in the lab's network namespace; this program runs where the notebook does, and makes
its own sockets there. It prints each target that it has reached as a line of JSON, and ends when its standard input
does. What listens on this machine alone is not a target, unless `loopback` is given: a container must not reach the
notebook. See RFC 9110.
"""

from __future__ import annotations

import ipaddress
import json
import os
import socket
import sys
import threading
from contextlib import suppress

MOST = 64  # connections at once; others wait in the backlog
HEAD = 16384  # bytes of a request
PATIENCE = 10  # seconds for a request, and for a connection to its target
PIECE = 1 << 16
room = threading.BoundedSemaphore(MOST)


class Refusal(Exception):
    """A status and a reason, for the client."""


def read_target(client: socket.socket) -> tuple[str, int]:
    """The host and the port of a CONNECT. Raises Refusal, OSError."""
    head = b""
    while b"\r\n\r\n" not in head:
        more = client.recv(HEAD)
        head += more
        if not more or len(head) > HEAD:
            raise Refusal("400 Bad Request", "this request has no end")
    if head.partition(b"\r\n\r\n")[2]:
        raise Refusal("400 Bad Request", "a client waits for the answer before it sends more")
    method, _, rest = head.partition(b" ")
    if method != b"CONNECT":
        raise Refusal("405 Method Not Allowed", "this way out knows CONNECT alone: use https, not http")
    host, _, port = rest.partition(b" ")[0].decode("latin-1").rpartition(":")
    if not 0 < len(host) < 256 or not port.isascii() or not port.isdigit() or not 0 < int(port[:9]) < 65536:
        raise Refusal("400 Bad Request", "CONNECT takes host:port")
    return host.strip("[]"), int(port)


def connected(host: str, port: int, loopback: bool) -> socket.socket:
    """A connection to a target, at the first of its addresses that answers. Raises Refusal."""
    why = "it has no address"
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as failure:
        raise Refusal("502 Bad Gateway", f"{host}: {getattr(failure, 'strerror', failure)}") from None
    for address in [each[4][:2] for each in found]:
        if not loopback and is_local(str(address[0])):
            raise Refusal("403 Forbidden", f"{host} is this machine, not outside")
        try:
            return socket.create_connection((str(address[0]), int(address[1])), PATIENCE)
        except OSError as failure:
            why = failure.strerror or "no answer"
    raise Refusal("502 Bad Gateway", f"{host} port {port}: {why}")


def is_local(address: str) -> bool:
    """Whether an address means this machine, its link or a group: loopback, 169.254.0.0/16, multicast, 0.0.0.0."""
    found = ipaddress.ip_address(address.partition("%")[0])
    found = getattr(found, "ipv4_mapped", None) or found
    return found.is_loopback or found.is_link_local or found.is_multicast or found.is_unspecified


def copy(source: socket.socket, sink: socket.socket) -> None:
    """Hand on bytes, and their end; end both where one was reset."""
    piece = memoryview(bytearray(PIECE))
    try:
        while size := source.recv_into(piece):
            sink.sendall(piece[:size])
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        for sock in (source, sink):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


def attend(client: socket.socket, loopback: bool) -> None:
    """Serve a client until both ends have closed."""
    with client, suppress(OSError):
        client.settimeout(PATIENCE)
        try:
            host, port = read_target(client)
            server = connected(host, port, loopback)
            report({"connect": f"{host}:{port}"})
        except Refusal as why:
            status, reason = why.args
            client.sendall(f"HTTP/1.1 {status}\r\nAllow: CONNECT\r\nConnection: close\r\n\r\n{reason}\n".encode())
            return
        with server:
            for sock in (client, server):
                sock.settimeout(None)
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=copy, args=(server, client), daemon=True)
            back.start()
            copy(client, server)
            back.join()


def report(row: dict[str, str]) -> None:
    """Print a row; drop it where it is not read. One write, so that rows of threads do not mix."""
    with suppress(BlockingIOError):
        os.write(1, json.dumps(row).encode() + b"\n")


def serve(listener: socket.socket, loopback: bool) -> None:
    """Take connections."""
    while True:
        room.acquire()
        with suppress(OSError):
            client, _ = listener.accept()
            threading.Thread(target=then_leave, args=(client, loopback), daemon=True).start()
            continue
        room.release()


def then_leave(client: socket.socket, loopback: bool) -> None:
    """Serve a client, and make room for another one."""
    try:
        attend(client, loopback)
    finally:
        room.release()


if __name__ == "__main__":
    os.set_blocking(1, False)
    listener = socket.socket(fileno=int(sys.argv[1]))
    listener.setblocking(True)
    threading.stack_size(1 << 18)
    threading.Thread(target=serve, args=(listener, sys.argv[2:] == ["loopback"]), daemon=True).start()
    while os.read(0, 4096):
        pass
    os._exit(0)
