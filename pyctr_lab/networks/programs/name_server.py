"""The name server of a network, over UDP and TCP.

Bound to the bridge's addresses alone, so that each network has its own. An unknown name is NXDOMAIN at once: no other
server is asked. Orders: {"add": name, "addresses": [...]}, {"remove": name, "addresses": [...]}, {"names": true}.
See RFC 7766 (TCP).
"""

from __future__ import annotations

import os
import select
import socket
import time

from .addresses import family_of
from .dns import LARGEST, Names, answer
from .orders import Orders

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .dns import Records

BATCH = 64  # datagrams in a row
CLIENTS = 64  # connections at once; another one takes the place of the oldest
PATIENCE = 5  # seconds that a connection may take for a question


class Client:
    """A connection over TCP: each message has its length before it."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.until = time.monotonic() + PATIENCE
        self._unread = self.unsent = b""
        sock.setblocking(False)

    def work(self, table: Records) -> bool:
        """Send, answer and read what goes without waiting. False at its end."""
        try:
            if not self._answer(table):
                return False
            come = self.sock.recv(4096)
            self._unread += come
            return bool(come) and self._answer(table)
        except BlockingIOError:
            return True
        except OSError:
            return False

    def _answer(self, table: Records) -> bool:
        while True:
            while self.unsent:
                self.unsent = self.unsent[self.sock.send(self.unsent) :]
            end = 2 + int.from_bytes(self._unread[:2], "big")
            if len(self._unread) < max(end, 2):
                return True
            message, self._unread = self._unread[2:end], self._unread[end:]
            said = answer(table, message, stream=True)
            if said is None:
                return False
            self.unsent = len(said).to_bytes(2, "big") + said
            self.until = time.monotonic() + PATIENCE


class NameServer:
    """Its table and its sockets."""

    def __init__(self) -> None:
        self.names = Names()
        self.ready = select.epoll()
        self.datagrams: dict[int, socket.socket] = {}
        self.listeners: dict[int, socket.socket] = {}
        self.clients: dict[int, Client] = {}  # the oldest first

    def bind(self, address: str, port: int) -> int:
        """Bind to an address; return the port. Raises OSError that names it."""
        family = family_of(address)
        try:
            listener = socket.create_server((address, port), family=family)
            port = listener.getsockname()[1]
            datagrams = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            datagrams.bind((address, port))
        except OSError as why:
            raise OSError(why.errno, os.strerror(why.errno or 0), f"{address} port {port}") from None
        listener.setblocking(False)
        self.datagrams[datagrams.fileno()], self.listeners[listener.fileno()] = datagrams, listener
        for each in (datagrams, listener):
            self.ready.register(each, select.EPOLLIN)
        return port

    def receive(self, sock: socket.socket) -> None:
        """Answer what has come over UDP. What cannot be sent is lost, as it may be."""
        for _ in range(BATCH):
            try:
                message, client = sock.recvfrom(LARGEST)
                said = answer(self.names.records, message, stream=False)
                if said:
                    sock.sendto(said, client)
            except BlockingIOError:
                return
            except OSError:
                continue

    def accept(self, listener: socket.socket) -> None:
        """Take a connection; the oldest makes room for it."""
        while len(self.clients) >= CLIENTS:
            self.drop(next(iter(self.clients)))
        try:
            client = Client(listener.accept()[0])
        except OSError:
            return
        self.clients[client.sock.fileno()] = client
        self.ready.register(client.sock, select.EPOLLIN)

    def work(self, fd: int) -> None:
        """Go on with a connection."""
        client = self.clients[fd]
        if client.work(self.names.records):
            self.ready.modify(fd, select.EPOLLOUT if client.unsent else select.EPOLLIN)
        else:
            self.drop(fd)

    def drop(self, fd: int) -> None:
        """Close a connection."""
        self.clients.pop(fd).sock.close()

    def turn(self, fd: int) -> None:
        """Do what a descriptor is ready for. A connection may have been dropped since."""
        if fd in self.datagrams:
            self.receive(self.datagrams[fd])
        elif fd in self.listeners:
            self.accept(self.listeners[fd])
        elif fd in self.clients:
            self.work(fd)

    def close(self) -> None:
        """Close all sockets."""
        for sock in (
            *self.datagrams.values(),
            *self.listeners.values(),
            *(each.sock for each in self.clients.values()),
        ):
            sock.close()
        self.ready.close()


def serve(address: str, port: int = 53, address6: str = "", orders: int = 0) -> Iterator[dict[str, Any]]:
    """Serve until the orders end. The first row has the port. Raises OSError where an address is not to be had."""
    server, taken = NameServer(), Orders(orders)
    try:
        port = server.bind(address, port)
        if address6:
            server.bind(address6, port)
        server.ready.register(orders, select.EPOLLIN)
        yield {"port": port}
        while not taken.ended:
            for fd, _ in server.ready.poll(1 if server.clients else -1):
                if fd == orders:
                    yield from taken.answers(server.names.obey)
                server.turn(fd)
            now = time.monotonic()
            for fd in [fd for fd, client in server.clients.items() if client.until < now]:
                server.drop(fd)
    finally:
        server.close()
