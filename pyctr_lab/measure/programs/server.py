"""A web server, one process: GET /near/PRICE answers with the ten goods nearest to a price. It logs each request.

Arguments: the access log, and how many lines of yesterday it begins with. Says its port when it is ready.
"""

import io
import select
import socket
import sys
import time

GOODS = [(number * 7919) % 10007 for number in range(4000)]  # their prices; looking through them is the server's work


def answer(request: bytes) -> bytes:
    """The whole answer to a request, as bytes."""
    price = int(request.split()[1].rpartition(b"/")[2])
    body = b"%a\n" % sorted(GOODS, key=lambda each: abs(each - price))[:10]
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def line(request: bytes, size: int) -> bytes:
    """A line of the access log, in the Common Log Format."""
    when = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime()).encode()
    return b'127.0.0.1 - - [%s] "%s" 200 %d\n' % (when, request.partition(b"\r\n")[0], size)


def attend(guest: socket.socket, log: io.RawIOBase) -> bool:
    """Answers a client's next request. False when the client is gone."""
    try:
        request = guest.recv(4096)
        if request:
            answered = answer(request)
            guest.sendall(answered)
            log.write(line(request, len(answered)))
        return bool(request)
    except ConnectionError:
        return False


def serve(door: socket.socket, log: io.RawIOBase) -> None:
    """Answer the requests one after the other; keep each connection until its client closes it."""
    ready, guests = select.epoll(), dict[int, socket.socket]()
    ready.register(door, select.EPOLLIN)
    while True:
        for fd, _ in ready.poll():
            if fd == door.fileno():
                guest, _ = door.accept()
                guests[guest.fileno()] = guest
                ready.register(guest, select.EPOLLIN)
            elif not attend(guests[fd], log):
                guests.pop(fd).close()


if __name__ == "__main__":
    with open(sys.argv[1], "wb", buffering=0) as log, socket.create_server(("127.0.0.1", 0)) as door:
        log.write(b"".join(line(b"GET /near/%d HTTP/1.1" % (n % 9973), 100) for n in range(int(sys.argv[2]))))
        print(door.getsockname()[1], flush=True)
        serve(door, log)
