"""A published port: a listening socket, made elsewhere, whose connections go on to an address in this network.

A socket belongs to the network namespace in which it was made: the notebook makes the listening one, this program
makes the others. Bytes go by splice(2) through a pipe and never into this process; half-closes and resets are handed
on. Orders: {"target": [address, port]}; {"target": null} closes all connections, and each new one at once;
{"until": pid} ends the relay when that process of the lab ends, though no caller waits for it.
"""

from __future__ import annotations

import fcntl
import os
import resource
import select
import socket
import struct
from contextlib import suppress

from .addresses import checked_target, family_of
from .datagrams import Datagrams
from .orders import Orders

TYPE_CHECKING = False  # without the module: programs stay in memory
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .addresses import Target

CHUNK = 1 << 20  # bytes of one splice; a pipe takes 64 KiB
TURNS = 16  # of one direction, before others have theirs
BATCH = 64  # connections or datagrams in a row
SPARE = 32  # empty pipes that are kept: a direction has one only while it holds bytes
TRIES = 2  # of a connection's first packet, after the first: 7 seconds
RESET = struct.pack("ii", 1, 0)  # struct linger: close(2) sends RST
WAIT = os.SPLICE_F_MOVE | os.SPLICE_F_NONBLOCK
EDGES = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET
DONE = {"done": True}


class Direction:
    """Bytes from one socket to another."""

    __slots__ = ("done", "ended", "held", "pipe", "sink", "source")

    def __init__(self, source: socket.socket, sink: socket.socket) -> None:
        self.source, self.sink = source, sink
        self.pipe: tuple[int, int] | None = None
        self.held = 0  # bytes in the pipe
        self.ended = self.done = False  # the source has ended; the sink is shut down

    def move(self, pipes: list[tuple[int, int]]) -> bool:
        """Move what goes without waiting; False if that is all. Raises OSError where a socket was reset."""
        moved = True
        self.pipe = self.pipe or (pipes.pop() if pipes else new_pipe())
        for _ in range(TURNS):
            came = 0 if self.ended else spliced(self.source.fileno(), self.pipe[1], CHUNK)
            self.ended = came == 0
            self.held += max(came, 0)
            went = spliced(self.pipe[0], self.sink.fileno(), self.held) if self.held else 0
            self.held -= max(went, 0)
            moved = came > 0 or went > 0
            if not moved:
                break
        if not self.held:
            pipes.append(self.pipe)
            self.pipe = None
            if self.ended and not self.done:
                self.sink.shutdown(socket.SHUT_WR)
                self.done = True
        return moved


def new_pipe() -> tuple[int, int]:
    """A pipe, as large as this user may have it: the larger, the less often a direction has to wait."""
    pipe = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    with suppress(PermissionError):
        fcntl.fcntl(pipe[0], fcntl.F_SETPIPE_SZ, CHUNK)
    return pipe


def spliced(source: int, sink: int, size: int) -> int:
    """Bytes that splice(2) has moved: 0 at the end, -1 where it would have to wait."""
    try:
        return os.splice(source, sink, size, flags=WAIT)
    except BlockingIOError:
        return -1


class Connection:
    """A client's socket and the one to the target."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client, self.server = client, server
        self.connected = False
        self.directions = (Direction(client, server), Direction(server, client))

    def close(self, *, reset: bool) -> None:
        """Close both sockets."""
        for each in self.directions:
            if reset:
                each.source.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            each.source.close()
            for fd in each.pipe or ():
                os.close(fd)


class Streams:
    """The connections of a TCP port."""

    def __init__(self, listener: socket.socket, target: Target, most: int) -> None:
        self.listener, self.target, self.most = listener, target, most
        self.ready = select.epoll()
        self.ready.register(listener, select.EPOLLIN)
        self.listening = True
        self.connections: dict[int, Connection] = {}  # by each of its two sockets
        self.unfinished: set[Connection] = set()  # there was more to move
        self.pipes: list[tuple[int, int]] = []

    def aim(self, target: Target) -> None:
        """Change the target of new connections; without one, close all."""
        self.target = target
        for connection in set(self.connections.values()) if target is None else ():
            self.drop(connection, reset=True)

    def turn(self, fd: int, events: int) -> None:
        """Do what a descriptor is ready for."""
        if fd == self.listener.fileno():
            self.accept()
        elif connection := self.connections.get(fd):
            if fd == connection.server.fileno() and events & select.EPOLLOUT:
                connection.connected = True
            self.move(connection, failed=bool(events & select.EPOLLERR))

    def accept(self) -> None:
        """Take new connections. Others wait in the backlog while there are too many, or no descriptors."""
        for _ in range(BATCH):
            if len(self.connections) >= 2 * self.most:
                return self.listen(False)
            try:
                client, _ = self.listener.accept()
            except (BlockingIOError, ConnectionError):
                return None
            except OSError:
                return self.listen(False)
            self.connect(client)
        return None

    def listen(self, wanted: bool) -> None:
        """Take new connections, or none."""
        if self.listening != wanted:
            self.ready.modify(self.listener, select.EPOLLIN if wanted else 0)
            self.listening = wanted

    def connect(self, client: socket.socket) -> None:
        """Begin a connection to the target; close the client's where that cannot be."""
        family = family_of(self.target[0]) if self.target else socket.AF_INET
        try:
            connection = Connection(client, socket.socket(family, socket.SOCK_STREAM))
        except OSError:
            return client.close()
        try:
            for sock in (client, connection.server):
                sock.setblocking(False)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.server.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, TRIES)
            if self.target is None:
                raise ConnectionRefusedError
            connection.server.connect_ex(self.target)
            for sock in (client, connection.server):
                self.connections[sock.fileno()] = connection
                self.ready.register(sock, EDGES)
        except OSError:
            self.drop(connection, reset=True)
        return None

    def move(self, connection: Connection, *, failed: bool = False) -> None:
        """Move what goes, both ways."""
        self.unfinished.discard(connection)
        try:
            there, back = connection.directions
            if connection.connected and there.move(self.pipes) | back.move(self.pipes):
                self.unfinished.add(connection)
        except OSError:
            failed = True
        if failed or all(each.done for each in connection.directions):
            self.drop(connection, reset=failed)

    def drop(self, connection: Connection, *, reset: bool) -> None:
        """Close a connection: there is room for another one."""
        self.unfinished.discard(connection)
        for sock in (connection.client, connection.server):
            self.connections.pop(sock.fileno(), None)
        connection.close(reset=reset)
        self.listen(True)

    def timeout(self) -> float:
        """How long to wait for events, in seconds."""
        return 0 if self.unfinished else -1 if self.listening or self.connections else 0.1

    def rest(self) -> None:
        """Go on with what was left; once nothing is, listen again."""
        for connection in list(self.unfinished):
            self.move(connection)
        while len(self.pipes) > SPARE:
            for fd in self.pipes.pop():
                os.close(fd)
        if not self.connections:
            self.listen(True)

    def close(self) -> None:
        """Close all connections, and the port."""
        self.aim(None)
        for fd in (fd for pipe in self.pipes for fd in pipe):
            os.close(fd)
        self.ready.close()
        self.listener.close()


class Life:
    """The process whose end is the relay's. Its number is that of the lab's PID namespace, which the relay is in."""

    def __init__(self) -> None:
        self.pidfd, self.over = -1, False

    def watch(self, pid: int, ready: select.epoll) -> None:
        """Have the end of a process be an event: its pidfd is readable then. It may have ended already."""
        self.close()
        try:
            self.pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            self.over = True
        else:
            ready.register(self.pidfd, select.EPOLLIN)

    def close(self) -> None:
        """Watch no process."""
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1


def serve(listener: int, target: Any, most: int = 0, idle: float = 60, orders: int = 0) -> Iterator[dict[str, Any]]:
    """Relay until the orders end. `most` connections at once, 512 by default, or clients, 256."""
    door, taken = socket.socket(fileno=os.dup(listener)), Orders(orders)
    door.setblocking(False)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    stream = door.type == socket.SOCK_STREAM
    most = min(most or (512 if stream else 256), hard // 8)  # of TCP: two sockets, two pipes, and some spare
    relay = (
        Streams(door, checked_target(target), most) if stream else Datagrams(door, checked_target(target), most, idle)
    )

    life = Life()

    def obey(order: dict[str, Any]) -> dict[str, Any]:
        if "until" in order:
            life.watch(order["until"], relay.ready)
            return DONE
        relay.aim(checked_target(order["target"]))
        return DONE

    try:
        relay.ready.register(orders, select.EPOLLIN)
        yield {"port": door.getsockname()[1]}
        while not (taken.ended or life.over):
            for fd, events in relay.ready.poll(relay.timeout()):
                if fd == orders:
                    yield from taken.answers(obey)
                elif fd == life.pidfd:
                    life.over = True
                else:
                    relay.turn(fd, events)
            relay.rest()
    finally:
        relay.close()
        life.close()
