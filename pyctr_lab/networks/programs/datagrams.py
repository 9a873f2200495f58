"""The clients of a published UDP port."""

from __future__ import annotations

import select
import socket
import time

from .addresses import family_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .addresses import Target

BATCH = 64  # datagrams in a row


class Datagrams:
    """The clients of a UDP port: each has a socket of its own, which is connected to the target."""

    def __init__(self, listener: socket.socket, target: Target, most: int, idle: float) -> None:
        self.listener, self.target, self.most, self.idle = listener, target, most, idle
        self.ready = select.epoll()
        self.ready.register(listener, select.EPOLLIN)
        self.clients: dict[Any, tuple[socket.socket, float]] = {}  # the least recently used first
        self.addresses: dict[int, Any] = {}

    def aim(self, target: Target) -> None:
        """Change the target; forget all clients."""
        self.target = target
        for client in list(self.clients):
            self.drop(client)

    def drop(self, client: Any) -> None:
        """Forget a client."""
        sock, _ = self.clients.pop(client)
        del self.addresses[sock.fileno()]
        sock.close()

    def turn(self, fd: int, events: int) -> None:
        """Hand on what has come. A datagram may be lost, and an error is the sender's to find out."""
        for _ in range(BATCH):
            try:
                if fd == self.listener.fileno():
                    data, client = self.listener.recvfrom(65535)
                    self.socket_of(client).send(data)
                elif client := self.addresses.get(fd):
                    self.listener.sendto(self.socket_of(client).recv(65535), client)
            except BlockingIOError:
                return
            except OSError:
                continue

    def socket_of(self, client: Any) -> socket.socket:
        """The socket of a client, the last to be dropped from now on. Raises OSError."""
        if self.target is None:
            raise ConnectionRefusedError
        sock, _ = self.clients.pop(client, (None, 0))
        if sock is None:
            while len(self.clients) >= self.most:
                self.drop(next(iter(self.clients)))
            sock = socket.socket(family_of(self.target[0]), socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            sock.connect(self.target)
            self.ready.register(sock, select.EPOLLIN)
        self.clients[client], self.addresses[sock.fileno()] = (sock, time.monotonic()), client
        return sock

    def timeout(self) -> float:
        """How long to wait for events, in seconds."""
        return min(self.idle, 1) if self.clients else -1

    def rest(self) -> None:
        """Forget clients that are idle."""
        now = time.monotonic()
        for client in [each for each, (_, used) in self.clients.items() if used + self.idle < now]:
            self.drop(client)

    def close(self) -> None:
        """Forget all clients, and close the port."""
        self.aim(None)
        self.ready.close()
        self.listener.close()
