"""A proxy on loopback between the client and a registry, which cuts, stalls, lies, and counts bytes as a test asks."""

from __future__ import annotations

import http.client
import io
import re
import socket
import ssl
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

Change = Callable[[bytes], bytes]
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close by a reset, see socket(7)


@dataclass
class Rule:
    """What is done to requests that match, `times` of them."""

    request: str  # a pattern of "METHOD /path"
    times: int = 1
    status: int = 0  # answered by the proxy itself, if it is not 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    stall: bool = False  # no answer at all
    answer: Change | None = None  # changes the registry's answer
    sent: Change | None = None  # changes what is sent to the registry
    lose: bool = False  # the registry's answer does not arrive


class Proxy(ThreadingHTTPServer):
    """`up` and `down` count all bytes from and to the client; at `cut_up` or `cut_down` of them it cuts, once."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, target: str, *, tls: tuple[Path, Path] | None = None, host: str = "127.0.0.1") -> None:
        super().__init__((host, 0), Handler)
        self.target, self.tls = target, tls
        self.rules: list[Rule] = []
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.up = self.down = 0
        self.cut_up: int | None = None
        self.cut_down: int | None = None
        self.reset = True
        self.lock, self.ended = Lock(), Event()
        Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def address(self) -> str:
        return f"{self.server_address[0]!s}:{self.server_address[1]}"

    def get_request(self) -> tuple[Any, Any]:
        connection, address = super().get_request()
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.tls[1], self.tls[0])
            connection = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, *_: object) -> None:
        pass  # a client that is cut says so in its own test

    def end(self) -> None:
        self.ended.set()
        self.shutdown()
        self.server_close()

    def rule(self, request: str) -> Rule | None:
        with self.lock:
            for each in self.rules:
                if each.times > 0 and re.search(each.request, request):
                    each.times -= 1
                    return each
        return None

    def passing(self, way: str, wanted: int) -> int:
        """How many of these bytes may pass. Raises ConnectionAbortedError where the cut is."""
        with self.lock:
            cut, done = getattr(self, f"cut_{way}"), getattr(self, way)
            allowed = wanted if cut is None else min(wanted, cut - done)
            if allowed <= 0 < wanted:
                setattr(self, f"cut_{way}", None)
                raise ConnectionAbortedError("cut here")
            return allowed

    def passed(self, way: str, count: int) -> None:
        with self.lock:
            setattr(self, way, getattr(self, way) + count)


class Metered(io.RawIOBase):
    """A connection whose bytes are counted, and cut."""

    def __init__(self, proxy: Proxy, connection: socket.socket) -> None:
        self.proxy, self.connection = proxy, connection

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        allowed = self.proxy.passing("up", len(buffer))
        count = self.connection.recv_into(buffer, allowed)
        self.proxy.passed("up", count)
        return count

    def write(self, data: Any) -> int:
        left = memoryview(data)
        while left:
            allowed = self.proxy.passing("down", len(left))
            self.connection.sendall(left[:allowed])
            self.proxy.passed("down", allowed)
            left = left[allowed:]
        return len(data)


class Handler(BaseHTTPRequestHandler):
    server: Proxy
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.rfile = io.BufferedReader(Metered(self.server, self.connection), 65536)
        self.wfile = Metered(self.server, self.connection)

    def log_message(self, *_: object) -> None:
        pass

    def handle(self) -> None:
        with suppress(OSError):
            super().handle()
            return
        if self.server.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        with suppress(OSError):
            self.connection.close()

    def forward(self) -> None:
        request = f"{self.command} {self.path}"
        with self.server.lock:
            self.server.requests.append((request, dict(self.headers)))
        rule = self.server.rule(request) or Rule("")
        left = int(self.headers.get("Content-Length") or 0)
        if rule.stall:
            self.server.ended.wait()
            raise ConnectionAbortedError
        if rule.status:
            while left > 0 and (chunk := self.rfile.read1(min(left, 65536))):
                left -= len(chunk)
            self.answer(rule.status, {"Content-Length": str(len(rule.body)), **rule.headers}, rule.body)
            return
        host, _, port = self.server.target.rpartition(":")
        registry = http.client.HTTPConnection(host, int(port), timeout=60)
        try:
            registry.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                registry.putheader(name, value)
            if self.server.tls:  # the registry names its own addresses
                registry.putheader("X-Forwarded-Proto", "https")
            registry.endheaders()
            while left > 0:
                chunk = self.rfile.read1(min(left, 65536))
                if not chunk:
                    raise ConnectionAbortedError
                left -= len(chunk)
                registry.send(rule.sent(chunk) if rule.sent else chunk)
            found = registry.getresponse()
            if rule.lose:
                raise ConnectionAbortedError
            raw = found.read()
            changed = rule.answer(raw) if rule.answer else raw
            headers = {name: value for name, value in found.getheaders() if name != "Transfer-Encoding"}
            if self.command != "HEAD" and found.status != 204:
                headers["Content-Length"] = str(len(changed))
            self.answer(found.status, {**headers, **rule.headers}, changed)
        finally:
            registry.close()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = forward

    def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
